using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Machines.Queues;
using Broker.Protocol;
using Broker.Simulation.Tests.Checkers;

namespace Broker.Simulation.Tests.Clients;

/// <summary>A consumer of one queue, for as long as its node lives.</summary>
internal sealed class SimulatedConsumer
{
    private readonly QueueHistory _history;
    private readonly ActorRef _queue;
    private readonly ActorSystem _system;
    private readonly ActorRef _actor;
    private readonly bool _noAck;
    private ulong _lastNew;
    private readonly SortedDictionary<ulong, (MessageId Id, int Deliveries)> _held = [];
    private readonly Dictionary<object, Settling> _settling = new(ReferenceEqualityComparer.Instance); // those that are to be certain, by the ranges that were sent

    private sealed record Settling(List<(MessageId Id, int Deliveries)> Ids, SettleOutcome Outcome);

    public SimulatedConsumer(ActorSystem system, ActorRef queue, QueueHistory history, bool noAck, bool subscribe)
    {
        _system = system;
        _queue = queue;
        _history = history;
        _noAck = noAck;
        _actor = system.ActorOf(Props.Create(() => new Probe(this)));
        if (subscribe)
        {
            queue.Tell(new QueueMessage.Subscribe(Exclusive: false, noAck, int.MaxValue), _actor);
        }
    }

    public QueueHistory Queue => _history;

    public int HeldCount => _held.Count;

    public bool IsGone { get; private set; }

    /// <summary>What was delivered, in order.</summary>
    public List<MessageId> Received { get; } = [];

    public void Grant(int messages) => _queue.Tell(new QueueMessage.Grant(messages, 1 << 20), _actor);

    public void Get() => _queue.Tell(new QueueMessage.Get(_noAck, int.MaxValue), _actor);

    public void Cancel() => _queue.Tell(new QueueMessage.CancelSubscription(), _actor);

    /// <summary>Its stream is reset.</summary>
    public void Vanish()
    {
        IsGone = true;
        _history.HiddenDeliveries++;
        foreach (var (id, deliveries) in _held.Values)
        {
            _history.OnReturned(id, deliveries, isCertain: false);
        }

        _system.Stop(_actor);
    }

    /// <summary>Settles some of what it holds.</summary>
    public void Settle(Random random, bool all = false)
    {
        if (_held.Count == 0)
        {
            return;
        }

        var outcome = (SettleOutcome)(random.Next(4) == 0 ? random.Next(3) : 0);
        var certain = random.Next(2) == 0;
        var ranges = new List<SequenceRange>();
        var ids = new List<(MessageId Id, int Deliveries)>();
        foreach (var tag in _held.Keys.Where(_ => all || random.Next(3) > 0).ToList())
        {
            RangeList.Append(ranges, tag);
            ids.Add(_held[tag]);
            _held.Remove(tag);
        }

        if (ranges.Count == 0)
        {
            return;
        }

        foreach (var (id, deliveries) in ids)
        {
            if (outcome == SettleOutcome.Requeue)
            {
                _history.OnReturned(id, deliveries, isCertain: false);
            }
            else
            {
                _history.OnSettling(id, outcome == SettleOutcome.Reject);
            }
        }

        if (certain)
        {
            _settling.Add(ranges, new Settling(ids, outcome));
        }

        _queue.Tell(new QueueMessage.Settle(ranges, outcome, certain), _actor);
    }

    private void OnDelivered(in Delivery delivery, bool noAck)
    {
        var id = ClientMessages.IdOf(delivery.Entry.Message);
        Assert.True(delivery.Redelivered || delivery.Entry.Position > _lastNew || !_history.IsInOrder, $"'{_history.Name}': new messages come as {_lastNew}, {delivery.Entry.Position}");
        _lastNew = delivery.Redelivered ? _lastNew : delivery.Entry.Position;
        _history.OnDelivered(id, delivery);
        Received.Add(id);
        if (noAck)
        {
            _history.OnSettling(id);
            _history.OnSettled(id); // a queue lets go of it before it leaves
        }
        else
        {
            _held.Add(delivery.Tag, (id, delivery.Entry.DeliveryCount + 1));
        }
    }

    private void OnSettled(ConsumerSignal.Settled settled)
    {
        if (!_settling.Remove(settled.Ranges, out var done) || settled.Fault is not null)
        {
            return;
        }

        foreach (var (id, deliveries) in done.Ids)
        {
            if (done.Outcome == SettleOutcome.Requeue)
            {
                _history.OnReturned(id, deliveries, isCertain: true);
            }
            else
            {
                _history.OnSettled(id, done.Outcome == SettleOutcome.Reject);
            }
        }
    }

    private sealed class Probe(SimulatedConsumer owner) : Actor
    {
        protected override void Receive(object message)
        {
            switch (message)
            {
                case ConsumerSignal.Deliver m:
                    foreach (var delivery in m.Deliveries)
                    {
                        owner.OnDelivered(delivery, owner._noAck);
                    }

                    break;
                case QueueReply.Got { Delivery: { } delivery }:
                    owner.OnDelivered(delivery, owner._noAck);
                    break;
                case ConsumerSignal.Settled m:
                    owner.OnSettled(m);
                    break;
                default:
                    break; // subscribed, cancelled, refused: nothing that a history depends on
            }
        }
    }
}
