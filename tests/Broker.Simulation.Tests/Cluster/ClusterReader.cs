using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Machines.Logs;
using Broker.Protocol;
using Broker.Simulation.Tests.Cluster.Checkers;
using Broker.Simulation.Tests.Clients;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>A reader of a log, for as long as the log has this actor. It acknowledges nothing.</summary>
internal sealed class ClusterReader
{
    private readonly ClusterWorld _world;
    private readonly ClusterQueue _log;
    private readonly LogOffsets _offsets;
    private readonly MemberLife _life;
    private readonly ActorRef _target;
    private readonly ActorRef _actor;
    private ulong _next;
    private bool _hasEnded;

    public ClusterReader(ClusterWorld world, ClusterQueue log, LogOffsets offsets, MemberLife life, ActorRef target, ulong from)
    {
        (_world, _log, _offsets, _life, _target, _next) = (world, log, offsets, life, target, from + 1);
        _actor = life.System.ActorOf(Props.Create(() => new Probe(this)));
        target.Tell(new QueueMessage.Subscribe(Exclusive: false, NoAck: true, int.MaxValue) { Arguments = FieldTable.Of((LogStart.Argument, (long)from)) }, _actor);
    }

    public bool IsOver => _hasEnded || _life.IsOver;

    public int ReceivedCount { get; private set; }

    /// <summary>Position of the first message that it got; 0 if it has none.</summary>
    public ulong First { get; private set; }

    public void Grant(int messages) => _target.Tell(new QueueMessage.Grant(messages, 1 << 20), _actor);

    private void End()
    {
        if (!IsOver)
        {
            _life.System.Stop(_actor);
        }

        _hasEnded = true;
    }

    private sealed class Probe(ClusterReader owner) : Actor
    {
        protected override void PreStart() => Context.Watch(owner._target);

        protected override void Receive(object message)
        {
            switch (message)
            {
                case ConsumerSignal.Deliver m:
                    foreach (var delivery in m.Deliveries)
                    {
                        var (id, position) = (ClientMessages.IdOf(delivery.Entry.Message), delivery.Entry.Position);
                        if (position != owner._next)
                        {
                            owner._offsets.OnGap(owner._next, position);
                        }

                        owner._next = position + 1;
                        owner.First = owner.First == 0 ? position : owner.First;
                        owner._offsets.OnRead(id, position, delivery.Entry.Message.SizeBytes);
                        owner._log.Order.OnDelivered(id, position);
                        owner._world.Trace($"{owner._log.Name} is read: {id} at {position}");
                        owner.ReceivedCount++;
                    }

                    break;
                case ConsumerSignal.Refused or ConsumerSignal.Subscribed { Fault: not null } or Terminated:
                    owner.End();
                    break;
                default:
                    break;
            }
        }
    }
}
