using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Server;
using Broker.Actors.Topology;
using Broker.Machines.Routing;

namespace Broker.Actors.Exchanges;

/// <summary>One exchange, a sharded entity: keeps its bindings and publishes the routes that follow from them.</summary>
/// <remarks>
/// When it fails, the routes that it has published stay in force, and the topology tells it anew what it is. What comes before that is part of what the topology tells, so it is only answered.
/// </remarks>
internal sealed class ExchangeActor(string name, NodeServices node) : Actor
{
    private readonly List<(ActorRef Asker, long OperationId)> _owed = []; // answers that wait for the topology to tell what this is
    private ExchangeMachine? _machine;
    private bool _isRestoring;

    protected override void PreRestart(Exception reason, object? message)
    {
        node.Topology.Tell(new TopologyMessage.ExchangeFailed(name, message is ExchangeMessage lost ? lost.OperationId : 0), Self);
        base.PreRestart(reason, message);
    }

    protected override void PostRestart(Exception reason)
    {
        _isRestoring = true;
        base.PostRestart(reason);
    }

    protected override void Receive(object message)
    {
        switch (message)
        {
            case ExchangeMessage.Start m:
                _machine = new ExchangeMachine(m.Definition.Kind);
                break;
            case ExchangeMessage.Restore m:
                _machine = new ExchangeMachine(m.Definition.Kind);
                foreach (var binding in m.Bindings)
                {
                    _machine.HandleBind(binding.Queue, binding.RoutingKey);
                }

                break;
            case ExchangeMessage.Remove m:
                node.Routes.Remove(name);
                End(m);
                return;
            case ExchangeMessage.Bind or ExchangeMessage.Unbind or ExchangeMessage.Settle when _isRestoring:
                _owed.Add((Sender, ((ExchangeMessage)message).OperationId));
                return;
            case ExchangeMessage.Bind m:
                _machine!.HandleBind(m.Binding.Queue, m.Binding.RoutingKey);
                break;
            case ExchangeMessage.Unbind m:
                _machine!.HandleUnbind(m.Binding.Queue, m.Binding.RoutingKey);
                break;
            case ExchangeMessage.Settle m when _machine is null:
                End(m); // it was there and is gone
                return;
            case ExchangeMessage.Settle m:
                Sender.Tell(new ExchangeDone(m.OperationId), Self);
                return;
            default:
                Unhandled(message);
                return;
        }

        _isRestoring = false;
        node.Routes.Publish(name, _machine!.Snapshot());
        var detail = $"{_machine.Kind.NameOf()}, {_machine.BindingCount} bindings";
        Context.Describe(() => detail);
        AnswerOwed();
        Sender.Tell(new ExchangeDone(((ExchangeMessage)message).OperationId), Self);
    }

    private void End(ExchangeMessage message)
    {
        Context.Parent.Tell(new Passivate(PoisonPill.Instance), Self); // first, so that a new declaration finds the shard waiting for this actor's end
        AnswerOwed();
        Sender.Tell(new ExchangeDone(message.OperationId), Self);
    }

    private void AnswerOwed()
    {
        foreach (var (asker, operation) in _owed)
        {
            asker.Tell(new ExchangeDone(operation), Self);
        }

        _owed.Clear();
    }
}
