namespace Broker.Machines.Cluster;

public sealed partial class PlacementMachine
{
    /// <summary>
    /// Takes what is gone out of the in-sync set, all of it or nothing: with a part of it the shard would stall as well, and have fewer to elect from. Replicas of nodes that are to go leave
    /// the shard as soon as they are not in sync, as nobody needs them.
    /// </summary>
    private bool RepairInSync(PlacementLook look, ShardAssignment shard)
    {
        var serving = look.Serving(shard);
        var inSync = serving.Count >= _options.MinInSync ? serving : shard.InSync;
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
}
