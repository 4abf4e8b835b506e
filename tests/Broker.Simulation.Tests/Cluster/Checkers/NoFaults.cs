using Broker.Actors.Storage;
using Broker.Storage.Disks;

namespace Broker.Simulation.Tests.Cluster.Checkers;

/// <summary>No actor of a node fails, and nothing that a node says is an error, unless its disk is damaged.</summary>
internal static class NoFaults
{
    public static void Look(MemberLife life)
    {
        if (life.Faults.Count > 0 && !life.Member.Disk.HasCrashed)
        {
            var faults = life.Faults.Where(f => f.Exception is not DiskCrashedException && f.Exception?.InnerException is not DiskCrashedException).ToList();
            Assert.True(faults.Count == 0, $"{life.Member}: {string.Join("\n", faults.Take(3).Select(f => $"{f.Kind} in {f.Path}: {f.Exception}"))}");
        }

        if (!life.Member.IsDamaged && life.Notices.Find(n => n.Severity == StoreNoticeSeverity.Error) is { } error)
        {
            Assert.Fail($"{life.Member} says: {error.Text}");
        }
    }
}
