using System.Diagnostics;
using Broker.Actors.Exchanges;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Server;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Topology;

/// <summary>
/// The one place of the node where exchanges, queues and bindings are declared. It decides with <see cref="TopologyMachine"/>, makes the decision last in the metadata store, has the
/// entities carry out what follows, and answers when they have, so that what a client was told is done is visible to everybody, and stays.
/// </summary>
/// <remarks>Requests that touch the same name wait for one another; others are under way together and share their syncs.</remarks>
/// <param name="node">The node.</param>
/// <param name="store">Where it stands.</param>
/// <param name="restored">Called once everything that was declared before is there again.</param>
internal sealed partial class TopologyActor(NodeServices node, TopologyStore store, Action restored) : Actor
{
    private readonly TopologyMachine _machine = new();
    private readonly Dictionary<long, Operation> _operations = [];
    private readonly BusyNames _busy = new();
    private readonly HashSet<string> _ended = new(StringComparer.Ordinal); // queues that are gone for good, and stand in the metadata because their end could not be stored
    private long _restoring;
    private long _lastOperation;

    /// <summary>A request under way.</summary>
    private sealed class Operation(ActorRef requester, IReadOnlyList<string> touched)
    {
        public ActorRef Requester { get; } = requester;

        /// <summary>Names that no other operation may touch before its end.</summary>
        public IReadOnlyList<string> Touched { get; } = touched;

        public TopologyReply Reply { get; set; } = new(Fault: null);

        /// <summary>Answers that are still to come.</summary>
        public int Awaited { get; set; }

        /// <summary>The queue that it declares, which is asked in each case: it tells its figures, and that it can be published to.</summary>
        public string? DeclaredQueue { get; init; }

        /// <summary>The queue that it deletes.</summary>
        public string? DeletedQueue { get; init; }
    }

    /// <summary>By the store: changes were made to last, or not.</summary>
    private sealed record Stored(long OperationId, IReadOnlyList<TopologyChange> Changes, FrameFault? Fault);

    protected override void PreStart()
    {
        Context.Describe(() => $"{_operations.Count} operations under way");
        var id = _restoring = Begin(ActorRef.NoSender, []);
        _operations[id].Awaited++;
        foreach (var exchange in _machine.Exchanges.Where(e => !TopologyNames.IsDefault(e.Name)))
        {
            CarryOut(id, new TopologyChange.ExchangeAdded(exchange));
        }

        foreach (var change in store.Restored)
        {
            if (_machine.Apply(change))
            {
                CarryOut(id, change);
            }
        }

        foreach (var queue in store.Orphans)
        {
            Store(id, [new TopologyChange.QueueAdded(new QueueDefinition($"{TopologyNames.ReservedPrefix}recovered-{queue}", Durable: true, queue))]);
        }

        Advance(id);
    }

