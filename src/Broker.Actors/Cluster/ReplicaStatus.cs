namespace Broker.Actors.Cluster;

/// <summary>How a shard's replica on this node is, for listings. All indexes are 0 while there is no record.</summary>
/// <param name="Shard">The shard.</param>
/// <param name="Role"><c>leader</c>, <c>follower</c>, or what else it is in one word.</param>
/// <param name="Epoch">The highest epoch that it has seen.</param>
/// <param name="Last">Index of its last record.</param>
/// <param name="Certain">Index up to which its records are on its disk.</param>
/// <param name="Committed">Index up to which it knows records to be committed.</param>
/// <param name="Followers">Of a leader: the other replicas, by name. Else empty.</param>
internal sealed record ReplicaStatus(
    int Shard, string Role, long Epoch, ulong Last, ulong Certain, ulong Committed, IReadOnlyList<FollowerStatus> Followers);

/// <summary>How far a follower is, as its leader knows it.</summary>
/// <param name="Node">The follower's node.</param>
/// <param name="Acknowledged">Index up to which it has records on its disk.</param>
/// <param name="InSync">Whether what is committed waits for it.</param>
/// <param name="LinkUp">Whether the leader reaches it.</param>
internal sealed record FollowerStatus(string Node, ulong Acknowledged, bool InSync, bool LinkUp);
