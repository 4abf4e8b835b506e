using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Machines.Logs;
using Broker.Machines.Queues;
using Broker.Protocol;
using Broker.Simulation.Tests.Checkers;

namespace Broker.Simulation.Tests.Clients;

/// <summary>A reader of a log, for as long as its node lives.</summary>
internal sealed class SimulatedReader
{
    private readonly QueueHistory _queue;
    private readonly LogHistory _log;
    private readonly ActorRef _target;
    private readonly ActorRef _actor;
    private readonly ActorSystem _system;
    private readonly Func<long> _sentBytes;
    private readonly ulong _floor;
    private readonly List<ulong> _held = [];
    private ulong _next; // the position that it gets unless retention takes it; 0: it is not known

    /// <param name="system">The node's actors.</param>
    /// <param name="target">The log's actor.</param>
    /// <param name="queue">The log.</param>
    /// <param name="log">What was read of it.</param>
    /// <param name="from">Where to begin: an offset, or <c>null</c> for what comes.</param>
    /// <param name="sentBytes">Bytes of all that was sent there so far.</param>
    public SimulatedReader(ActorSystem system, ActorRef target, QueueHistory queue, LogHistory log, ulong? from, Func<long> sentBytes)
    {
        (_system, _target, _queue, _log, _sentBytes) = (system, target, queue, log, sentBytes);
        _floor = log.Floor;
        _next = from is { } offset ? offset + 1 : 0;
        _actor = system.ActorOf(Props.Create(() => new Probe(this)));
        var start = from is { } at ? FieldTable.Of((LogStart.Argument, (long)at)) : FieldTable.Of((LogStart.Argument, "next"));
        target.Tell(new QueueMessage.Subscribe(Exclusive: false, NoAck: false, int.MaxValue) { Arguments = start }, _actor);
    }

    public bool IsGone { get; private set; }

    /// <summary>What it got, in order.</summary>
    public List<(MessageId Id, ulong Position)> Received { get; } = [];

    public void Grant(int messages) => _target.Tell(new QueueMessage.Grant(messages, 1 << 20), _actor);

    /// <summary>Takes nothing out of the log.</summary>
    public void Settle()
    {
        if (_held.Count > 0)
        {
            var ranges = new List<SequenceRange>();
            _held.ForEach(tag => RangeList.Append(ranges, tag));
            _held.Clear();
            _target.Tell(new QueueMessage.Settle(ranges, SettleOutcome.Ack), _actor);
        }
    }

    public void Vanish()
    {
        IsGone = true;
        _system.Stop(_actor);
    }

    private void OnDelivered(in Delivery delivery)
    {
        var (id, position) = (ClientMessages.IdOf(delivery.Entry.Message), delivery.Entry.Position);
        _log.OnRead(id, position, delivery.Entry.Message.SizeBytes);
        _queue.Pause.OnDelivered(id);
        Assert.False(delivery.Redelivered, $"'{_queue.Name}': a log says that {id} was delivered before");
        Assert.True(position >= _floor, $"'{_queue.Name}': {id} at {position} comes back; all before {_floor} was gone");
        Assert.True(position >= _next, $"'{_queue.Name}': a reader gets {position} after it has got what is before {_next}");
        if (_next > 0 && position > _next && position > 1)
        {
            _log.OnRetained(position, _sentBytes());
        }

        _next = position + 1;
        _held.Add(delivery.Tag);
        Received.Add((id, position));
    }

    private sealed class Probe(SimulatedReader owner) : Actor
    {
        protected override void Receive(object message)
        {
            if (message is ConsumerSignal.Deliver m)
            {
                foreach (var delivery in m.Deliveries)
                {
                    owner.OnDelivered(delivery);
                }
            }
        }
    }
}
