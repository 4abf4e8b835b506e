using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Server;
using Broker.Machines.Routing;
using Broker.Machines.Topology;

namespace Broker.Actors.Exchanges;

/// <summary>What an <see cref="ExchangeActor"/> is told, always by the topology. Answer to each: <see cref="ExchangeDone"/>.</summary>
internal abstract record ExchangeMessage(long OperationId)
{
    /// <summary>Be there.</summary>
    public sealed record Start(long OperationId, ExchangeDefinition Definition) : ExchangeMessage(OperationId);

    /// <summary>Route to a queue from now on.</summary>
    public sealed record Bind(long OperationId, Binding Binding) : ExchangeMessage(OperationId);

    /// <summary>Route no more to a queue.</summary>
    public sealed record Unbind(long OperationId, Binding Binding) : ExchangeMessage(OperationId);

    /// <summary>End.</summary>
    public sealed record Remove(long OperationId) : ExchangeMessage(OperationId);
}

/// <summary>The change is visible to every publish that starts after this.</summary>
internal sealed record ExchangeDone(long OperationId);

/// <summary>One exchange, a sharded entity: keeps its bindings and publishes the routes that follow from them.</summary>
internal sealed class ExchangeActor(string name, NodeServices node) : Actor
{
    private ExchangeMachine? _machine;

    protected override void Receive(object message)
    {
        switch (message)
        {
            case ExchangeMessage.Start m:
                _machine = new ExchangeMachine(m.Definition.Kind);
                break;
            case ExchangeMessage.Bind m:
                _machine!.HandleBind(m.Binding.Queue, m.Binding.RoutingKey);
                break;
            case ExchangeMessage.Unbind m:
                _machine!.HandleUnbind(m.Binding.Queue, m.Binding.RoutingKey);
                break;
            case ExchangeMessage.Remove m:
                node.Routes.Remove(name);
                Context.Parent.Tell(new Passivate(PoisonPill.Instance), Self); // first, so that a new declaration finds the shard waiting for this actor's end
                Sender.Tell(new ExchangeDone(m.OperationId), Self);
                return;
            default:
                Unhandled(message);
                return;
        }

        node.Routes.Publish(name, _machine!.Snapshot());
        var detail = $"{_machine.Kind.NameOf()}, {_machine.BindingCount} bindings";
        Context.Describe(() => detail);
        Sender.Tell(new ExchangeDone(((ExchangeMessage)message).OperationId), Self);
    }
}
