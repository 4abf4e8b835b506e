namespace Broker.Machines.Queues;

/// <summary>How a queue behaves: what its declaration and the policies for it say, and the defaults for the rest. It may change while the queue works.</summary>
public sealed record QueueSettings
{
    /// <summary>A queue without any feature.</summary>
    public static QueueSettings Plain { get; } = new();

    /// <summary>Milliseconds that a message may wait; <c>null</c> is without end.</summary>
    public long? MessageTtl { get; init; }

    /// <summary>Milliseconds that the queue may be unused before it is deleted; <c>null</c> is without end.</summary>
    public long? Expires { get; init; }

    /// <summary>It is deleted when its last consumer goes.</summary>
    public bool AutoDelete { get; init; }

    /// <summary>Ready messages; <c>null</c> is without end.</summary>
    public long? MaxLength { get; init; }

    /// <summary>Bytes of ready messages; <c>null</c> is without end.</summary>
    public long? MaxLengthBytes { get; init; }

    /// <summary>What happens beyond them. Default drop-head.</summary>
    public OverflowBehavior Overflow { get; init; }

    /// <summary>Whether messages that die are dead-lettered; else they are dropped.</summary>
    public bool DeadLetters { get; init; }

    /// <summary>How often a message may come back; <c>null</c> is without end.</summary>
    public long? DeliveryLimit { get; init; }

    /// <summary>Highest priority that counts, 0 to 31; 0: priorities do not count.</summary>
    public int MaxPriority { get; init; }

    /// <summary>One consumer gets all messages.</summary>
    public bool SingleActiveConsumer { get; init; }

    /// <summary>Milliseconds that a consumer may hold a message; <c>null</c> is without end.</summary>
    public long? ConsumerTimeout { get; init; }

    /// <summary>How the pause before a returned message is delivered again grows. Default: there is none.</summary>
    public RetryBackoff RetryBackoff { get; init; }

    /// <summary>Milliseconds of the first pause. Default 1 s.</summary>
    public long RetryDelay { get; init; } = 1_000;

    /// <summary>Milliseconds of the longest pause. Default 10 min.</summary>
    public long RetryMaxDelay { get; init; } = 600_000;

    /// <summary>Messages with the same group key are processed in order, by one consumer at a time.</summary>
    public bool MessageGroups { get; init; }

    /// <summary>Milliseconds for which a message with the same message id is not taken again; <c>null</c>: ids do not count.</summary>
    public long? DeduplicationWindow { get; init; }

    /// <summary>Message ids that are remembered at most. Default 100,000.</summary>
    public int DeduplicationSize { get; init; } = 100_000;

    /// <summary>Of the ready messages with the same group key, only the newest stays.</summary>
    public bool Conflate { get; init; }
}
