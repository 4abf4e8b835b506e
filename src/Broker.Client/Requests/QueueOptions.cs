using Broker.Client.Requests;
using Broker.Protocol;

namespace Broker.Client;

/// <summary>
/// How to declare a queue. Immutable. What is <c>null</c> is not said: the queue then has what a policy says, or the broker's default. Of numeric limits that a
/// policy sets too, the lower one counts. Times count in milliseconds, a part of one as a whole one.
/// </summary>
public sealed record QueueOptions
{
    private static readonly TimeSpan s_millisecond = TimeSpan.FromMilliseconds(1);

    /// <summary>
    /// The queue and its messages are on disk and survive a restart or crash of the node, transient messages like durable ones. Default <c>true</c>;
    /// <c>false</c> keeps them in memory only: faster, and lost with the node's process.
    /// </summary>
    public bool Durable { get; init; } = true;

    /// <summary>Only for this connection, and deleted with it. Default <c>false</c>.</summary>
    public bool Exclusive { get; init; }

    /// <summary>Deleted when its last consumer goes. Default <c>false</c>.</summary>
    public bool AutoDelete { get; init; }

    /// <summary>Only ask whether it exists, and how it is. Default <c>false</c>.</summary>
    public bool Passive { get; init; }

    /// <summary>What the queue is. Default <c>null</c>: <see cref="QueueType.Queue"/>. Not by policy. Argument <c>x-queue-type</c>.</summary>
    public QueueType? Type { get; init; }

    /// <summary>
    /// How long a message may wait; then it is dead-lettered or dropped. Zero or more; zero: it expires unless a consumer takes it at once. Default <c>null</c>:
    /// without end. Argument <c>x-message-ttl</c>.
    /// </summary>
    public TimeSpan? MessageTtl { get; init; }

    /// <summary>
    /// The queue is deleted after so long without consumers, declarations and gets. 1 ms or more. Default <c>null</c>: it stays. Argument <c>x-expires</c>.
    /// </summary>
    public TimeSpan? Expires { get; init; }

    /// <summary>Messages that may be ready; beyond, <see cref="Overflow"/> says what happens. 0 or more. Default <c>null</c>: any number. Argument <c>x-max-length</c>.</summary>
    public long? MaxLength { get; init; }

    /// <summary>
    /// Bytes of messages that may be ready, of a log bytes in all; beyond, <see cref="Overflow"/> says what happens. 0 or more. Default <c>null</c>: any number.
    /// Argument <c>x-max-length-bytes</c>.
    /// </summary>
    public long? MaxLengthBytes { get; init; }

    /// <summary>What happens beyond the two. Default <c>null</c>: <see cref="QueueOverflow.DropHead"/>. Argument <c>x-overflow</c>.</summary>
    public QueueOverflow? Overflow { get; init; }

    /// <summary>
    /// The exchange that gets messages that are rejected, expired, dropped for want of room or returned too often; empty is the default exchange. Default
    /// <c>null</c>: they are dropped. Argument <c>x-dead-letter-exchange</c>.
    /// </summary>
    public string? DeadLetterExchange { get; init; }

    /// <summary>
    /// Under which routing key it gets them. Default <c>null</c>: under their own. Not without <see cref="DeadLetterExchange"/>. Argument
    /// <c>x-dead-letter-routing-key</c>.
    /// </summary>
    public string? DeadLetterRoutingKey { get; init; }

    /// <summary>
    /// How often a message may come back before it is dead-lettered or dropped. 0 or more, or -1: without end. Default <c>null</c>: 20 for a durable queue, without
    /// end for a transient one. Argument <c>x-delivery-limit</c>.
    /// </summary>
    public long? DeliveryLimit { get; init; }

    /// <summary>
    /// The highest <see cref="MessageProperties.Priority"/> that counts; higher ones count as it. 1 to 31. Default <c>null</c>: the queue has no priorities. Not by
    /// policy. Argument <c>x-max-priority</c>.
    /// </summary>
    public int? MaxPriority { get; init; }

    /// <summary>
    /// One consumer gets all messages, the others wait to take its place. Default <c>null</c>: <c>false</c>. Not by policy. Argument
    /// <c>x-single-active-consumer</c>.
    /// </summary>
    public bool? SingleActiveConsumer { get; init; }

    /// <summary>
    /// How long a consumer may hold a message before it is taken from it. 1 s or more; zero: without end. Default <c>null</c>: 30 minutes. Argument
    /// <c>x-consumer-timeout</c>.
    /// </summary>
    public TimeSpan? ConsumerTimeout { get; init; }

    /// <summary>How the pause before a message that came back is delivered again grows. Default <c>null</c>: <see cref="RetryBackoff.None"/>. Argument
    /// <c>x-retry-backoff</c>.</summary>
    public RetryBackoff? RetryBackoff { get; init; }

    /// <summary>The first pause. 1 ms or more. Default <c>null</c>: the broker's. Argument <c>x-retry-delay</c>.</summary>
    public TimeSpan? RetryDelay { get; init; }