    protected override void Receive(object message)
    {
        switch (message)
        {
            case TopologyRequest.List:
                Sender.Tell(TopologyListing.Of(_machine), Self);
                break;
            case TopologyRequest request:
                Handle(request, Sender);
                break;
            case Stored m:
                HandleStored(m);
                break;
            case ExchangeDone m:
                Advance(m.OperationId);
                break;
            case TopologyMessage.ExchangeUnknown m:
                node.ExchangeRegion.Tell(new ShardEnvelope(m.Exchange, ExchangeMessage.Restore.Of(_machine, m)), Self);
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
        var touched = request.Touched;
        if (_busy.TryWait(request, requester))
        {
            return;
        }

        if (Refusal(request) is { } refusal)
        {
            requester.Tell(new TopologyReply(refusal), Self);
            return;
        }

        switch (request)
        {
            case TopologyRequest.DeclareQueue r:
                DeclareQueue(r, requester, touched);
                break;
            case TopologyRequest.DeleteQueue r:
                DeleteQueue(r, requester, touched);
                break;
            default:
                Conclude(requester, touched, request switch
                {
                    TopologyRequest.DeclareExchange r => _machine.PlanDeclareExchange(r.Declaration),
                    TopologyRequest.DeleteExchange r => _machine.PlanDeleteExchange(r.Name, r.IfUnused),
                    TopologyRequest.Bind r => _machine.PlanBind(r.Binding, r.Asker),
                    TopologyRequest.Unbind r => _machine.PlanUnbind(r.Binding, r.Asker),
                    TopologyRequest.AddVhost r => _machine.PlanAddVhost(r.Vhost),
                    TopologyRequest.RemoveVhost r => VhostRemoval.PlanOf(_machine, r.Name),
                    _ => throw new UnreachableException($"topology request {request}"),
                });
                break;
        }
    }

    private FrameFault? Refusal(TopologyRequest request) => request switch
    {
        TopologyRequest.DeclareQueue { Durable: true, Passive: false } or TopologyRequest.DeclareExchange { Durable: true, Passive: false } when node.Storage is null =>
            new FrameFault(ErrorCode.InvalidArgument, "this node keeps nothing on disk; declare it without the durable flag"),
        TopologyRequest.DeclareQueue r when _ended.Contains(r.Name) => Ended(r.Name),
        TopologyRequest.Bind { Binding: { Kind: DestinationKind.Queue, Destination: var queue } } when _ended.Contains(queue) => Ended(queue),
        _ => null,
    };

    /// <summary>What it took in under its old number, the next start would take for a part of what was deleted.</summary>
    private static FrameFault Ended(string queue) => new(ErrorCode.Unavailable, $"queue '{EntityName.LocalOf(queue)}' was deleted, which could not be stored; delete it again");

    private void Conclude(ActorRef requester, IReadOnlyList<string> touched, TopologyPlan plan)
    {
        if (plan.Fault is { } fault)
        {
            requester.Tell(new TopologyReply(fault), Self);
        }
        else if (plan.Changes.Count == 0)
        {
            requester.Tell(new TopologyReply(Fault: null), Self);
        }
        else
        {
            Store(Begin(requester, touched), plan.Changes);
        }
    }

    private void DeclareQueue(TopologyRequest.DeclareQueue request, ActorRef requester, IReadOnlyList<string> touched)
    {
        TopologyPlan plan;
        if (request.IsUnnamed)
        {
            request = request.WithMadeUpName();
            plan = _machine.PlanDeclareNamedByServer(request.Declaration);
            touched = request.Touched;
        }
        else
        {
            plan = _machine.PlanDeclareQueue(request.Declaration);
        }

        var name = request.Name;
        plan = VhostQuota.Bound(plan, node.Access, _machine, _operations.Values.Select(o => o.DeclaredQueue).OfType<string>());
        if (plan.Fault is { } fault)
        {
            requester.Tell(new TopologyReply(fault), Self);
            return;
        }

        var id = Begin(requester, touched, declared: name);
        _operations[id].Reply = new TopologyReply(Fault: null, name);
        if (plan.Changes.Count > 0)
        {
            Store(id, plan.Changes);
        }
        else
        {
            AskDeclared(id);
        }
    }

    private void AskDeclared(long id)
    {
        if (_operations[id].DeclaredQueue is { } name && _machine.TryGetQueue(name, out var queue))
        {
            _operations[id].Awaited++;
            node.QueueRegion.Tell(new ShardEnvelope(name, new QueueMessage.Start(id, queue)), Self);
        }
    }

    private void DeleteQueue(TopologyRequest.DeleteQueue request, ActorRef requester, IReadOnlyList<string> touched)
    {
        if (!_machine.TryGetQueue(request.Name, out var queue))
        {
            requester.Tell(new TopologyReply(Fault: null), Self);
            return;
        }

        if (QueueAccess.Check(queue.Name, queue.Owner, request.Asker) is { } locked)
        {
            requester.Tell(new TopologyReply(locked), Self);
            return;
        }

        var id = Begin(requester, touched, deleted: request.Name);
        if (_ended.Contains(request.Name))
        {
            Store(id, _machine.PlanQueueDeleted(request.Name).Changes);
            return;
        }

        _operations[id].Awaited++;
        node.QueueRegion.Tell(new ShardEnvelope(request.Name, new QueueMessage.Delete(id, request.IfUnused, request.IfEmpty) { IfUnwanted = request.IfUnwanted, OnlyId = request.OnlyId }), Self);
    }

    /// <summary>The queue has ended, for good if it is durable: if the node goes down now, the next start finds that and goes on here.</summary>
    private void HandleDeleted(QueueReply.Deleted message)
    {
        if (_operations.TryGetValue(message.OperationId, out var operation))
        {
            _ended.Add(operation.DeletedQueue!); // until that stands in the metadata
            operation.Reply = operation.Reply with { Messages = message.MessageCount };
            Store(message.OperationId, _machine.PlanQueueDeleted(operation.DeletedQueue!).Changes);
            Advance(message.OperationId);
        }
    }
}
