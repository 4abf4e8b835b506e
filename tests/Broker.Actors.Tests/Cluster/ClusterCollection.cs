namespace Broker.Actors.Tests.Cluster;

/// <summary>Whole clusters in one process take both processors: tests that measure how soon something is noticed come before or after them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ClusterCollection
{
    public const string Name = "clusters";
}
