namespace Broker.Machines.Cluster;

/// <summary>
/// To whom a leader gives way that reaches too few of its in-sync set to commit anything. The coordinator suspects by its own links and may reach everybody, so this is the leader's own to
/// decide. Pure; what comes of it is tried by compare-and-swap, as are the coordinator's decisions, so of both only one takes place.
/// </summary>
public static class LeaderWay
{
    /// <summary>The assignment with the next leader, in the next epoch. The in-sync set stays as it is: who leads next takes out whom it does not reach, and only if that leaves enough.</summary>
    /// <param name="shard">What is assigned.</param>
    /// <param name="leader">Node of the leader, which is to give way.</param>
    /// <param name="nodes">All nodes. Suspected are those that the leader does not reach.</param>
    /// <param name="epochFloor">As <see cref="PlacementView.EpochFloor"/>.</param>
    /// <param name="minInSync">As <see cref="PlacementOptions.MinInSync"/>.</param>
    /// <returns>
    /// <c>null</c> if that helps nobody: there is no in-sync member that lives and is not reached from here, or too few replicas are there for it to commit anything without this one, or this
    /// one reaches replicas with which it can go on when they have caught up.
    /// </returns>
    public static ShardAssignment? Give(ShardAssignment shard, string leader, IReadOnlyList<ClusterNode> nodes, long epochFloor, int minInSync)
    {
        ArgumentNullException.ThrowIfNull(shard);
        List<PlacedNode> others = [.. nodes.Select(n => new PlacedNode(n)).Where(n => n.IsAlive && n.Name != leader && (shard.Replicas.Contains(n.Name) || shard.InSync.Contains(n.Replica)))];
        List<PlacedNode> inSync = [.. others.Where(n => shard.InSync.Contains(n.Replica))];
        var reached = others.Count(n => !n.IsSuspected) + 1;
        if (inSync.Count < minInSync && (others.Count < minInSync || reached >= minInSync))
        {
            return null;
        }

        var next = inSync.Where(n => n.IsSuspected).MinBy(n => (n.State, PlaceOf(shard.Replicas, n.Name)));
        return next is null ? null : shard with { Epoch = Math.Max(shard.Epoch, epochFloor) + 1, Leader = next.Life };
    }

    /// <summary>The place in the order of preference; last, if it is not to have a replica.</summary>
    private static int PlaceOf(IReadOnlyList<string> replicas, string node) => replicas.TakeWhile(name => name != node).Count();
}
