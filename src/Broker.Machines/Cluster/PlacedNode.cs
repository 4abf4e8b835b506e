namespace Broker.Machines.Cluster;

/// <summary>A node in a look, with what it has so far.</summary>
internal sealed class PlacedNode(ClusterNode node)
{
    public string Name => node.Name;

    public string Zone => node.Zone;

    public NodeState State => node.State;

    public bool IsSuspected => node.Suspected;

    /// <summary>What is declared to be gone is not asked whether it agrees.</summary>
    public bool IsAlive => node.Incarnation is not null && node.State != NodeState.Down;

    /// <summary>Its replicas may stay where they are.</summary>
    public bool KeepsReplicas => node.State is NodeState.Up or NodeState.Draining;

    /// <summary>It may be given leaders and replicas.</summary>
    public bool IsWelcome => IsAlive && node.State == NodeState.Up && !node.Suspected;

    public NodeLife Life => new(node.Name, node.Incarnation!.Value);

    public ReplicaId Replica => new(node.Name, node.Store);

    /// <summary>Shards that it has, or will have when all moves are done.</summary>
    public int Replicas { get; set; }

    /// <summary>Shards that it leads.</summary>
    public int Leaders { get; set; }

    /// <summary>Shards of which it is the preferred leader.</summary>
    public int Preferred { get; set; }

    public bool IsLife(NodeLife life) => IsAlive && node.Incarnation == life.Incarnation;

    public bool IsReplica(ReplicaId replica) => IsAlive && node.Store == replica.Store;
}
