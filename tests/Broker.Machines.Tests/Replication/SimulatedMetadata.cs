using Broker.Machines.Cluster;

namespace Broker.Machines.Tests.Replication;

/// <summary>The one value that the cluster agrees on, and who is alive by its leases.</summary>
internal sealed class SimulatedMetadata(ShardAssignment first)
{
    public ShardAssignment Assignment { get; private set; } = first;

    public long Revision { get; private set; } = 1;

    /// <summary>Lives whose lease has not ended, by node, with their stores.</summary>
    public Dictionary<string, (NodeLife Life, Guid Store)> Alive { get; } = [];

    public bool TryChange(long revision, ShardAssignment to)
    {
        if (revision != Revision)
        {
            return false;
        }

        Assignment = to;
        Revision++;
        return true;
    }

    /// <summary>What a coordinator does about a leader that is gone, or may be.</summary>
    public void Elect(Random random, int minInSync, bool evenIfAlive)
    {
        var isThere = Assignment.Leader is { } leader && Alive.TryGetValue(leader.Node, out var alive) && alive.Life == leader;
        if (isThere && !evenIfAlive)
        {
            return;
        }

        var candidates = Assignment.InSync.Where(r => Alive.TryGetValue(r.Node, out var a) && a.Store == r.Store).ToList();
        if (candidates.Count == 0)
        {
            return;
        }

        var chosen = candidates[random.Next(candidates.Count)];
        var remaining = Assignment.InSync.Where(candidates.Contains).ToList();
        TryChange(Revision, Assignment with
        {
            Epoch = Assignment.Epoch + 1,
            Leader = Alive[chosen.Node].Life,
            InSync = remaining.Count >= minInSync ? remaining : Assignment.InSync,
        });
    }
}
