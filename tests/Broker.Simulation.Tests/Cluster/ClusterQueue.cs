using Broker.Machines.Topology;
using Broker.Simulation.Tests.Cluster.Checkers;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>A durable queue of the cluster, and what clients were told about it.</summary>
internal sealed record ClusterQueue(QueueDefinition Definition, int Shard, MessageFates Fates, PublisherOrder Order)
{
    public string Name => Definition.Name;
}
