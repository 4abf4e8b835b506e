namespace Broker.Machines.Messages;

/// <summary>Facts about a message that travel beside its encoding.</summary>
[Flags]
public enum MessageTraits : byte
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>The publisher asked for it to be on disk before the confirm.</summary>
    Durable = 1,

    /// <summary>It has a property that a queue may act on: message id, expiration, group key or delay. Without it, a queue need not look into the message.</summary>
    Special = 2,

    /// <summary>It came by a delayed exchange, so its header <c>x-delay</c> counts as its delay, unless it has the property. Always together with <see cref="Special"/>.</summary>
    DelayedByHeader = 4,
}

/// <summary>What the broker keeps of a message beside its encoding, as one number: in memory, on disk and between nodes (docs/storage.md, "Message table").</summary>
/// <param name="Value">Bits 0 to 7: traits. Bits 8 to 15: priority. Bits 16 to 63: when it was taken.</param>
public readonly record struct MessageMeta(ulong Value)
{
    /// <param name="traits">Flags of the publish that count for delivery.</param>
    /// <param name="priority">As the publisher asked, 0 to 255.</param>
    /// <param name="takenAt">When the node that the publisher is connected to took it, in milliseconds since the Unix epoch; below 2^48.</param>
    public MessageMeta(MessageTraits traits, byte priority = 0, long takenAt = 0)
        : this((ulong)traits | ((ulong)priority << 8) | ((ulong)takenAt << 16))
    {
    }

    /// <summary>Flags of the publish that count for delivery.</summary>
    public MessageTraits Traits => (MessageTraits)(byte)Value;

    /// <summary>As the publisher asked, 0 to 255; higher goes first where the queue has priorities.</summary>
    public byte Priority => (byte)(Value >> 8);

    /// <summary>When the node that the publisher is connected to took it, in milliseconds since the Unix epoch.</summary>
    public long TakenAt => (long)(Value >> 16);

    /// <summary>Flags alone.</summary>
    public static implicit operator MessageMeta(MessageTraits traits) => new(traits);

    /// <summary>Flags alone.</summary>
    public static MessageMeta FromMessageTraits(MessageTraits traits) => new(traits);
}

/// <summary>
/// A message as it lies in memory: its wire encoding (exchange, routing key, properties, body; docs/protocol.md, "Message"), never decoded further than routing needs.
/// </summary>
/// <remarks>
/// The bytes are a slice of a block that a publisher stream filled with one batch and nobody writes to again, so queues of a fan-out share one copy and the
/// garbage collector decides when a block goes: a straggler holds at most its own block, and those among many are copied out. A reference count would save some collections and cost
/// the certainty that no delivery ever reads a recycled buffer.
/// </remarks>
public readonly record struct StoredMessage
{
    private readonly int _absentBytes;

    /// <param name="bytes">The encoding.</param>
    /// <param name="meta">What is kept beside it.</param>
    public StoredMessage(ReadOnlyMemory<byte> bytes, MessageMeta meta)
    {
        Bytes = bytes;
        Meta = meta;
    }

    private StoredMessage(MessageMeta meta, int absentBytes)
    {
        Meta = meta;
        _absentBytes = absentBytes;
    }

    /// <summary>The encoding; empty if it is on disk only.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>What is kept beside the encoding.</summary>
    public MessageMeta Meta { get; }

    /// <summary>Flags of the publish that count for delivery.</summary>
    public MessageTraits Traits => Meta.Traits;

    /// <summary>What the message costs in credit and limits: the length of its encoding.</summary>
    public int SizeBytes => Bytes.Length + _absentBytes;

    /// <summary>Whether the bytes are in memory.</summary>
    public bool IsLoaded => _absentBytes == 0;

    /// <summary>A message of which only this is known; its bytes are on disk.</summary>
    /// <param name="meta">What is known of what is kept beside it.</param>
    /// <param name="sizeBytes">Its size, at least 1.</param>
    public static StoredMessage Absent(MessageMeta meta, int sizeBytes) => new(meta, sizeBytes);

    /// <summary>The same message with its bytes left to the disk.</summary>
    public StoredMessage WithoutBytes() => new(Meta, SizeBytes);

    /// <summary>The same message with a copy of its bytes that keeps nothing else in memory.</summary>
    public StoredMessage WithOwnBytes() => IsLoaded ? new(Bytes.ToArray(), Meta) : this;

    /// <summary>By content, not by the memory that it is in: copies are the same message.</summary>
    public bool Equals(StoredMessage other) => Meta == other.Meta && _absentBytes == other._absentBytes && Bytes.Span.SequenceEqual(other.Bytes.Span);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Meta, SizeBytes);
}
