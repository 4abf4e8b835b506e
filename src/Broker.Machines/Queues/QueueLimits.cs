namespace Broker.Machines.Queues;

/// <summary>How much a queue keeps in memory before it makes its publishers wait.</summary>
public sealed record QueueLimits
{
    /// <summary>Bytes of all messages, delivered but unsettled ones included. Default 256 MiB; at least 1.</summary>
    public long MaxBytes { get; init; } = 256L << 20;

    /// <summary>Number of messages, likewise. Default 10,000,000; at least 1. An empty message costs memory too, so bytes alone are no bound.</summary>
    public int MaxMessages { get; init; } = 10_000_000;
}
