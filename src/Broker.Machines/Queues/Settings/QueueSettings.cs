using Broker.Machines.Topology;

namespace Broker.Machines.Queues;

/// <summary>How a queue behaves: what its declaration and the policies for it say, and the defaults for the rest. It may change while the queue works.</summary>
public sealed record QueueSettings
{
    /// <summary>The highest priority that a queue can have.</summary>
    public const int HighestPriority = 31;

    /// <summary>How often a message of a durable queue may come back, if nobody has said.</summary>
    public const long DefaultDeliveryLimit = 20;

    /// <summary>Milliseconds that a consumer may hold a message, if nobody has said: 30 minutes.</summary>
    public const long DefaultConsumerTimeout = 30 * 60 * 1000;

    /// <summary>A queue without any feature.</summary>
    public static QueueSettings Plain { get; } = new();

    // Nearly all queues are declared without arguments: they share these.
    private static readonly QueueSettings s_durable = new() { DeliveryLimit = DefaultDeliveryLimit, ConsumerTimeout = DefaultConsumerTimeout };
    private static readonly QueueSettings s_transient = new() { ConsumerTimeout = DefaultConsumerTimeout };

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

    /// <summary>Of a log: milliseconds that a message stays; <c>null</c> is without end.</summary>
    public long? MaxAge { get; init; }

    /// <summary>Of the ready messages with the same group key, only the newest stays.</summary>
    public bool Conflate { get; init; }

    /// <summary>What a queue's declaration and the policies for it come to (docs/queues.md, "Declaration, policy, operator policy").</summary>
    /// <param name="definition">The declaration.</param>
    /// <param name="policy">What the policy for it says; <c>null</c>: there is none.</param>
    /// <param name="operatorPolicy">What the operator's policy says, which can only lower limits.</param>
    public static QueueSettings Of(QueueDefinition definition, QueueArguments? policy = null, QueueArguments? operatorPolicy = null)
    {
        ArgumentNullException.ThrowIfNull(definition);
        var (declared, said, cap) = (definition.Arguments, policy ?? QueueArguments.None, operatorPolicy ?? QueueArguments.None);
        var deliveryLimit = Lowest(Bound(declared.DeliveryLimit, -1), Bound(said.DeliveryLimit, -1)) ?? (definition.Durable ? DefaultDeliveryLimit : long.MaxValue);
        var consumerTimeout = Lowest(Bound(declared.ConsumerTimeout, 0), Bound(said.ConsumerTimeout, 0)) ?? DefaultConsumerTimeout;
        var settings = new QueueSettings
        {
            MessageTtl = Lowest(declared.MessageTtl, said.MessageTtl, cap.MessageTtl),
            Expires = Lowest(declared.Expires, said.Expires, cap.Expires),
            AutoDelete = definition.AutoDelete,
            MaxLength = Lowest(declared.MaxLength, said.MaxLength, cap.MaxLength),
            MaxLengthBytes = Lowest(declared.MaxLengthBytes, said.MaxLengthBytes, cap.MaxLengthBytes),
            Overflow = declared.Overflow ?? said.Overflow ?? cap.Overflow ?? OverflowBehavior.DropHead,
            DeadLetters = (declared.DeadLetterExchange ?? said.DeadLetterExchange) is not null,
            DeliveryLimit = Limit(Lowest(deliveryLimit, Bound(cap.DeliveryLimit, -1))),
            MaxPriority = Math.Clamp(declared.MaxPriority ?? 0, 0, HighestPriority),
            SingleActiveConsumer = declared.SingleActiveConsumer ?? false,
            ConsumerTimeout = Limit(Lowest(consumerTimeout, Bound(cap.ConsumerTimeout, 0))),
            RetryBackoff = declared.RetryBackoff ?? said.RetryBackoff ?? RetryBackoff.None,
            RetryDelay = declared.RetryDelay ?? said.RetryDelay ?? Plain.RetryDelay,
            RetryMaxDelay = declared.RetryMaxDelay ?? said.RetryMaxDelay ?? Plain.RetryMaxDelay,
            MessageGroups = declared.MessageGroups ?? false,
            DeduplicationWindow = declared.DeduplicationWindow ?? said.DeduplicationWindow,
            DeduplicationSize = declared.DeduplicationSize ?? said.DeduplicationSize ?? Plain.DeduplicationSize,
            Conflate = declared.Conflate ?? false,
            MaxAge = Lowest(declared.MaxAge, said.MaxAge, cap.MaxAge),
        };
        return settings == s_durable ? s_durable : settings == s_transient ? s_transient : settings;
    }

    /// <summary>These settings, but for what only a declaration can say: that is as it was.</summary>
    internal QueueSettings KeepDeclared(QueueSettings before)
    {
        var kept = this with
        {
            MaxPriority = before.MaxPriority,
            SingleActiveConsumer = before.SingleActiveConsumer,
            MessageGroups = before.MessageGroups,
            Conflate = before.Conflate,
        };
        return kept == before ? before : kept == this ? this : kept;
    }

    private static long? Lowest(params ReadOnlySpan<long?> limits)
    {
        long? lowest = null;
        foreach (var limit in limits)
        {
            lowest = lowest is { } known && limit is { } other ? Math.Min(known, other) : lowest ?? limit;
        }

        return lowest;
    }

    /// <summary>A limit of which one value says that there is none.</summary>
    private static long? Bound(long? limit, long without) => limit == without ? long.MaxValue : limit;

    private static long? Limit(long? limit) => limit == long.MaxValue ? null : limit;
}
