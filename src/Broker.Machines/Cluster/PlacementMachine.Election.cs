namespace Broker.Machines.Cluster;

public sealed partial class PlacementMachine
{
    /// <summary>Gives a shard that has no leader, or has none that can lead, another one in a new epoch.</summary>
    private void Elect(PlacementLook look, PlacementView view, ShardAssignment shard)
    {
        var isOfThePast = shard.Epoch <= view.EpochFloor;
        var hasLeader = look.TryGetLeader(shard, out var leader);
        if (hasLeader && !isOfThePast && !leader!.IsSuspected)
        {
            return;
        }

        var best = BestLeader(look, shard, look.Serving(shard));
        if (hasLeader && !isOfThePast && (best is null || best.IsSuspected))
        {
            return; // only suspected, and nobody who is above suspicion could take over
        }

        var epoch = Math.Max(shard.Epoch, view.EpochFloor) + 1;
        if (best is not null)
        {
            var detail = isOfThePast ? $"epoch {shard.Epoch} is not above {view.EpochFloor}, which was used before the metadata was restored" : WhyNot(look, shard, leader);
            look.Change(shard, shard with { Epoch = epoch, Leader = best.Life, InSync = InSyncAfter(look, shard, best, leader) }, PlacementReason.Election, detail);
        }
        else if (UncleanLeader(look, view, shard) is { } unclean)
        {
            var to = shard with { Epoch = epoch, Leader = unclean.Life, InSync = [unclean.Replica] };
            look.Change(shard, to, PlacementReason.UncleanElection, $"ordered by an operator; what {string.Join(", ", shard.InSync.Select(r => r.Node))} had and {unclean.Name} lacks is lost");
        }
        else if (shard.Leader is not null)
        {
            look.Change(shard, shard with { Leader = null }, PlacementReason.LeaderLost, $"{WhyNot(look, shard, leader)}, and so is everybody who is in sync");
        }
    }

    /// <summary>
    /// Who of some replicas that are there leads best: one that is not suspected, whose node is to stay, which is to stay itself; then the preferred leader, then who leads least, then the
    /// order of preference.
    /// </summary>
    private static PlacedNode? BestLeader(PlacementLook look, ShardAssignment shard, IReadOnlyList<ReplicaId> serving)
    {
        var leaving = look.HasSurplus(shard) ? look.LeavingReplica(shard) : null;
        return shard.Replicas
            .Where(name => serving.Any(r => r.Node == name))
            .Select(name => look[name])
            .MinBy(n => (n.IsSuspected, n.State, n.Name == leaving, n.Name != shard.Replicas[0], n.Leaders));
    }

    /// <summary>
    /// Whoever is gone leaves the in-sync set with the election, for the new leader could commit nothing with it; so does a leader that lost its office by suspicion.
    /// </summary>
    private IReadOnlyList<ReplicaId> InSyncAfter(PlacementLook look, ShardAssignment shard, PlacedNode elected, PlacedNode? deposed)
    {
        if (deposed is not { IsSuspected: true } || deposed == elected)
        {
            return InSyncWithoutGone(look, shard);
        }

        IReadOnlyList<ReplicaId> trusted = [.. look.Serving(shard).Where(r => r.Node != deposed.Name)];
        return trusted.Count >= _options.MinInSync ? trusted : InSyncWithoutGone(look, shard);
    }

    private static PlacedNode? UncleanLeader(PlacementLook look, PlacementView view, ShardAssignment shard)
    {
        foreach (var order in view.UncleanElections)
        {
            if (order.Shard == shard.Shard && shard.Replicas.Contains(order.Replica.Node) && look[order.Replica.Node].IsReplica(order.Replica))
            {
                return look[order.Replica.Node];
            }
        }

        return null;
    }

    private static string WhyNot(PlacementLook look, ShardAssignment shard, PlacedNode? leader)
    {
        if (shard.Leader is not { } life)
        {
            return "it had no leader";
        }

        var node = shard.Replicas.Contains(life.Node) ? look[life.Node] : null;
        return leader is not null ? $"{life.Node} is suspected"
            : node is { IsAlive: true } ? $"{life.Node} has started anew"
            : node is { State: NodeState.Down } ? $"{life.Node} is declared down"
            : $"{life.Node} is gone";
    }
}
