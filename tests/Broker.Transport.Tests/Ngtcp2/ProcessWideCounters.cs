using Broker.Transport.Ngtcp2;

namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>Tests that compare counters of the whole process: nothing else may run beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ProcessWideCounters
{
    public const string Name = "process-wide counters";

    /// <summary>What is held once what earlier tests have left to the collector was collected.</summary>
    public static Ngtcp2Diagnostics WithoutGarbage()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Ngtcp2Diagnostics.Current;
    }
}