    /// <summary>The longest pause. 1 ms or more. Default <c>null</c>: the broker's. Argument <c>x-retry-max-delay</c>.</summary>
    public TimeSpan? RetryMaxDelay { get; init; }

    /// <summary>
    /// Messages with the same <see cref="MessageProperties.GroupKey"/> are processed in order, by one consumer at a time. Default <c>null</c>: <c>false</c>. Not by
    /// policy. Argument <c>x-message-groups</c>.
    /// </summary>
    public bool? MessageGroups { get; init; }

    /// <summary>
    /// For how long a message with the same <see cref="MessageProperties.MessageId"/> is not taken again. 1 ms or more. Default <c>null</c>: ids are not looked
    /// at. Argument <c>x-deduplication-window</c>.
    /// </summary>
    public TimeSpan? DeduplicationWindow { get; init; }

    /// <summary>Message ids that are remembered at most, the newest ones. 1 to 10,000,000. Default <c>null</c>: the broker's. Argument
    /// <c>x-deduplication-size</c>.</summary>
    public int? DeduplicationSize { get; init; }

    /// <summary>
    /// Of the ready messages with the same <see cref="MessageProperties.GroupKey"/>, only the newest stays. Default <c>null</c>: <c>false</c>. Not by policy.
    /// Argument <c>x-conflate</c>.
    /// </summary>
    public bool? Conflate { get; init; }

    /// <summary>How long a log keeps messages. 1 s or more. Default <c>null</c>: without end. Argument <c>x-max-age</c>.</summary>
    public TimeSpan? MaxAge { get; init; }

    /// <summary>
    /// Further arguments by their names. Default: none. One that an option above says otherwise is an <see cref="ArgumentException"/> of the declaration.
    /// </summary>
    public FieldTable Arguments { get; init; } = FieldTable.Empty;

    internal DeclareQueueFlags Flags =>
        (Durable ? DeclareQueueFlags.Durable : 0)
        | (Exclusive ? DeclareQueueFlags.Exclusive : 0)
        | (AutoDelete ? DeclareQueueFlags.AutoDelete : 0)
        | (Passive ? DeclareQueueFlags.Passive : 0);

    /// <summary>All arguments, typed or not.</summary>
    /// <exception cref="ArgumentException">One is out of its range, or said twice in different ways.</exception>
    internal FieldTable ToTable()
    {
        ArgumentNullException.ThrowIfNull(Arguments);
        if (ConsumerTimeout is { } timeout && timeout != TimeSpan.Zero && timeout < TimeSpan.FromSeconds(1))
        {
            throw new ArgumentOutOfRangeException(nameof(ConsumerTimeout), timeout, "must be 1 s or more, or zero for without end");
        }

        if (DeadLetterRoutingKey is not null && DeadLetterExchange is null && !Arguments.TryGetValue("x-dead-letter-exchange", out _))
        {
            throw new ArgumentException("a routing key for dead letters needs an exchange for them; set DeadLetterExchange", nameof(DeadLetterRoutingKey));
        }

        return new TypedArguments(Arguments)
            .Add("x-queue-type", nameof(Type), Type?.ToText())
            .Add("x-message-ttl", nameof(MessageTtl), MessageTtl, TimeSpan.Zero)
            .Add("x-expires", nameof(Expires), Expires, s_millisecond)
            .Add("x-max-length", nameof(MaxLength), MaxLength, min: 0)
            .Add("x-max-length-bytes", nameof(MaxLengthBytes), MaxLengthBytes, min: 0)
            .Add("x-overflow", nameof(Overflow), Overflow?.ToText())
            .Add("x-dead-letter-exchange", nameof(DeadLetterExchange), DeadLetterExchange)
            .Add("x-dead-letter-routing-key", nameof(DeadLetterRoutingKey), DeadLetterRoutingKey)
            .Add("x-delivery-limit", nameof(DeliveryLimit), DeliveryLimit, min: -1)
            .Add("x-max-priority", nameof(MaxPriority), MaxPriority, min: 1, max: 31)
            .Add("x-single-active-consumer", nameof(SingleActiveConsumer), SingleActiveConsumer)
            .Add("x-consumer-timeout", nameof(ConsumerTimeout), ConsumerTimeout, TimeSpan.Zero)
            .Add("x-retry-backoff", nameof(RetryBackoff), RetryBackoff?.ToText())
            .Add("x-retry-delay", nameof(RetryDelay), RetryDelay, s_millisecond)
            .Add("x-retry-max-delay", nameof(RetryMaxDelay), RetryMaxDelay, s_millisecond)
            .Add("x-message-groups", nameof(MessageGroups), MessageGroups)
            .Add("x-deduplication-window", nameof(DeduplicationWindow), DeduplicationWindow, s_millisecond)
            .Add("x-deduplication-size", nameof(DeduplicationSize), DeduplicationSize, min: 1, max: 10_000_000)
            .Add("x-conflate", nameof(Conflate), Conflate)
            .Add("x-max-age", nameof(MaxAge), MaxAge, TimeSpan.FromSeconds(1))
            .ToTable();
    }
}
