namespace Broker.Machines.Cluster;

public sealed partial class PlacementMachine
{
    /// <summary>Whether a node led nothing at the last look: one that drains may be stopped. <c>false</c> before the first look.</summary>
    public bool IsDrained(string node) => _view is not null && !_view.Assignments.Any(s => s.Leader?.Node == node);

    /// <summary>Whether a node had no replica at the last look: one that leaves may be removed. <c>false</c> before the first look.</summary>
    public bool HasLeft(string node) => IsDrained(node) && !_view!.Assignments.Any(s => s.Replicas.Contains(node));

    /// <summary>Takes the lead from a node that is to give it up, if somebody else who is in sync is to stay longer.</summary>
    private static bool DrainLeader(PlacementLook look, ShardAssignment shard)
    {
        if (!look.TryGetLeader(shard, out var leader) || leader.State == NodeState.Up)
        {
            return false;
        }

        var best = BestLeader(look, shard, [.. look.Serving(shard).Where(r => !look[r.Node].IsSuspected && look[r.Node].State < leader.State)]);
        if (best is null)
        {
            return false;
        }

        look.Change(shard, shard with { Epoch = shard.Epoch + 1, Leader = best.Life }, PlacementReason.LeaderDrained, $"{leader.Name} is {Words(leader.State)}");
        return true;
    }
}
