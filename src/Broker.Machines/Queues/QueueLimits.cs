namespace Broker.Machines.Queues;

/// <summary>How much a queue takes and keeps in memory.</summary>
public sealed record QueueLimits
{
    /// <summary>
    /// Bytes of all messages of a queue that is not durable, delivered but unsettled ones included, before its publishers have to wait. Default 256 MiB; at least 1.
    /// </summary>
    public long MaxBytes { get; init; } = 256L << 20;

    /// <summary>Number of messages, likewise. Default 10,000,000; at least 1. An empty message costs memory too, so bytes alone are no bound.</summary>
    public int MaxMessages { get; init; } = 10_000_000;

    /// <summary>Bytes that a durable queue has taken and that are not on disk yet, before its publishers have to wait. Default 32 MiB; at least 1.</summary>
    public long MaxUncertainBytes { get; init; } = 32 << 20;

    /// <summary>Bytes of messages that a durable queue keeps in memory; the rest is on disk only. Default 16 MiB; at least 64 KiB.</summary>
    public long MaxLoadedBytes { get; init; } = 16 << 20;

    /// <summary>Number of messages, likewise. Default 65,536; at least 64.</summary>
    public int MaxLoadedMessages { get; init; } = 65_536;

    /// <summary>Bytes of messages that a durable queue keeps in memory while the node is short of it. Default 256 KiB; at least 64 KiB.</summary>
    public long MinLoadedBytes { get; init; } = 256 << 10;

    /// <summary>Bytes that a durable queue reads ahead of its consumers. Default 1 MiB; at least 64 KiB.</summary>
    public int ReadAheadBytes { get; init; } = 1 << 20;

    /// <summary>Messages that consumers may hold unsettled; more are not handed out before some are settled. Default 1,000,000; at least 1.</summary>
    public int MaxUnsettledMessages { get; init; } = 1_000_000;
}
