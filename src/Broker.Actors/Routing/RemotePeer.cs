using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Machines.Publishing;
using Broker.Protocol;

namespace Broker.Actors.Routing;

/// <summary>A publisher, consumer or question of this node, and what it was not answered since it was forwarded.</summary>
internal sealed class RemotePeer(ulong number, ActorRef actor, QueueMessage? question)
{
    /// <summary>On the route.</summary>
    public ulong Number => number;

    public ActorRef Actor => actor;

    /// <summary>The one thing that it asks, if it is no stream.</summary>
    public QueueMessage? Question => question;

    /// <summary>Batches, by the number of each part in which they were sent.</summary>
    public Dictionary<ulong, RemoteBatch> Batches { get; } = [];

    public Queue<IReadOnlyList<SequenceRange>> Settlements { get; } = new();

    public int Gets { get; set; }

    public bool IsSubscribing { get; set; }

    public bool IsSubscribed { get; set; }

    public bool IsCancelling { get; set; }

    /// <summary>Whether it may have deliveries to settle.</summary>
    public bool MayHold { get; set; }

    /// <summary>Tells it that nothing more will come.</summary>
    /// <param name="fault">Why.</param>
    /// <param name="batchFault">Why, for messages that it has published.</param>
    /// <param name="self">Who tells.</param>
    public void End(FrameFault fault, FrameFault batchFault, ActorRef self)
    {
        var deleted = fault.Code == ErrorCode.QueueDeleted;
        foreach (var batch in Batches.Values.Distinct())
        {
            actor.Tell(new PublisherSignal.Answered(batch.Batch, batch.Fault ?? batchFault, batch.IsParked), self);
        }

        if (IsSubscribing)
        {
            actor.Tell(new ConsumerSignal.Subscribed(fault), self);
        }
        else if (IsSubscribed)
        {
            actor.Tell(deleted ? new ConsumerSignal.QueueGone() : new ConsumerSignal.Refused(fault), self); // before a settlement that fails ends its stream
        }

        if (IsCancelling)
        {
            actor.Tell(new ConsumerSignal.CancelDone(), self);
        }

        foreach (var ranges in Settlements)
        {
            actor.Tell(new ConsumerSignal.Settled(ranges, deleted ? null : fault), self); // those of a queue that was deleted went with it
        }

        for (; Gets > 0; Gets--)
        {
            actor.Tell(new QueueReply.Got(null, 0, fault), self);
        }

        if (QueueReply.Refusing(question, fault) is { } answer)
        {
            actor.Tell(answer, self);
        }
    }
}

/// <summary>A batch on its way, maybe in several parts.</summary>
internal sealed class RemoteBatch(PublishBatch batch)
{
    public PublishBatch Batch => batch;

    /// <summary>That were not answered.</summary>
    public int Parts { get; set; }

    public bool IsParked { get; set; }

    /// <summary>Of the first part that was not taken.</summary>
    public FrameFault? Fault { get; set; }
}
