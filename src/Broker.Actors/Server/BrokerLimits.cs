using Broker.Machines.Publishing;
using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Actors.Server;

/// <summary>Every bound of a node in one place. <see cref="Validate"/> checks how they relate.</summary>
public sealed record BrokerLimits
{
    /// <summary>Of one message's encoding, in bytes. Default 16 MiB, as in RabbitMQ; 1 KiB to 1 GiB.</summary>
    public int MaxMessageBytes { get; init; } = ProtocolLimits.DefaultMaxMessageBytes;

    /// <summary>Of all messages on the node, in bytes, before publishers have to wait. Default: 40 % of the memory that the process may use, as in RabbitMQ.</summary>
    public long MaxMemoryBytes { get; init; } = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 10 * 4;

    /// <summary>Of one queue.</summary>
    public QueueLimits Queue { get; init; } = new();

    /// <summary>Of one publish stream.</summary>
    public PublishStreamLimits Publisher { get; init; } = new();

    /// <summary>Messages on their way from a queue to one consumer's QUIC stream. Default 8,192; at least 1.</summary>
    public int ConsumerWindowMessages { get; init; } = 8192;

    /// <summary>Bytes, likewise. Default 2 MiB; at least 64 KiB.</summary>
    public int ConsumerWindowBytes { get; init; } = 2 << 20;

    /// <summary>
    /// Messages that wait for a consumer which gets them without a queue: answers to its requests, or what comes to its address. What comes beyond is dropped. Default 8,192; at least 1.
    /// </summary>
    public int InboxMessages { get; init; } = 8192;

    /// <summary>Bytes, likewise. Default 8 MiB; at least 1.</summary>
    public long InboxBytes { get; init; } = 8 << 20;

    /// <summary>Ranges of the acknowledgements that a consumer stream may have under way at its queue. Default 65,536.</summary>
    public int MaxPendingSettleRanges { get; init; } = 65_536;

    /// <summary>Time a client has for HELLO, and for the first bytes of each stream. Default 10 s.</summary>
    public TimeSpan OpeningTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Time that a stream which ended in an error gets to deliver the reason. Default 5 s.</summary>
    public TimeSpan ClosingTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Fails with a sentence that says which limit is wrong and what would be right.</summary>
    /// <exception cref="ArgumentException">A limit is out of range.</exception>
    public void Validate()
    {
        Check(MaxMessageBytes is >= ProtocolLimits.MinMaxMessageBytes and <= ProtocolLimits.MaxMaxMessageBytes, $"MaxMessageBytes {MaxMessageBytes} must be between 1 KiB and 1 GiB");
        Check(MaxMemoryBytes >= MaxMessageBytes, $"MaxMemoryBytes {MaxMemoryBytes} must hold one message of MaxMessageBytes {MaxMessageBytes}");
        Check(Queue.MaxBytes > 0 && Queue.MaxMessages > 0, "a queue's limits must be positive");
        Check(Publisher.MaxOutstandingBytes > 0 && Publisher.MaxOutstandingMessages > 0, "a publisher's limits must be positive");
        Check(ConsumerWindowMessages > 0 && ConsumerWindowBytes >= 64 << 10, "the consumer window must be at least 1 message and 64 KiB");
        Check(InboxMessages > 0 && InboxBytes > 0, "the limits of an inbox must be positive");
        Check(OpeningTimeout > TimeSpan.Zero && ClosingTimeout > TimeSpan.Zero, "timeouts must be positive");
    }

    private static void Check(bool condition, string message)
    {
        if (!condition)
        {
            throw new ArgumentException(message);
        }
    }
}
