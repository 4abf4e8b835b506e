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
/// garbage collector decides when a block goes: a straggler holds at most its own block. A reference count would save some collections and cost
/// the certainty that no delivery ever reads a recycled buffer.
/// </remarks>
/// <param name="Bytes">The encoding.</param>
/// <param name="Traits">Flags of the publish that count for delivery.</param>
public readonly record struct StoredMessage(ReadOnlyMemory<byte> Bytes, MessageTraits Traits)
{
    /// <summary>What the message costs in credit and limits: the length of its encoding.</summary>
    public int SizeBytes => Bytes.Length;
}
