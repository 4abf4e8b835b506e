using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Machines.Publishing;
using Broker.Machines.Queues;
using Broker.Protocol;
using Broker.Protocol.Links;

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

    /// <summary>Whether the queue has refused something of it, a producer, and nothing that came later is certain there.</summary>
    public bool IsRefused { get; private set; }

    /// <summary>Whether a later message of it, a producer, is not to come to the queue's next leader before those that this one has not answered, or has refused and only by itself knows of.</summary>
    public bool MustBeginAnew => IsRefused || Batches.Values.Any(b => b.Batch.Producer.Name is not null);

    /// <summary>Whether it may have deliveries to settle.</summary>
    public bool MayHold { get; set; }

    /// <summary>A part of a batch is answered.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="refused">What of it was not taken.</param>
    /// <param name="self">Who tells.</param>
    public void HandlePublished(ulong number, IReadOnlyList<RouteRefusal> refused, ActorRef self)
    {
        if (!Batches.Remove(number, out var batch))
        {
            return;
        }

        IsRefused = batch.Batch.Producer.Name is not null && refused.Any(r => r.Fault.Code == ErrorCode.ResourceExhausted);
        if (batch.HandleAnswered(number, refused) is { } whole)
        {
            actor.Tell(whole, self);
        }
    }

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
    /// <param name="refused">What of it was not taken.</param>
    /// <returns>The answer to the batch, once all its parts are answered.</returns>
    public PublisherSignal.Answered? HandleAnswered(ulong number, IReadOnlyList<RouteRefusal> refused)
    {
        _parts.Remove(number, out var part);
        foreach (var refusal in refused)
        {
            if (refusal.First < part.Count) // else it is about messages that were never sent
            {
                _refused.Add(new BatchRefusal(part.First + refusal.First, Math.Min(refusal.Count, part.Count - refusal.First), refusal.Fault));
            }
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
