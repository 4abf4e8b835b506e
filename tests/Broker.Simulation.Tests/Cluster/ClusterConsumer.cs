using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Machines.Queues;
using Broker.Protocol;
using Broker.Simulation.Tests.Checkers;
using Broker.Simulation.Tests.Clients;
using Broker.Simulation.Tests.Cluster.Checkers;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>A consumer of one queue, for as long as the queue has this actor.</summary>
internal sealed class ClusterConsumer
{
    private readonly ClusterWorld _world;
    private readonly ClusterQueue _queue;
    private readonly MemberLife _life;
    private readonly ActorRef _target;
    private readonly ActorRef _actor;
    private readonly SortedDictionary<ulong, (MessageId Id, int Count)> _held = [];
    // Those that are to be certain, by the ranges that were sent.
    private readonly Dictionary<object, (List<(MessageId Id, int Count)> Settled, bool IsRejection)> _settling = new(ReferenceEqualityComparer.Instance);

    private ulong _lastNew;
    private bool _hasEnded;

    public ClusterConsumer(ClusterWorld world, ClusterQueue queue, MemberLife life, ActorRef target)
    {
        (_world, _queue, _life, _target) = (world, queue, life, target);
        _actor = life.System.ActorOf(Props.Create(() => new Probe(this)));
        target.Tell(new QueueMessage.Subscribe(Exclusive: false, NoAck: false, int.MaxValue), _actor);
    }

    public bool IsOver => _hasEnded || _life.IsOver;

    /// <summary>What was delivered, in order.</summary>
    public List<MessageId> Received { get; } = [];

    public void Grant(int messages) => _target.Tell(new QueueMessage.Grant(messages, 1 << 20), _actor);

    /// <summary>Its stream is reset.</summary>
    public void Vanish()
    {
        if (!IsOver)
        {
            _life.System.Stop(_actor);
        }

        _hasEnded = true;
    }

    /// <summary>Settles some of what it holds.</summary>
    public void Settle(Random random)
    {
        var outcome = (SettleOutcome)(random.Next(_queue.Target is null ? 4 : 2) == 0 ? random.Next(3) : 0);
        var certain = random.Next(4) > 0;
        var ranges = new List<SequenceRange>();
        var settled = new List<(MessageId Id, int Count)>();
        foreach (var tag in _held.Keys.Where(_ => random.Next(4) > 0).ToList())
        {
            RangeList.Append(ranges, tag);
            settled.Add(_held[tag]);
            _held.Remove(tag);
        }

        if (ranges.Count == 0)
        {
            return;
        }

        if (outcome != SettleOutcome.Requeue)
        {
            foreach (var (id, _) in settled)
            {
                _queue.Facts[id].MayBeAcknowledged |= outcome == SettleOutcome.Ack;
                _queue.Facts[id].MayBeRejected |= outcome == SettleOutcome.Reject;
                _queue.Facts.Tell(id, outcome == SettleOutcome.Ack ? "acknowledging" : "rejecting");
            }

            if (certain)
            {
                _settling.Add(ranges, (settled, outcome == SettleOutcome.Reject));
            }
        }

        _target.Tell(new QueueMessage.Settle(ranges, outcome, certain), _actor);
    }

    private void OnDelivered(in Delivery delivery)
    {
        var id = ClientMessages.IdOf(delivery.Entry.Message);
        Assert.True(delivery.Redelivered || delivery.Entry.Position > _lastNew, $"'{_queue.Name}': new messages come as {_lastNew}, {delivery.Entry.Position}");
        _lastNew = delivery.Redelivered ? _lastNew : delivery.Entry.Position;
        if (!_queue.Facts.Messages.ContainsKey(id))
        {
            Assert.True(_queue.Source?.Facts.Messages.ContainsKey(id) ?? false, $"'{_queue.Name}': {id} was never published here");
            _queue.Facts.Add(id);
            _world.Seen.Count("dead letters");
            _world.Seen.Count("dead letters to another shard", _queue.Source!.Shard != _queue.Shard ? 1 : 0);
        }

        _queue.Facts.Tell(id, $"delivered as {delivery.Entry.Position}, {delivery.Entry.DeliveryCount} times before");
        RefusedStaysOut.OnDelivered(_queue.Facts, id);
        SettledStaysSettled.OnDelivered(_queue.Facts, id, delivery.Entry.DeliveryCount);
        NothingTwice.OnDelivered(_queue.Facts, id, delivery.Entry);
        if (_queue is { Source: null, IsDeleting: false }) // dead letters come in any order, and a queue that has ended may begin anew until somebody says that it is gone
        {
            _queue.Order.OnDelivered(id, delivery.Entry.Position);
        }

        _world.Trace($"{_queue.Name} delivers {id} as {delivery.Entry.Position}");
        Received.Add(id);
        _held.Add(delivery.Tag, (id, delivery.Entry.DeliveryCount));
    }

    private void OnSettled(ConsumerSignal.Settled answer)
    {
        if (_settling.Remove(answer.Ranges, out var settled) && answer.Fault is null)
        {
            foreach (var (id, count) in settled.Settled)
            {
                (_queue.Facts[id].SettledAt, _queue.Facts[id].WasRejected) = (count, settled.IsRejection);
                _queue.Facts.Tell(id, $"settled after {count} deliveries");
                SettledStaysSettled.OnSettled(_queue.Facts, id, count);
            }
        }
    }

    private sealed class Probe(ClusterConsumer owner) : Actor
    {
        protected override void PreStart() => Context.Watch(owner._target);

        protected override void Receive(object message)
        {
            switch (message)
            {
                case ConsumerSignal.Deliver m:
                    foreach (var delivery in m.Deliveries)
                    {
                        owner.OnDelivered(delivery);
                    }

                    break;
                case ConsumerSignal.Settled m:
                    owner.OnSettled(m);
                    break;
                case ConsumerSignal.Refused or ConsumerSignal.Subscribed { Fault: not null } or Terminated:
                    owner.Vanish();
                    break;
                default:
                    break;
            }
        }
    }
}
