using Broker.Storage.Disks;

namespace Broker.Simulation.Tests;

/// <summary>The node loses power, or is killed, at whatever moment, again and again.</summary>
public sealed class CrashTests
{
    private const int OperationsOfShortHistories = 12;

    [Fact]
    public void Nothing_confirmed_is_lost_and_nothing_settled_comes_back()
    {
        var seen = new Coverage();
        Seeds.Run(Seeds.Count, seed => seen.Add(World.Run(CrashesOf(seed)).Seen));
        TestContext.Current.SendDiagnosticMessage(seen.ToString());
        seen.Check();
    }

    /// <summary>Seeds that found something: one in tens of thousands.</summary>
    [Theory]
    [InlineData(44750)] // a queue was deleted while its messages were being read: what was gone was reported as damaged
    public void Histories_that_went_wrong_once_do_not_again(int seed) => World.Run(CrashesOf(seed));

    private static WorldOptions CrashesOf(int seed)
    {
        // Most histories are short, so that there are many; some are long enough for segments to be emptied and copied together.
        var actions = (seed % 10) switch { 0 => 400, < 4 => 120, _ => 50 };
        return new WorldOptions { Seed = seed, Crashes = 1 + (seed % 3), Actions = actions, Features = seed % 4 == 1 };
    }

    [Fact]
    public void A_crash_at_any_disk_operation_is_survived() => Seeds.Run(Math.Max(4, Seeds.Count / 200), seed =>
    {
        var whole = World.Run(new WorldOptions { Seed = seed, Crashes = 1, CrashAt = long.MaxValue, Actions = OperationsOfShortHistories, Features = seed % 4 == 1 });
        for (var at = 1L; at <= whole.OperationsOfFirstLife; at++)
        {
            World.Run(new WorldOptions { Seed = seed, Crashes = 1, CrashAt = at, Actions = OperationsOfShortHistories, Features = seed % 4 == 1 });
        }
    });

    [Fact]
    public void A_disk_that_fails_ends_the_log_and_nothing_else() => Seeds.Run(Seeds.Count / 4, seed => World.Run(new WorldOptions
    {
        Seed = seed,
        Crashes = 3,
        Features = seed % 4 == 1,
        Fault = (random, operation) => operation.Kind is DiskOperationKind.Write or DiskOperationKind.Sync or DiskOperationKind.Read && random.Next(60) == 0 ? DiskError.Io : null,
    }));

    /// <summary>Bits of the log and of segments turn over while the node is down.</summary>
    [Fact]
    public void Damage_costs_no_more_than_is_reported() => Seeds.Run(Seeds.Count / 4, seed => World.Run(new WorldOptions
    {
        Seed = seed,
        Crashes = 1 + (seed % 3),
        Actions = 60 + (seed % 5 * 40),
        Damage = (random, disk) =>
        {
            List<string> files = [.. disk.ListFiles("log").Select(f => $"log/{f}"), .. disk.ListFolders("queues").SelectMany(q => disk.ListFiles($"queues/{q}").Select(f => $"queues/{q}/{f}"))];
            var newest = files.FindLast(f => f.StartsWith("log/", StringComparison.Ordinal));
            for (var i = random.Next(3); i >= 0 && files.Count > 0; i--)
            {
                var file = files[random.Next(files.Count)];
                if (file == newest)
                {
                    files.Remove(file); // once: damage to both the last group and the mark that vouches for it looks like a torn tail, and nobody can tell
                }

                var written = disk.ReadAll(file).AsSpan().TrimEnd((byte)0).Length;
                if (written > 0)
                {
                    disk.FlipBit(file, random.Next(written), random.Next(8));
                }
            }
        },
    }));

    [Fact]
    public void A_full_disk_makes_publishers_wait_and_loses_nothing() => Seeds.Run(Seeds.Count / 4, seed => World.Run(new WorldOptions
    {
        Seed = seed, Crashes = 2, Actions = 200, Features = seed % 4 == 1, CapacityBytes = (700 << 10) + ((seed % 16) * 32 << 10),
    }));
}
