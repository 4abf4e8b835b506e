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

    /// <summary>Rejected by a consumer, and so dropped.</summary>
    public long Rejected { get; init; }
}
