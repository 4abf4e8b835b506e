namespace Broker.Client;

/// <summary>A publisher's window. Immutable.</summary>
public sealed record PublisherOptions
{
    /// <summary>Messages that may wait for their outcome; more make publishing wait. Default 8,192; 1 to 1,048,576.</summary>
    public int MaxInFlightMessages { get; init; } = 8192;

    /// <summary>Bytes of messages that may wait for their outcome. Default 16 MiB; at least 1. The message that crosses the limit is still taken.</summary>
    public long MaxInFlightBytes { get; init; } = 16 << 20;

    /// <summary>
    /// A lasting name of this publisher, unique among those of the user; at most 255 bytes of UTF-8. Default: none; see <see cref="Idempotent"/>.
    /// </summary>
    /// <remarks>
    /// <para>Numbers begin above the highest that any queue or stream of the node has seen under this name, and not below <see cref="FirstSequence"/>. A message
    /// with a number that a queue has already is confirmed and not taken again. The number of a message that was rejected or returned is spent: published
    /// again, it gets a new one.</para>
    /// <para>One publisher at a time speaks for a name on a node: when another one opens with it, the one before fails with
    /// <see cref="BrokerStreamException"/> and <see cref="Broker.Protocol.ErrorCode.ResourceLocked"/>, and what it has no outcome for is unknown.</para>
    /// </remarks>
    public string ProducerId { get; init; } = "";

    /// <summary>
    /// Without a <see cref="ProducerId"/>, make up a random one that lasts as long as the publisher, so that it can send again what has no outcome when a
    /// connection or a queue's leader is lost, and no queue takes a message twice. Default <c>true</c>; <c>false</c>: the publisher is over with its stream, what
    /// had no outcome is unknown, and a message that a queue cannot take for now is rejected. No effect without
    /// <see cref="BrokerClientOptions.RecoverConnection"/>.
    /// </summary>
    public bool Idempotent { get; init; } = true;

    /// <summary>
    /// With a <see cref="ProducerId"/>: the lowest number to begin at. Default <c>null</c>: the microseconds since the Unix epoch, because a node does not know of
    /// everything that others of its cluster took under the name, and a number that a queue has already would not be taken; so the clocks of all who use a
    /// name, one after the other, must not go back. 1 relies on what the node knows, which is right without a cluster.
    /// </summary>
    public ulong? FirstSequence { get; init; }

    /// <summary>
    /// A queue that most messages go to: publish at the node that leads it, which saves a hop, over another connection of the client if need be. Messages may go anywhere nevertheless. Where the
    /// leader cannot be reached, and until it can, messages take the usual way. Default: none.
    /// </summary>
    /// <remarks>Not without a producer id (<see cref="Idempotent"/>): such a publisher stays where it was opened.</remarks>
    public string LeaderOf { get; init; } = "";

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
        ArgumentNullException.ThrowIfNull(LeaderOf);
        ArgumentOutOfRangeException.ThrowIfZero(FirstSequence ?? 1);
    }
}
