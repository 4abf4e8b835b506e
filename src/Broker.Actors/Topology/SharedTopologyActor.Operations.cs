using System.Diagnostics;
using Broker.Actors.Exchanges;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Coordination;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Topology;

/// <summary>How a request goes on from its decision to its answer.</summary>
internal sealed partial class SharedTopologyActor
{
    private void Handle(TopologyRequest request, ActorRef requester)
    {
        if (request is TopologyRequest.DeclareQueue { IsUnnamed: true } unnamed)
        {
            request = unnamed.WithMadeUpName();
            Begin(request, requester, request.Touched, isNamedHere: true);
            return;
        }

        if (!_busy.TryWait(request, requester))
        {
            Begin(request, requester, request.Touched);
        }
    }

    private void Begin(TopologyRequest request, ActorRef requester, IReadOnlyList<string> touched, bool isNamedHere = false)
    {
        var operation = new Operation(Interlocked.Increment(ref s_lastOperation), request, requester, touched) { IsNamedHere = isNamedHere };
        _operations.Add(operation.Id, operation);
        _busy.Take(touched);
        Decide(operation);
    }

    /// <summary>Decides by what is known now, and commits that.</summary>
    private void Decide(Operation operation)
    {
        // The one that was asked before may be gone, and another one have its name: of that it is known only now that it is to be asked.
        if (operation.Request is TopologyRequest.DeleteQueue { } delete && _view.Machine.TryGetQueue(delete.Name, out var queue) && operation.Ending != queue.Id
            && (delete.OnlyId == 0 || delete.OnlyId == queue.Id) && QueueAccess.Check(queue.Name, queue.Owner, delete.Asker) is null)
        {
            operation.Ending = queue.Id;
            operation.Stage = Stage.Deleting;
            Wait(operation);
            TellQueue(delete.Name, new QueueMessage.Delete(operation.Id, delete.IfUnused, delete.IfEmpty) { IfUnwanted = delete.IfUnwanted, OnlyId = delete.OnlyId });
            return;
        }

        var plan = _view.Machine.PlanAlso(PlanOf(operation), operation.Doomed);
        var basis = TopologyTransactions.BasisOf(operation.Request, _view.Machine);
        operation.Reply = operation.Reply with { Fault = plan.Fault };
        if (plan.Fault is { Code: not (ErrorCode.NotFound or ErrorCode.PreconditionFailed or ErrorCode.ResourceLocked) } || basis.Count == 0)
        {
            Finish(operation); // it is so whatever is declared
            return;
        }

        if (basis.FirstOrDefault(_view.IsUnreadable) is { } unreadable)
        {
            Refuse(operation, $"'{unreadable}' was written by a newer version of the broker, which this node does not understand");
            return;
        }

        if (++operation.Tries > MostTries)
        {
            Refuse(operation, "other nodes change the same all the time");
            return;
        }

        var transaction = TopologyTransactions.Make(basis, plan.Changes, _view, _fence, out var isPart);
        if (isPart)
        {
            operation.Doomed.UnionWith(plan.Changes.OfType<TopologyChange.ExchangeRemoved>().Select(c => c.Exchange));
        }

        operation.Stage = Stage.Storing;
        operation.Basis = transaction.Conditions;
        var id = operation.Id;
        Context.PipeTo(
            CommitAsync(transaction), commit => new Committed(id, transaction, isPart, commit, Failure: null), failure => new Committed(id, transaction, isPart, Commit: null, failure));
    }

    private TopologyPlan PlanOf(Operation operation)
    {
        var machine = _view.Machine;
        return operation.Request switch
        {
            TopologyRequest.DeclareExchange r => machine.PlanDeclareExchange(r.Declaration),
            TopologyRequest.DeleteExchange r => machine.PlanDeleteExchange(r.Name, r.IfUnused),
            TopologyRequest.DeclareQueue r when operation.IsNamedHere && !machine.HasQueue(r.Name) => Bound(machine.PlanDeclareNamedByServer(r.Declaration)),
            TopologyRequest.DeclareQueue r => Bound(machine.PlanDeclareQueue(r.Declaration)),
            TopologyRequest.DeleteQueue r => PlanDelete(operation, r),
            TopologyRequest.Bind r => machine.PlanBind(r.Binding, r.Asker),
            TopologyRequest.Unbind r => machine.PlanUnbind(r.Binding, r.Asker),
            TopologyRequest.AddVhost r => machine.PlanAddVhost(r.Vhost),
            TopologyRequest.RemoveVhost r => VhostRemoval.PlanOf(machine, r.Name),
            _ => throw new UnreachableException($"topology request {operation.Request}"),
        };

        TopologyPlan Bound(TopologyPlan plan) => VhostQuota.Bound(
            plan, _node.Access, machine, _operations.Values.Where(o => o != operation).Select(o => o.Request).OfType<TopologyRequest.DeclareQueue>().Select(r => r.Name));
    }

