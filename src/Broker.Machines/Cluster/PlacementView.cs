namespace Broker.Machines.Cluster;

/// <summary>What is asked of a node, by its operator or by itself when it stops.</summary>
public enum NodeState
{
    /// <summary>Leads and holds replicas.</summary>
    Up,

    /// <summary>Is to give up its leaders; keeps its replicas. For a restart.</summary>
    Draining,

    /// <summary>Is to give up its replicas as well, each of them once another node has it.</summary>
    Leaving,

    /// <summary>Is gone for good, whether it runs or not: counts as dead, and its replicas are replaced without it.</summary>
    Down,
}

/// <summary>A node as the cluster knows it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Incarnation">The number of its life; <c>null</c> if its lease has ended and no other has begun.</param>
/// <param name="Store">The number of the store on its disk in this life.</param>
public sealed record ClusterNode(string Name, long? Incarnation = null, Guid Store = default)
{
    /// <summary>What it may have in common with others that fail together with it: a rack, a data centre. Default empty, which is a zone like any other.</summary>
    public string Zone { get; init; } = "";

    /// <summary>What is asked of it. Default <see cref="NodeState.Up"/>.</summary>
    public NodeState State { get; init; }

    /// <summary>A link to it broke, although its lease has not ended. Default <c>false</c>.</summary>
    public bool Suspected { get; init; }
}

/// <summary>An operator's order to let a replica lead that may lack what is committed, because those that have it will not come back.</summary>
/// <param name="Shard">The shard.</param>
/// <param name="Replica">Who is to lead: a replica of the shard on a live node.</param>
public readonly record struct UncleanElection(int Shard, ReplicaId Replica);

/// <summary>The cluster as read from the metadata store, all of it at one revision.</summary>
public sealed record PlacementView
{
    /// <summary>
    /// Nodes that are known, in any order, each name once. One that is not among them and has a replica counts as dead but expected back; only <see cref="NodeState.Down"/> is for good.
    /// </summary>
    public required IReadOnlyList<ClusterNode> Nodes { get; init; }

    /// <summary>What is assigned, in any order, each shard once. Shards that are not among them get their first assignment.</summary>
    public required IReadOnlyList<ShardAssignment> Assignments { get; init; }

    /// <summary>
    /// The highest epoch that was used before the metadata store was restored from a backup; shards at or below it get a leader in a higher one. Default 0: it never was.
    /// </summary>
    public long EpochFloor { get; init; }

    /// <summary>
    /// Orders that have not been carried out. Default none. One has no effect where a clean election is possible, or where the replica is not on a live node; take it out once its change
    /// is made, or it strikes again.
    /// </summary>
    public IReadOnlyList<UncleanElection> UncleanElections { get; init; } = [];
}
