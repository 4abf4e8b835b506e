using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Machines.Queues;
using Broker.Protocol;
using Broker.Simulation.Tests.Checkers;
using Broker.Simulation.Tests.Clients;

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
    private readonly Dictionary<object, List<(MessageId Id, int Count)>> _settling = new(ReferenceEqualityComparer.Instance); // those that are to be certain, by the ranges that were sent
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
        var outcome = (SettleOutcome)(random.Next(4) == 0 ? random.Next(3) : 0);
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
            settled.ForEach(s => _queue.Fates.OnSettling(s.Id));
            if (certain)
            {
                _settling.Add(ranges, settled);
            }
        }

        _target.Tell(new QueueMessage.Settle(ranges, outcome, certain), _actor);
    }

    private void OnDelivered(in Delivery delivery)
    {
        var id = ClientMessages.IdOf(delivery.Entry.Message);
        Assert.True(delivery.Redelivered || delivery.Entry.Position > _lastNew, $"'{_queue.Name}': new messages come as {_lastNew}, {delivery.Entry.Position}");
        _lastNew = delivery.Redelivered ? _lastNew : delivery.Entry.Position;
        _queue.Fates.OnDelivered(id, delivery);
        _queue.Order.OnDelivered(id, delivery.Entry.Position);
        _world.Trace($"{_queue.Name} delivers {id} as {delivery.Entry.Position}");
        Received.Add(id);
        _held.Add(delivery.Tag, (id, delivery.Entry.DeliveryCount));
    }

    private void OnSettled(ConsumerSignal.Settled answer)
    {
        if (_settling.Remove(answer.Ranges, out var settled) && answer.Fault is null)
        {
            settled.ForEach(s => _queue.Fates.OnSettled(s.Id, s.Count));
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
