using Broker.Machines.Messages;

namespace Broker.Machines.Ledgers;

/// <summary>
/// What happened to a queue in one step, as it is logged and, later, replicated. Applied in this order: messages join, are handed out, are held back, die, leave. The same records on the
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

    /// <summary>Of the messages that join, those with a priority that counts, above 0.</summary>
    public IReadOnlyList<PriorityRange> Priorities { get; init; } = [];

    /// <summary>Messages that are held back until a time. Being handed out ends it.</summary>
    public IReadOnlyList<HeldMessage> Held { get; init; } = [];

    /// <summary>Messages that die: they wait to be dead-lettered, and are handed out no more.</summary>
    public IReadOnlyList<DeadMark> Dead { get; init; } = [];

    /// <summary>Ids of messages that join, to be remembered; <c>null</c> if there are none.</summary>
    public MessageIds? Ids { get; init; }

    /// <summary>Of the messages that join, those with a key of which only the newest message stays.</summary>
    public IReadOnlyList<KeyedMessage> Keyed { get; init; } = [];

    /// <summary>Whether the queue is paused from now on; <c>null</c>: as before.</summary>
    public bool? Paused { get; init; }

    /// <summary>The highest position of a message with an expiration of its own, if that has changed; otherwise 0.</summary>
    public ulong LastExpiring { get; init; }

    /// <summary>Messages that leave: acknowledged, rejected, dead-lettered, purged, or lost to damage.</summary>
    public IReadOnlyList<PositionRange> Settled { get; init; } = [];

    /// <summary>Bytes of those.</summary>
    public long SettledBytes { get; init; }
}
