using Broker.Coordination;
using Broker.Storage;
using Broker.Storage.Log;
using Broker.Storage.Scheduling;

namespace Broker.Actors.Storage;

/// <summary>Where a node keeps what outlives its process.</summary>
public sealed record BrokerStorageOptions
{
    /// <summary>The store, opened and not recovered yet: the server does that. Stays the caller's.</summary>
    public required NodeStore Store { get; init; }

    /// <summary>What is declared. Stays the caller's.</summary>
    public required IMetadataStore Metadata { get; init; }

    /// <summary>Where blocking work runs. Stays the caller's; disposed after the server.</summary>
    public required IStoreScheduler Scheduler { get; init; }

    /// <summary>The options that the store was opened with.</summary>
    public LogOptions Log { get; init; } = new();

    /// <summary>Bytes of a segment from which on the next is begun, as the store was opened with.</summary>
    public long SegmentBytes { get; init; } = 16 << 20;

    /// <summary>Free space below which publishers of durable queues wait, in bytes. Default 512 MiB; at least twice the length of a log file.</summary>
    public long MinFreeBytes { get; init; } = 512L << 20;

    /// <summary>How often free space and the log are looked after. Default 1 s.</summary>
    public TimeSpan CheckInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Hears what happens in the store that an operator should know. Called from any thread; must not throw.</summary>
    public Action<StoreNotice>? OnNotice { get; init; }

    /// <summary>Of a store that was opened with some options, with threads of its own.</summary>
    internal static BrokerStorageOptions Of(NodeStore store, IMetadataStore metadata, StoreOptions options) => new()
    {
        Store = store,
        Metadata = metadata,
        Scheduler = new StoreThreads(),
        Log = options.Log,
        SegmentBytes = options.Segments.SegmentBytes,
    };
}

/// <summary>Something about the store that an operator should know.</summary>
/// <param name="Severity">How bad it is.</param>
/// <param name="Text">What it is, and what to do if anything is to be done.</param>
/// <param name="Queue">The queue that it is about; <c>null</c> if it is about none, or that is not known.</param>
/// <param name="LostMessages">Messages of that queue that are lost for good.</param>
/// <param name="LostSettlements">Whether settlements may be lost, so that messages come back that were settled.</param>
public sealed record StoreNotice(StoreNoticeSeverity Severity, string Text, string? Queue = null, long LostMessages = 0, bool LostSettlements = false);

/// <summary>How bad it is.</summary>
public enum StoreNoticeSeverity
{
    /// <summary>Good to know.</summary>
    Information,

    /// <summary>Something is in the way for now.</summary>
    Warning,

    /// <summary>Data was lost, or the log has failed.</summary>
    Error,
}
