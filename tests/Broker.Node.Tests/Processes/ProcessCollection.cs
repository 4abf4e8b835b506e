namespace Broker.Node.Tests.Processes;

/// <summary>Tests that start nodes run one after the other: they measure memory and time, and each takes the machine for itself.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ProcessCollection
{
    public const string Name = "node processes";
}