    private TopologyPlan PlanDelete(Operation operation, TopologyRequest.DeleteQueue request)
    {
        if (!_view.Machine.TryGetQueue(request.Name, out var queue))
        {
            return TopologyPlan.Nothing;
        }

        return queue.Id == operation.Ending ? _view.Machine.PlanQueueDeleted(request.Name)
            : QueueAccess.Check(queue.Name, queue.Owner, request.Asker) is { } locked ? TopologyPlan.Refuse(locked)
            : TopologyPlan.Nothing;
    }

    private async Task<MetadataCommit> CommitAsync(MetadataTransaction transaction)
    {
        if (transaction.Operations.Count > 0)
        {
            return await _metadata.CommitAsync(transaction);
        }

        using var patience = new CancellationTokenSource(s_checkPatience, _node.Options.TimeProvider);
        return await _metadata.CommitAsync(transaction, patience.Token);
    }

    private void HandleCommitted(Operation operation, Committed message)
    {
        if (message.Failure is { } failure)
        {
            HandleFailed(operation, message, failure);
        }
        else if (message.Commit is not { Succeeded: true } commit)
        {
            operation.Stage = Stage.Behind;
            Wait(operation);
            WakeThoseBehind(all: false); // the watch may have told already
        }
        else
        {
            operation.Revision = message.Transaction.Operations.Count > 0 ? commit.Revision : RevisionOf(message.Transaction);
            var changes = _view.Commit(message.Transaction, commit.Revision);
            foreach (var change in changes)
            {
                if (change is TopologyChange.BindingRemoved { Binding.Exchange: var exchange })
                {
                    operation.Exchanges.Add(exchange);
                }
                else if (change is TopologyChange.ExchangeRemoved { Exchange: var gone })
                {
                    operation.Exchanges.Add(gone);
                }
            }

            CarryOut(changes);
            WakeThoseBehind(all: false);
            if (message.IsPart)
            {
                operation.Tries = 0; // it goes forward
                Decide(operation);
            }
            else
            {
                Settle(operation);
            }
        }
    }

    private void HandleFailed(Operation operation, Committed message, Exception failure)
    {
        if (message.Transaction.Operations.Count == 0)
        {
            if (operation.Reply.Fault is null)
            {
                operation.Revision = RevisionOf(message.Transaction);
                Settle(operation); // who repeats a declaration need not wait for a store that does not answer
            }
            else
            {
                Refuse(operation, failure.Message);
            }
        }
        else if (failure is MetadataUnavailableException { NothingChanged: true })
        {
            Refuse(operation, failure.Message);
        }
        else
        {
            var id = operation.Id;
            Context.PipeTo(ReadBackAsync(), snapshot => new ReadBack(id, snapshot, Failure: null), again => new ReadBack(id, Snapshot: null, again));
        }
    }

    /// <summary>Whether a transaction took place is for what is read to say, once it cannot do so any more.</summary>
    private async Task<MetadataSnapshot> ReadBackAsync()
    {
        await _metadata.CommitAsync(TopologyTransactions.CloseFence(_fence));
        return await _metadata.ReadAsync(TopologyKeys.Prefix);
    }

    private void HandleReadBack(Operation operation, ReadBack message)
    {
        if (message.Snapshot is not { } snapshot)
        {
            Refuse(operation, $"it is not known whether it was done: {message.Failure!.Message}");
            return;
        }

        CarryOut(_view.Merge(snapshot));
        WakeThoseBehind(all: false);
        Decide(operation);
    }

