namespace Broker.Machines.Queues;

/// <summary>What a queue does with messages for which it has no room. The names are RabbitMQ's.</summary>
public enum OverflowBehavior : byte
{
    /// <summary><c>drop-head</c>: the oldest ready ones go, and are dead-lettered.</summary>
    DropHead = 0,

    /// <summary><c>reject-publish</c>: the new ones are refused.</summary>
    RejectPublish = 1,

    /// <summary><c>reject-publish-dlx</c>: the new ones are refused, and dead-lettered.</summary>
    RejectPublishDeadLetter = 2,
}

/// <summary>How the pause before a returned message is delivered again grows.</summary>
public enum RetryBackoff : byte
{
    /// <summary><c>none</c>: there is no pause.</summary>
    None = 0,

    /// <summary><c>linear</c>: the delay times the number of deliveries.</summary>
    Linear = 1,

    /// <summary><c>exponential</c>: the delay, doubled with each delivery after the first.</summary>
    Exponential = 2,
}

/// <summary>What a queue is.</summary>
public enum QueueKind : byte
{
    /// <summary>Messages go to one consumer each, and leave when they are settled.</summary>
    Queue = 0,

    /// <summary>Messages stay, for any number of readers each at its own offset. RabbitMQ calls it a stream.</summary>
    Log = 1,
}

/// <summary>
/// What is said of a queue, by its declaration or by a policy; <c>null</c> is not said. The names in brackets are the arguments of a declaration; a policy has them without <c>x-</c>.
/// </summary>
public sealed partial record QueueArguments
{
    /// <summary>Nothing is said.</summary>
    public static QueueArguments None { get; } = new();

    /// <summary>[<c>x-queue-type</c>: <c>queue</c>, <c>classic</c> and <c>quorum</c> all mean a queue, <c>log</c> and <c>stream</c> a log] What it is. Not by policy.</summary>
    public QueueKind? Kind { get; init; }

    /// <summary>[<c>x-message-ttl</c>] Milliseconds that a message may wait; 0 or more. 0: it expires unless a consumer takes it at once.</summary>
    public long? MessageTtl { get; init; }

    /// <summary>[<c>x-expires</c>] Milliseconds that the queue may be without consumers, declarations and GETs; 1 or more.</summary>
    public long? Expires { get; init; }

    /// <summary>[<c>x-max-length</c>] Ready messages; 0 or more.</summary>
    public long? MaxLength { get; init; }

    /// <summary>[<c>x-max-length-bytes</c>] Bytes of ready messages, of a log bytes in all; 0 or more.</summary>
    public long? MaxLengthBytes { get; init; }

    /// <summary>[<c>x-overflow</c>] What happens beyond them.</summary>
    public OverflowBehavior? Overflow { get; init; }

    /// <summary>[<c>x-dead-letter-exchange</c>] Where messages go that are rejected, expired, dropped or returned too often.</summary>
    public string? DeadLetterExchange { get; init; }

    /// <summary>[<c>x-dead-letter-routing-key</c>] Under which key, if not their own.</summary>
    public string? DeadLetterRoutingKey { get; init; }

    /// <summary>[<c>x-delivery-limit</c>] How often a message may come back before it is dead-lettered or dropped; -1 is without end.</summary>
    public long? DeliveryLimit { get; init; }

    /// <summary>[<c>x-max-priority</c>] Highest priority that counts, 1 to 31; those above count as it. Not by policy.</summary>
    public int? MaxPriority { get; init; }

    /// <summary>[<c>x-single-active-consumer</c>] One consumer gets all messages, the others wait to take its place. Not by policy.</summary>
    public bool? SingleActiveConsumer { get; init; }

    /// <summary>[<c>x-consumer-timeout</c>] Milliseconds that a consumer may hold a message; 1,000 or more, 0 is without end.</summary>
    public long? ConsumerTimeout { get; init; }

    /// <summary>[<c>x-retry-backoff</c>] How the pause before a returned message is delivered again grows.</summary>
    public RetryBackoff? RetryBackoff { get; init; }

    /// <summary>[<c>x-retry-delay</c>] Milliseconds of the first pause; 1 or more.</summary>
    public long? RetryDelay { get; init; }

    /// <summary>[<c>x-retry-max-delay</c>] Milliseconds of the longest pause; 1 or more.</summary>
    public long? RetryMaxDelay { get; init; }

    /// <summary>[<c>x-message-groups</c>] Messages with the same group key are processed in order, by one consumer at a time. Not by policy.</summary>
    public bool? MessageGroups { get; init; }

    /// <summary>[<c>x-deduplication-window</c>] Milliseconds for which a message with the same message id is not taken again; 1 or more.</summary>
    public long? DeduplicationWindow { get; init; }

    /// <summary>[<c>x-deduplication-size</c>] Message ids that are remembered at most, the newest ones; 1 to 10,000,000.</summary>
    public int? DeduplicationSize { get; init; }

    /// <summary>[<c>x-conflate</c>] Of the ready messages with the same group key, only the newest stays. Not by policy.</summary>
    public bool? Conflate { get; init; }

    /// <summary>[<c>x-max-age</c>, of a log] Milliseconds, or a number with Y, M, D, h, m or s as RabbitMQ has it; 1,000 or more.</summary>
    public long? MaxAge { get; init; }
}
