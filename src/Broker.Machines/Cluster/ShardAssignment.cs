namespace Broker.Machines.Cluster;

/// <summary>One life of a node, from its start to its end.</summary>
/// <param name="Node">The node's name.</param>
/// <param name="Incarnation">A number that no other life of any node has: that of its lease. Numbers are not in order of time.</param>
public readonly record struct NodeLife(string Node, long Incarnation);

/// <summary>Where a replica is kept.</summary>
/// <param name="Node">The node's name.</param>
/// <param name="Store">Number of the store on its disk. A node whose disk was emptied comes back with another one, and is not taken for the replica that it was.</param>
public readonly record struct ReplicaId(string Node, Guid Store);

/// <summary>
/// Who has a shard, as the cluster has agreed on it: one value in the metadata store, which changes by compare-and-swap alone, so that an election and a change of the in-sync set
/// never both take place.
/// </summary>
/// <param name="Shard">Its number, from 0 on.</param>
/// <param name="Epoch">Grows with each election; at least 1. There is one leader at most in an epoch, replicas remember the highest that they have seen, and refuse lower ones.</param>
/// <param name="Leader">Who leads in this epoch; <c>null</c> if nobody who could is there.</param>
/// <param name="InSync">Replicas that have all that is committed. A record is committed when all of them have it. Never fewer than the least number but for a shard that began with fewer.</param>
/// <param name="Replicas">
/// Nodes that are to have a replica, the preferred leader first. Those that are not in sync are catching up. During a move there is one too many: the last one goes when the one before it has
/// caught up.
/// </param>
public sealed record ShardAssignment(int Shard, long Epoch, NodeLife? Leader, IReadOnlyList<ReplicaId> InSync, IReadOnlyList<string> Replicas)
{
    /// <summary>By content.</summary>
    public bool Equals(ShardAssignment? other) =>
        other is not null && Shard == other.Shard && Epoch == other.Epoch && Leader == other.Leader && InSync.SequenceEqual(other.InSync) && Replicas.SequenceEqual(other.Replicas);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Shard, Epoch, Leader);
}
