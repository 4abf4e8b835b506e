namespace Broker.Machines.Queues;

/// <summary>Messages since the queue was declared.</summary>
public readonly record struct QueueCounters
{
    /// <summary>Taken in.</summary>
    public long Enqueued { get; init; }

    /// <summary>Handed to consumers, repeats included.</summary>
    public long Delivered { get; init; }

    /// <summary>Handed to consumers again.</summary>
    public long Redelivered { get; init; }

    /// <summary>Settled for good by a consumer, no-ack deliveries included.</summary>
    public long Acknowledged { get; init; }

    /// <summary>Put back by a consumer, or because it went away.</summary>
    public long Requeued { get; init; }

    /// <summary>Rejected by a consumer, and so dropped or dead-lettered.</summary>
    public long Rejected { get; init; }

    /// <summary>Dropped or dead-lettered because they had waited for too long.</summary>
    public long Expired { get; init; }

    /// <summary>Dropped or dead-lettered because the queue was too long.</summary>
    public long Overflowed { get; init; }

    /// <summary>Dropped or dead-lettered because they came back too often.</summary>
    public long ReturnedTooOften { get; init; }

    /// <summary>Of all that died, those that went on their way to the dead-letter exchange.</summary>
    public long DeadLettered { get; init; }

    /// <summary>Of all that died, those that were dropped.</summary>
    public long Dropped { get; init; }

    /// <summary>Refused because the queue was full, those that were dead-lettered included.</summary>
    public long Refused { get; init; }

    /// <summary>Not taken because one with the same message id was taken before.</summary>
    public long Duplicates { get; init; }

    /// <summary>Dropped because a newer one with the same key came.</summary>
    public long Conflated { get; init; }
}
