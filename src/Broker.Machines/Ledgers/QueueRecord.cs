using Broker.Machines.Messages;

namespace Broker.Machines.Ledgers;

/// <summary>
/// What happened to a queue in one step, as it is logged and, later, replicated. Applied in this order: messages join, are handed out, leave. The same records on the
/// same ledger give the same ledger.
/// </summary>
public sealed record QueueRecord
{
    /// <summary>Position of the first message that joins; the others follow without gaps. The queue's next position if none joins.</summary>
    public required ulong FirstPosition { get; init; }

    /// <summary>The messages that join. Their bytes are logged beside the operations.</summary>
    public ReadOnlyMemory<StoredMessage> Messages { get; init; }

    /// <summary>Bytes of those messages.</summary>
    public long MessageBytes { get; init; }

    /// <summary>How far producers have come with them.</summary>
    public IReadOnlyList<ProducerMark> Producers { get; init; } = [];

    /// <summary>Messages that are handed to consumers. A position may occur several times.</summary>
    public IReadOnlyList<PositionRange> Delivered { get; init; } = [];

    /// <summary>Messages that leave: acknowledged, rejected, purged, or lost to damage.</summary>
    public IReadOnlyList<PositionRange> Settled { get; init; } = [];

    /// <summary>Bytes of those.</summary>
    public long SettledBytes { get; init; }
}
