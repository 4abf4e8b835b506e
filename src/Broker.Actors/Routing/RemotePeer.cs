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
            actor.Tell(batch.Abandon(batchFault), self);
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

    private readonly List<BatchRefusal> _refused = [];
    private readonly Dictionary<ulong, (int First, int Count)> _parts = []; // that were not answered

    public bool IsParked { get; set; }

    /// <summary>A part is sent under a number.</summary>
    public void Add(ulong number, int first, int count) => _parts.Add(number, (first, count));

    /// <summary>A part is answered.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="fault">Why it was not taken; <c>null</c> if it was.</param>
    /// <param name="accepted">How many of its messages were taken nevertheless.</param>
    /// <returns>The answer to the batch, once all its parts are answered.</returns>
    public PublisherSignal.Answered? HandleAnswered(ulong number, FrameFault? fault, ulong accepted)
    {
        _parts.Remove(number, out var part);
        if (fault is { } reason)
        {
            var taken = (int)Math.Min(accepted, (ulong)part.Count);
            _refused.Add(new BatchRefusal(part.First + taken, part.Count - taken, reason));
        }

        return _parts.Count == 0 ? Answer() : null;
    }

    /// <summary>Nothing more will be answered.</summary>
    /// <returns>The answer to the batch.</returns>
    public PublisherSignal.Answered Abandon(FrameFault fault)
    {
        _refused.AddRange(_parts.Values.Select(p => new BatchRefusal(p.First, p.Count, fault)));
        return Answer();
    }

    private PublisherSignal.Answered Answer()
    {
        _refused.Sort(static (a, b) => a.First.CompareTo(b.First));
        return _refused.Count == 0 ? new PublisherSignal.Answered(batch, null, IsParked) : new PublisherSignal.Answered(batch, _refused[0].Fault, IsParked, _refused);
    }
}
