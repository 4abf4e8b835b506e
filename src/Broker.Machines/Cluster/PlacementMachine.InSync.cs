namespace Broker.Machines.Cluster;

public sealed partial class PlacementMachine
{
    /// <summary>Takes what is gone out of the in-sync set. Replicas of nodes that are to go leave the shard as soon as they are not in sync, as nobody needs them.</summary>
    private bool RepairInSync(PlacementLook look, ShardAssignment shard)
    {
        var inSync = InSyncWithoutGone(look, shard);
        List<string> replicas = [.. shard.Replicas.Where(name => look[name].KeepsReplicas || inSync.Any(r => r.Node == name))];
        if (inSync.Count == shard.InSync.Count && replicas.Count == shard.Replicas.Count)
        {
            return false;
        }

        var gone = shard.InSync.Except(inSync).Select(r => r.Node).Union(shard.Replicas.Except(replicas));
        var ordered = replicas.Count == shard.Replicas.Count || look.HasSurplus(shard) ? replicas : look.WithPreferredFirst(shard, replicas);
        look.Change(shard, shard with { InSync = inSync, Replicas = ordered }, PlacementReason.InSyncRepair, $"without {string.Join(", ", gone)}");
        return true;
    }

    /// <summary>
    /// The in-sync set without what is gone, if that leaves enough: a last replica that lost something, and led again, would take it from all others, so the shard stalls instead. All of it goes
    /// or nothing, for with a part of it the shard would stall as well, and have fewer to elect from.
    /// </summary>
    private IReadOnlyList<ReplicaId> InSyncWithoutGone(PlacementLook look, ShardAssignment shard)
    {
        var serving = look.Serving(shard);
        return serving.Count >= _options.MinInSync ? serving : [.. shard.InSync.Where(r => !IsReplaced(r))];

        // A disk that was emptied never comes back. What its node has caught up with since stands for it, however few there are.
        bool IsReplaced(ReplicaId replica) => serving.Any(r => r.Node == replica.Node && r != replica);
    }
}
