using Broker.Protocol;

namespace Broker.Machines.Queues;

/// <summary>What the owner of a <see cref="QueueMachine"/> has to carry out.</summary>
public abstract record QueueEffect
{
    private protected QueueEffect()
    {
    }

    /// <summary>The batch is in the queue: tell the publisher.</summary>
    public sealed record Accepted(PublisherId Publisher, long BatchId) : QueueEffect;

    /// <summary>
    /// Some messages of the batch are not in the queue, for good: it is full and refuses what it has no room for, or has refused them before. The others are. Tell the publisher.
    /// </summary>
    /// <param name="Publisher">Whose it is.</param>
    /// <param name="BatchId">Its number.</param>
    /// <param name="Refused">What is not in the queue, ascending, each with its reason; at least one.</param>
    public sealed record NotAccepted(PublisherId Publisher, long BatchId, IReadOnlyList<BatchRefusal> Refused) : QueueEffect;

    /// <summary>The batch waits: tell the publisher why, in words that follow the queue's name. <see cref="Accepted"/> follows when there is room. Nothing needs to be certain for it.</summary>
    public sealed record Parked(PublisherId Publisher, long BatchId, string Reason) : QueueEffect;

    /// <summary>Hand these to the consumer, in this order.</summary>
    public sealed record Deliver(ConsumerId Consumer, IReadOnlyList<Delivery> Deliveries) : QueueEffect;

    /// <summary>The next message is not for this consumer, whose subscription has therefore ended: tell it why.</summary>
    public sealed record ConsumerRefused(ConsumerId Consumer, FrameFault Fault) : QueueEffect;

    /// <summary>The queue is gone; the consumer gets nothing more from it.</summary>
    public sealed record ConsumerClosed(ConsumerId Consumer) : QueueEffect;

    /// <summary>
    /// Read messages from the position on, about so many bytes, and hand them over with <see cref="QueueMachine.HandleLoaded"/>. Nothing needs to be certain for it.
    /// </summary>
    public sealed record Load(ulong Position, long Bytes) : QueueEffect;

    /// <summary>
    /// Publish the message to the queue's dead-letter exchange, and say so with <see cref="QueueMachine.HandleDeadLettered"/> when it is certain there, or nobody takes it. Until then the queue
    /// keeps it, over a restart as well.
    /// </summary>
    public sealed record DeadLetter(DeadMessage Message) : QueueEffect;

    /// <summary>The queue is no longer wanted: nobody has used it for as long as it may be unused, or its last consumer has gone. Have it deleted.</summary>
    public sealed record Unused(string Reason) : QueueEffect;

    /// <summary>A parked batch was given up: the queue, or the batch's publisher, is gone.</summary>
    public sealed record Dropped(PublisherId Publisher, long BatchId) : QueueEffect;
}
