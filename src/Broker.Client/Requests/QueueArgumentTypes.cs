namespace Broker.Client;

/// <summary>What a queue is.</summary>
public enum QueueType
{
    /// <summary>Each message goes to one consumer, and leaves when it is settled.</summary>
    Queue,

    /// <summary>Messages stay, for any number of readers each at its own offset. RabbitMQ calls it a stream.</summary>
    Log,
}

/// <summary>What a queue does when it has no room for a message.</summary>
public enum QueueOverflow
{
    /// <summary>The oldest ready messages go, and are dead-lettered where the queue has that.</summary>
    DropHead,

    /// <summary>The new message is refused: its publisher gets <see cref="PublishRejectedException"/> with RESOURCE_EXHAUSTED.</summary>
    RejectPublish,

    /// <summary>The new message is refused, and dead-lettered.</summary>
    RejectPublishDeadLetter,
}

/// <summary>How the pause before a message that came back is delivered again grows.</summary>
public enum RetryBackoff
{
    /// <summary>There is no pause.</summary>
    None,

    /// <summary><see cref="QueueOptions.RetryDelay"/> times the number of deliveries.</summary>
    Linear,

    /// <summary><see cref="QueueOptions.RetryDelay"/>, doubled with each delivery after the first.</summary>
    Exponential,
}

/// <summary>What an exchange that hashes takes in place of the routing key.</summary>
public enum HashProperty
{
    /// <summary><see cref="Protocol.MessageProperties.MessageId"/>.</summary>
    MessageId,

    /// <summary><see cref="Protocol.MessageProperties.CorrelationId"/>.</summary>
    CorrelationId,

    /// <summary><see cref="Protocol.MessageProperties.Timestamp"/>.</summary>
    Timestamp,
}

/// <summary>How the client writes them on the wire.</summary>
internal static class ArgumentTexts
{
    public static string ToText(this HashProperty property) => property switch
    {
        HashProperty.MessageId => "message_id",
        HashProperty.CorrelationId => "correlation_id",
        HashProperty.Timestamp => "timestamp",
        _ => throw new ArgumentOutOfRangeException(nameof(property), property, null),
    };

    public static string ToText(this QueueType type) => type switch
    {
        QueueType.Queue => "queue",
        QueueType.Log => "log",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };

    public static string ToText(this QueueOverflow overflow) => overflow switch
    {
        QueueOverflow.DropHead => "drop-head",
        QueueOverflow.RejectPublish => "reject-publish",
        QueueOverflow.RejectPublishDeadLetter => "reject-publish-dlx",
        _ => throw new ArgumentOutOfRangeException(nameof(overflow), overflow, null),
    };

    public static string ToText(this RetryBackoff backoff) => backoff switch
    {
        RetryBackoff.None => "none",
        RetryBackoff.Linear => "linear",
        RetryBackoff.Exponential => "exponential",
        _ => throw new ArgumentOutOfRangeException(nameof(backoff), backoff, null),
    };
}
