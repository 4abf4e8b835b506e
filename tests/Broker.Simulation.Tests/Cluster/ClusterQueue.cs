using Broker.Machines.Queues;
using Broker.Machines.Topology;
using Broker.Simulation.Tests.Cluster.Checkers;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>A durable queue of the cluster, from its declaration to its deletion, and what clients know about it.</summary>
internal sealed class ClusterQueue(QueueDefinition definition, int shard, QueueFacts facts, PublisherOrder order)
{
    public QueueDefinition Definition => definition;

    public int Shard => shard;

    public QueueFacts Facts => facts;

    public PublisherOrder Order => order;

    public string Name => definition.Name;

    public QueueArguments Arguments => definition.Arguments;

    /// <summary>Where its dead letters go.</summary>
    public ClusterQueue? Target { get; init; }

    /// <summary>The queue whose dead letters come here. Nobody else publishes to it.</summary>
    public ClusterQueue? Source { get; set; }

    /// <summary>It was asked for to be deleted.</summary>
    public bool IsDeleting { get; set; }

    /// <summary>It was deleted.</summary>
    public bool IsDeleted { get; set; }
}
