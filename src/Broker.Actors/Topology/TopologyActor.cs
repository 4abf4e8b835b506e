using System.Buffers.Text;
using System.Diagnostics;
using System.Security.Cryptography;
using Broker.Actors.Exchanges;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Server;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Topology;

/// <summary>
/// The one place of the node where exchanges, queues and bindings are declared. It decides with <see cref="TopologyMachine"/>, has the entities carry out what follows,
/// and answers when they have, so that what a client was told is done is visible to everybody.
/// </summary>
internal sealed class TopologyActor(NodeServices node) : Actor
{
    private readonly TopologyMachine _machine = new();
    private readonly Dictionary<long, Operation> _operations = [];
    private readonly Dictionary<string, Queue<(TopologyRequest Request, ActorRef Sender)>> _deleting = new(StringComparer.Ordinal);
    private long _lastOperation;

    /// <summary>A request under way.</summary>
    private sealed class Operation(ActorRef requester)
    {
        public ActorRef Requester { get; } = requester;

        public TopologyReply Reply { get; set; } = new(Fault: null);

        /// <summary>Answers of entities that are still to come.</summary>
        public int Awaited { get; set; }

        /// <summary>The queue that it deletes.</summary>
        public string? DeletedQueue { get; init; }
    }

    protected override void PreStart() => Perform(Begin(ActorRef.NoSender)); // the built-in exchanges

    protected override void Receive(object message)
    {
        switch (message)
        {
            case TopologyRequest.List:
                Sender.Tell(new TopologyListing([.. _machine.Exchanges], [.. _machine.Queues], [.. _machine.Bindings]), Self);
                break;
            case TopologyRequest request:
                Handle(request, Sender);
                break;
            case ExchangeDone m:
                Advance(m.OperationId);
                break;
            case QueueReply.Started m when _operations.TryGetValue(m.OperationId, out var operation):
                operation.Reply = operation.Reply with { Messages = m.ReadyCount, Consumers = m.ConsumerCount };
                Advance(m.OperationId);
                break;
            case QueueReply.Deleted m:
                HandleDeleted(m);
                break;
            case QueueReply.Refused m when _operations.TryGetValue(m.OperationId, out var operation):
                operation.Reply = new TopologyReply(m.Fault);
                Advance(m.OperationId);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Handle(TopologyRequest request, ActorRef requester)
    {
        var touched = request switch
        {
            TopologyRequest.DeclareQueue r => r.Name,
            TopologyRequest.DeleteQueue r => r.Name,
            TopologyRequest.Bind r => r.Binding.Queue,
            TopologyRequest.Unbind r => r.Binding.Queue,
            _ => null,
        };
        if (touched is not null && _deleting.TryGetValue(touched, out var waiting))
        {
            waiting.Enqueue((request, requester)); // whether it succeeds depends on how the deletion ends
            return;
        }

        switch (request)
        {
            case TopologyRequest.DeclareQueue r:
                DeclareQueue(r, requester);
                break;
            case TopologyRequest.DeleteQueue r:
                DeleteQueue(r, requester);
                break;
            default:
                Conclude(requester, request switch
                {
                    TopologyRequest.DeclareExchange r => _machine.HandleDeclareExchange(r.Name, r.Type, r.Passive),
                    TopologyRequest.DeleteExchange r => _machine.HandleDeleteExchange(r.Name, r.IfUnused),
                    TopologyRequest.Bind r => _machine.HandleBind(r.Binding),
                    TopologyRequest.Unbind r => _machine.HandleUnbind(r.Binding),
                    _ => throw new UnreachableException($"topology request {request}"),
                });
                break;
        }
    }

    private void Conclude(ActorRef requester, FrameFault? fault)
    {
        if (fault is not null)
        {
            requester.Tell(new TopologyReply(fault), Self);
            return;
        }

        Perform(Begin(requester));
    }

    private void DeclareQueue(TopologyRequest.DeclareQueue request, ActorRef requester)
    {
        var name = request.Name;
        if (name.Length == 0 && !request.Passive)
        {
            name = $"{TopologyNames.ReservedPrefix}gen-{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16))}";
            _machine.HandleDeclareNamedByServer(name);
        }
        else if (_machine.HandleDeclareQueue(name, request.Passive) is { } fault)
        {
            requester.Tell(new TopologyReply(fault), Self);
            return;
        }

        // The queue is asked in each case, a new one or not: it tells its figures, and that it can be published to.
        var id = Begin(requester);
        _operations[id].Reply = new TopologyReply(Fault: null, name);
        _operations[id].Awaited++;
        node.QueueRegion.Tell(new ShardEnvelope(name, new QueueMessage.Start(id)), Self);
        Perform(id);
    }

    private void DeleteQueue(TopologyRequest.DeleteQueue request, ActorRef requester)
    {
        if (!_machine.HasQueue(request.Name))
        {
            requester.Tell(new TopologyReply(Fault: null), Self);
            return;
        }

        var id = ++_lastOperation;
        _operations.Add(id, new Operation(requester) { Awaited = 1, DeletedQueue = request.Name });
        _deleting.Add(request.Name, new Queue<(TopologyRequest, ActorRef)>());
        node.QueueRegion.Tell(new ShardEnvelope(request.Name, new QueueMessage.Delete(id, request.IfUnused, request.IfEmpty)), Self);
    }

    private void HandleDeleted(QueueReply.Deleted message)
    {
        if (_operations.TryGetValue(message.OperationId, out var operation))
        {
            operation.Reply = operation.Reply with { Messages = message.MessageCount };
            _machine.HandleQueueDeleted(operation.DeletedQueue!);
            PerformEffects(message.OperationId);
            Advance(message.OperationId);
        }
    }

    private long Begin(ActorRef requester)
    {
        _operations.Add(++_lastOperation, new Operation(requester));
        return _lastOperation;
    }

    /// <summary>Has the entities carry out what the machine decided; answers at once if that is nothing.</summary>
    private void Perform(long id)
    {
        _operations[id].Awaited++;
        PerformEffects(id);
        Advance(id);
    }

    private void PerformEffects(long id)
    {
        while (_machine.TryTakeEffect(out var effect))
        {
            switch (effect)
            {
                case TopologyEffect.ExchangeAdded { Exchange.Name: TopologyNames.DefaultExchange }:
                    break; // routes by queue name and has no state: the route table knows
                case TopologyEffect.ExchangeAdded e:
                    TellExchange(id, e.Exchange.Name, new ExchangeMessage.Start(id, e.Exchange));
                    break;
                case TopologyEffect.ExchangeRemoved e:
                    TellExchange(id, e.Exchange, new ExchangeMessage.Remove(id));
                    break;
                case TopologyEffect.BindingAdded e:
                    TellExchange(id, e.Binding.Exchange, new ExchangeMessage.Bind(id, e.Binding));
                    break;
                case TopologyEffect.BindingRemoved e:
                    TellExchange(id, e.Binding.Exchange, new ExchangeMessage.Unbind(id, e.Binding));
                    break;
                case TopologyEffect.QueueAdded or TopologyEffect.QueueRemoved:
                    break; // the queue itself was asked first
                default:
                    throw new UnreachableException($"topology effect {effect}");
            }
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
        if (operation.DeletedQueue is { } name && _deleting.Remove(name, out var waiting))
        {
            foreach (var (request, requester) in waiting)
            {
                Handle(request, requester);
            }
        }
    }
}