    private void HandleReply(QueueReply reply)
    {
        switch (reply)
        {
            case QueueReply.Deleted m when _operations.TryGetValue(m.OperationId, out var operation) && operation.Stage == Stage.Deleting:
                Context.Timers.Cancel(operation);
                operation.HasEnded = true;
                operation.Reply = operation.Reply with { Messages = m.MessageCount };
                Decide(operation);
                break;
            case QueueReply.Refused m when _operations.TryGetValue(m.OperationId, out var operation) && operation.Stage == Stage.Deleting:
                operation.Reply = new TopologyReply(m.Fault);
                Finish(operation);
                break;
            case QueueReply.Started m when _operations.TryGetValue(m.OperationId, out var operation) && operation.Stage == Stage.Settling:
                operation.Reply = operation.Reply with { Messages = m.ReadyCount, Consumers = m.ConsumerCount };
                Advance(m.OperationId);
                break;
            case QueueReply.Refused m when _operations.TryGetValue(m.OperationId, out var operation) && operation.Stage == Stage.Settling:
                // It is declared, though nobody serves it at the moment, as is said of a quorum queue without a leader.
                operation.Reply = m.Fault.Code == ErrorCode.Unavailable ? operation.Reply : operation.Reply with { Fault = m.Fault };
                Advance(m.OperationId);
                break;
            default:
                break; // to a start that nobody asked for, or too late
        }
    }

    /// <summary>It stands. What follows from it was told to the entities, so they are asked to say when it is in force.</summary>
    private void Settle(Operation operation)
    {
        operation.Stage = Stage.Settling;
        operation.Awaited = 1;
        if (operation.Reply.Fault is null)
        {
            Ask(operation);
            if (operation.Awaited > 1)
            {
                Wait(operation);
            }
        }

        Advance(operation.Id);
    }

    private void Ask(Operation operation)
    {
        switch (operation.Request)
        {
            case TopologyRequest.DeclareExchange r:
                operation.Exchanges.Add(r.Name);
                break;
            case TopologyRequest.DeleteExchange r:
                operation.Exchanges.Add(r.Name);
                break;
            case TopologyRequest.Bind r:
                operation.Exchanges.Add(r.Binding.Exchange);
                break;
            case TopologyRequest.Unbind r:
                operation.Exchanges.Add(r.Binding.Exchange);
                break;
            case TopologyRequest.AddVhost r:
                operation.Exchanges.UnionWith(TopologyNames.BuiltInsOf(r.Vhost.Name).Select(e => e.Name).Where(e => !TopologyNames.IsDefault(e)));
                break;
            case TopologyRequest.DeclareQueue r when _view.Machine.TryGetQueue(r.Name, out var queue):
                operation.Reply = operation.Reply with { Name = r.Name };
                operation.Awaited++;
                TellQueue(r.Name, new QueueMessage.Start(operation.Id, queue));
                break;
            default:
                break;
        }

        foreach (var exchange in operation.Exchanges)
        {
            operation.Awaited++;
            TellExchange(exchange, new ExchangeMessage.Settle(operation.Id));
        }
    }

    private void Advance(long id)
    {
        if (_operations.TryGetValue(id, out var operation) && operation.Stage == Stage.Settling && --operation.Awaited == 0)
        {
            Spread(operation);
        }
    }

    private void Wait(Operation operation) => Context.Timers.StartSingle(operation, new Overdue(operation.Id), s_patience);

    private void HandleOverdue(long id)
    {
        if (!_operations.TryGetValue(id, out var operation))
        {
            return;
        }

        switch (operation.Stage)
        {
            case Stage.Settling:
                Spread(operation); // it stands
                break;
            case Stage.Spreading:
                Refuse(operation, $"it is declared, but {string.Join(" and ", _barrier!.Behind(operation.Revision).Select(n => $"node '{n}'"))} does not route by it yet; ask again");
                break;
            case Stage.Deleting:
                operation.HasEnded = true; // or will have, when it comes to it
                Refuse(operation, "the queue does not answer");
                break;
            default:
                Refuse(operation, "what other nodes have changed does not become known");
                break;
        }
    }

    private void Refuse(Operation operation, string reason)
    {
        operation.Reply = new TopologyReply(new FrameFault(ErrorCode.Unavailable, $"what is declared cannot be changed now: {reason}"));
        Finish(operation);
    }

    private void Finish(Operation operation)
    {
        Context.Timers.Cancel(operation);
        _operations.Remove(operation.Id);
        if (operation is { HasEnded: true, Request: TopologyRequest.DeleteQueue { Name: var name } } && _view.Machine.TryGetQueue(name, out var queue))
        {
            TellQueue(name, new QueueMessage.Start(0, queue)); // it is declared still, or again
        }

        operation.Requester.Tell(operation.Reply, Self);
        foreach (var (request, requester) in _busy.Release(operation.Touched))
        {
            Handle(request, requester);
        }
    }
}
