namespace Broker.Client;

/// <summary>A publisher's window. Immutable.</summary>
public sealed record PublisherOptions
{
    /// <summary>Messages that may wait for their outcome; more make publishing wait. Default 8,192; 1 to 1,048,576.</summary>
    public int MaxInFlightMessages { get; init; } = 8192;

    /// <summary>Bytes of messages that may wait for their outcome. Default 16 MiB; at least 1. The message that crosses the limit is still taken.</summary>
    public long MaxInFlightBytes { get; init; } = 16 << 20;

    /// <summary>
    /// A lasting name of this publisher, unique among those of the user; at most 255 bytes of UTF-8. Default: none.
    /// </summary>
    /// <remarks>
    /// <para>Numbers go on above the highest that any queue or stream of the node has seen under this name. A message with a number that a queue has already is
    /// confirmed and not taken again. The number of a message that was rejected or returned is spent: published again, it gets a new one.</para>
    /// <para>One publisher at a time speaks for a name: when another one opens with it, the one before fails with <see cref="BrokerStreamException"/> and
    /// <see cref="Broker.Protocol.ErrorCode.ResourceLocked"/>, and what it has no outcome for is unknown.</para>
    /// </remarks>
    public string ProducerId { get; init; } = "";

    /// <summary>
    /// Called for each message that was returned or rejected, in the order of the outcomes, on the thread that reads the connection: return quickly and do
    /// not throw.
    /// <see cref="Publisher.FlushAsync"/> reports failures as well. Default: none.
    /// </summary>
    public Action<PublishFailure>? OnFailure { get; init; }

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxInFlightMessages, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxInFlightMessages, 1 << 20);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxInFlightBytes, 1);
        ArgumentNullException.ThrowIfNull(ProducerId);
    }
}
