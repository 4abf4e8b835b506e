using System.Diagnostics;
using Broker.Actors.Exchanges;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Machines.Topology;

namespace Broker.Actors.Topology;

/// <summary>How an operation goes on from its decision to its answer.</summary>
internal sealed partial class TopologyActor
{
    private long Begin(ActorRef requester, IReadOnlyList<string> touched, string? declared = null, string? deleted = null)
    {
        _operations.Add(++_lastOperation, new Operation(requester, touched) { DeclaredQueue = declared, DeletedQueue = deleted });
        _busy.Take(touched);
        return _lastOperation;
    }

    /// <summary>Makes changes last; what follows from them follows when they do.</summary>
    private void Store(long id, IReadOnlyList<TopologyChange> changes)
    {
        _operations[id].Awaited++;
        Context.PipeTo(
            store.StoreAsync(changes, IsDurable),
            stored => new Stored(id, stored, Fault: null),
            failure => new Stored(id, [], TopologyStore.FaultOf(failure)));
    }

    private bool IsDurable(Binding binding) => _machine.IsDurable(binding);

    private void HandleStored(Stored stored)
    {
        var operation = _operations[stored.OperationId];
        if (stored.Fault is { } fault)
        {
            operation.Reply = new TopologyReply(fault);
        }
        else
        {
            if (operation.DeletedQueue is { } deleted)
            {
                _ended.Remove(deleted);
            }

            foreach (var change in stored.Changes)
            {
                if (_machine.Apply(change))
                {
                    CarryOut(stored.OperationId, change);
                }
            }

            if (!stored.Changes.Any(c => c is TopologyChange.QueueAdded))
            {
                AskDeclared(stored.OperationId);
            }
        }

        Advance(stored.OperationId);
    }

    /// <summary>Tells the entity that a change is about.</summary>
    private void CarryOut(long id, TopologyChange change)
    {
        switch (change)
        {
            case TopologyChange.VhostAdded c:
                node.Vhosts.Add(c.Vhost);
                TellBuiltIns(id, c.Vhost.Name, e => new ExchangeMessage.Start(id, e));
                break;
            case TopologyChange.VhostRemoved c:
                node.RemoveVhost(c.Vhost);
                TellBuiltIns(id, c.Vhost, _ => new ExchangeMessage.Remove(id));
                break;
            case TopologyChange.ExchangeAdded c:
                TellExchange(id, c.Exchange.Name, new ExchangeMessage.Start(id, c.Exchange));
                break;
            case TopologyChange.ExchangeRemoved c:
                TellExchange(id, c.Exchange, new ExchangeMessage.Remove(id));
                break;
            case TopologyChange.BindingAdded c:
                TellExchange(id, c.Binding.Exchange, new ExchangeMessage.Bind(id, c.Binding));
                break;
            case TopologyChange.BindingRemoved c:
                TellExchange(id, c.Binding.Exchange, new ExchangeMessage.Unbind(id, c.Binding));
                break;
            case TopologyChange.QueueAdded c:
                _operations[id].Awaited++;
                node.QueueRegion.Tell(new ShardEnvelope(c.Queue.Name, new QueueMessage.Start(id, c.Queue)), Self);
                break;
            case TopologyChange.QueueRemoved:
                break; // the queue itself was asked first
            default:
                throw new UnreachableException($"topology change {change}");
        }
    }

    private void TellBuiltIns(long id, string vhost, Func<ExchangeDefinition, ExchangeMessage> message)
    {
        foreach (var exchange in TopologyNames.BuiltInsOf(vhost).Where(e => !TopologyNames.IsDefault(e.Name)))
        {
            TellExchange(id, exchange.Name, message(exchange));
        }
    }

    private void TellExchange(long id, string exchange, ExchangeMessage message)
    {
        _operations[id].Awaited++;
        node.ExchangeRegion.Tell(new ShardEnvelope(exchange, message), Self);
    }

    private void Advance(long id)
    {
        if (!_operations.TryGetValue(id, out var operation) || --operation.Awaited > 0)
        {
            return;
        }

        _operations.Remove(id);
        operation.Requester.Tell(operation.Reply, Self);
        if (id == _restoring)
        {
            restored();
        }

        foreach (var (request, requester) in _busy.Release(operation.Touched))
        {
            Handle(request, requester);
        }
    }
}
