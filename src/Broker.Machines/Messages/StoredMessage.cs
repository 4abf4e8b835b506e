namespace Broker.Machines.Messages;

/// <summary>Facts about a message that travel beside its encoding.</summary>
[Flags]
public enum MessageTraits : byte
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>The publisher asked for it to be on disk before the confirm.</summary>
    Durable = 1,
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
    /// <param name="traits">Flags of the publish that count for delivery.</param>
    public StoredMessage(ReadOnlyMemory<byte> bytes, MessageTraits traits)
    {
        Bytes = bytes;
        Traits = traits;
    }

    private StoredMessage(MessageTraits traits, int absentBytes)
    {
        Traits = traits;
        _absentBytes = absentBytes;
    }

    /// <summary>The encoding; empty if it is on disk only.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>Flags of the publish that count for delivery.</summary>
    public MessageTraits Traits { get; }

    /// <summary>What the message costs in credit and limits: the length of its encoding.</summary>
    public int SizeBytes => Bytes.Length + _absentBytes;

    /// <summary>Whether the bytes are in memory.</summary>
    public bool IsLoaded => _absentBytes == 0;

    /// <summary>The same message with its bytes left to the disk.</summary>
    public StoredMessage WithoutBytes() => new(Traits, SizeBytes);

    /// <summary>The same message with a copy of its bytes that keeps nothing else in memory.</summary>
    public StoredMessage WithOwnBytes() => IsLoaded ? new(Bytes.ToArray(), Traits) : this;

    /// <summary>By content, not by the memory that it is in: copies are the same message.</summary>
    public bool Equals(StoredMessage other) => Traits == other.Traits && _absentBytes == other._absentBytes && Bytes.Span.SequenceEqual(other.Bytes.Span);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Traits, SizeBytes);
}
