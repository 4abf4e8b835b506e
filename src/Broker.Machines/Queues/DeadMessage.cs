namespace Broker.Machines.Queues;

/// <summary>Why a message is dead-lettered. The names are those of RabbitMQ's <c>x-death</c>.</summary>
public enum DeadLetterReason : byte
{
    /// <summary><c>rejected</c>: a consumer has rejected it.</summary>
    Rejected = 0,

    /// <summary><c>expired</c>: it has waited longer than it may.</summary>
    Expired = 1,

    /// <summary><c>maxlen</c>: the queue was full, and it was the next one, or came to a full queue whose overflow is reject-publish-dlx.</summary>
    MaxLength = 2,

    /// <summary><c>delivery_limit</c>: it came back too often.</summary>
    DeliveryLimit = 3,
}

/// <summary>The names of reasons in headers and lists.</summary>
public static class DeadLetterReasons
{
    /// <summary>The name of a reason.</summary>
    public static string NameOf(this DeadLetterReason reason) => reason switch
    {
        DeadLetterReason.Rejected => "rejected",
        DeadLetterReason.Expired => "expired",
        DeadLetterReason.MaxLength => "maxlen",
        DeadLetterReason.DeliveryLimit => "delivery_limit",
        _ => throw new InvariantViolationException($"dead-letter reason {reason}"),
    };
}

/// <summary>A message on its way to the dead-letter exchange.</summary>
/// <param name="Sequence">
/// The queue's number for it, 1, 2, 3... in the order in which messages died. It is the sequence under which the queue publishes it as a producer, so that after a change of the leader no target
/// takes it twice.
/// </param>
/// <param name="Entry">The message, loaded.</param>
/// <param name="Reason">Why it died.</param>
/// <param name="Text">What the consumer that rejected it said; empty if nothing.</param>
/// <param name="At">When, in milliseconds since the Unix epoch.</param>
public readonly record struct DeadMessage(ulong Sequence, QueueEntry Entry, DeadLetterReason Reason, string Text, long At);
