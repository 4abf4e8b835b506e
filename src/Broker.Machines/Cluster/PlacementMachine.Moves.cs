namespace Broker.Machines.Cluster;

// A move's state is the order of the shard's replicas: [those that stay, the new one, the one that goes]. So it needs no memory, and no coordinator has to finish what it began.
public sealed partial class PlacementMachine
{
    /// <summary>The next step of a shard that has one replica too many: wait until those that stay have caught up, hand the lead over, let the replica go.</summary>
    private bool CarryMoveOn(PlacementLook look, ShardAssignment shard, bool isStill)
    {
        if (!look.HasSurplus(shard) || !look.TryGetLeader(shard, out var leader))
        {
            return false;
        }

        var leaving = look.LeavingReplica(shard);
        List<string> staying = [.. shard.Replicas.Where(name => name != leaving)];
        var coming = shard.Replicas[^2];
        if (coming != leaving && !look[coming].IsAlive && !shard.InSync.Any(r => r.Node == coming))
        {
            return isStill && TakeBack(look, shard, coming);
        }

        List<ReplicaId> remaining = [.. look.Serving(shard).Where(r => r.Node != leaving)];
        if (staying.Any(name => look[name].IsAlive && !look.Serves(shard, name)) || remaining.Count < _options.MinInSync)
        {
            return false;
        }

        if (leader.Name == leaving)
        {
            return HandOver(look, shard, leader, remaining);
        }

        var to = shard with { InSync = [.. shard.InSync.Where(r => r.Node != leaving)], Replicas = look.WithPreferredFirst(shard, staying) };
        look.Change(shard, to, PlacementReason.MoveDone, $"{leaving} is no longer needed");
        return true;
    }

    /// <summary>Adds replicas to shards that have too few, and replaces those whose nodes are to go; those first that have fewest in sync.</summary>
    private void BeginMoves(PlacementLook look)
    {
        var busy = look.Shards.Count(look.IsBusy);
        foreach (var shard in look.Unchanged.OrderBy(s => s.InSync.Count))
        {
            if (busy >= _options.MaxConcurrentMoves)
            {
                return;
            }

            if (!look.IsBusy(shard) && look.TryGetLeader(shard, out _) && Begin(look, shard))
            {
                busy++;
            }
        }
    }

    private static bool Begin(PlacementLook look, ShardAssignment shard)
    {
        var leaving = shard.Replicas.LastOrDefault(name => !look[name].KeepsReplicas);
        var hasTooFew = shard.Replicas.Count < look.TargetCount;
        if ((leaving is null && !hasTooFew) || look.BestNewNode(shard.Replicas, shard.Replicas.Where(name => name != leaving), n => n.IsWelcome) is not { } node)
        {
            return false;
        }

        if (hasTooFew)
        {
            look.Change(
                shard,
                shard with { Replicas = look.WithPreferredFirst(shard, [.. shard.Replicas, node.Name]) },
                PlacementReason.ReplicaAdded,
                $"{node.Name} is the {shard.Replicas.Count + 1}. of {look.TargetCount}");
        }
        else
        {
            BeginMove(look, shard, leaving!, node.Name, $"{leaving} is {Words(look[leaving!].State)}");
        }

        return true;
    }

    private static void BeginMove(PlacementLook look, ShardAssignment shard, string from, string to, string why) => look.Change(
        shard, shard with { Replicas = [.. shard.Replicas.Where(name => name != from), to, from] }, PlacementReason.MoveBegun, $"from {from} to {to}: {why}");

    private static bool TakeBack(PlacementLook look, ShardAssignment shard, string coming)
    {
        var replicas = look.WithPreferredFirst(shard, [.. shard.Replicas.Where(name => name != coming)]);
        look.Change(shard, shard with { Replicas = replicas }, PlacementReason.MoveTakenBack, $"{coming} is gone");
        return true;
    }

    // Not to a node that is rather to give up leaders than this one: it would hand them back at once. The move waits until its drain is over.
    private static bool HandOver(PlacementLook look, ShardAssignment shard, PlacedNode leader, List<ReplicaId> remaining)
    {
        if (BestLeader(look, shard, remaining) is not { IsSuspected: false } best || best.State > leader.State)
        {
            return false;
        }

        look.Change(shard, shard with { Epoch = shard.Epoch + 1, Leader = best.Life }, PlacementReason.MoveHandedOver, $"{leader.Name} is to go");
        return true;
    }
}
