using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Server;
using Broker.Actors.Topology;
using Broker.Machines.Routing;

namespace Broker.Actors.Exchanges;

/// <summary>One exchange, a sharded entity: keeps its bindings and publishes the routes that follow from them.</summary>
/// <remarks>
/// One that does not know what it is asks the topology: it has failed, or it was removed and declared again so fast that the actor which was told of the declaration was to stop already. The routes
/// that were published stay in force until then. What comes before the answer is part of the answer, so it is only confirmed.
/// </remarks>
internal sealed class ExchangeActor(string name, NodeServices node) : Actor
{
    private readonly List<(ActorRef Asker, long OperationId)> _owed = []; // confirmations that wait for the topology's answer
    private ExchangeMachine? _machine;
    private bool _hasAsked;
    private bool _isEnding;

    protected override void PreRestart(Exception reason, object? message)
    {
        node.Topology.Tell(new TopologyMessage.ExchangeUnknown(name, message is ExchangeMessage lost ? lost.OperationId : 0), Self);
        base.PreRestart(reason, message);
    }

    protected override void PostRestart(Exception reason)
    {
        _hasAsked = true;
        base.PostRestart(reason);
    }

    protected override void Receive(object message)
    {
        switch (message)
        {
            case ExchangeMessage.Start m:
                _machine = new ExchangeMachine(m.Definition);
                break;
            case ExchangeMessage.Restore m:
                _machine = new ExchangeMachine(m.Definition);
                foreach (var binding in m.Bindings)
                {
                    _machine.HandleBind(binding);
                }

                break;
            case ExchangeMessage.Remove m:
                node.Routes.Remove(name);
                End(m);
                return;
            case ExchangeMessage.Settle m when _machine is not null || _isEnding:
                Sender.Tell(new ExchangeDone(m.OperationId), Self);
                return;
            case ExchangePolicies when _machine is not null:
                Publish(_machine);
                return;
            case ExchangePolicies when _hasAsked || _isEnding:
                return; // it will look at them when it knows what it is
            case ExchangePolicies:
                Context.Parent.Tell(new Passivate(PoisonPill.Instance), Self); // it was gone already, and has come to be by this alone
                return;
            case ExchangeMessage m when _machine is null:
                _owed.Add((Sender, m.OperationId));
                if (!_hasAsked)
                {
                    _hasAsked = true;
                    node.Topology.Tell(new TopologyMessage.ExchangeUnknown(name, LostOperationId: 0), Self);
                }

                return;
            case ExchangeMessage.Bind m:
                _machine.HandleBind(m.Binding);
                break;
            case ExchangeMessage.Unbind m:
                _machine.HandleUnbind(m.Binding);
                break;
            default:
                Unhandled(message);
                return;
        }

        Publish(_machine);
        var detail = $"{_machine.Definition.Kind.NameOf()}, {_machine.BindingCount} bindings";
        Context.Describe(() => detail);
        AnswerOwed();
        Sender.Tell(new ExchangeDone(((ExchangeMessage)message).OperationId), Self);
    }

    /// <summary>Makes the routes known. Policies that change before they are, of which nobody tells an exchange without routes, are looked at once more.</summary>
    private void Publish(ExchangeMachine machine)
    {
        string? alternate;
        do
        {
            alternate = AlternateByPolicy;
            machine.HandleAlternate(alternate);
            node.Routes.Publish(name, machine.Snapshot());
        }
        while (alternate != AlternateByPolicy);
    }

    private string? AlternateByPolicy => node.Policies.FindForExchange(name)?.Definition.AlternateExchange;

    private void End(ExchangeMessage message)
    {
        (_machine, _isEnding) = (null, true);
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
