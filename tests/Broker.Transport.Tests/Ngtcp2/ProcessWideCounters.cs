namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>Tests that compare counters of the whole process: nothing else may run beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ProcessWideCounters
{
    public const string Name = "process-wide counters";
}
