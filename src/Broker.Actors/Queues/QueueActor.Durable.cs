using Broker.Actors.Cluster;
using Broker.Actors.Replication;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Storage;
using Broker.Machines.Ledgers;
using Broker.Machines.Queues;
using Broker.Machines.Topology;
using Broker.Protocol;
using Broker.Storage.Log;

namespace Broker.Actors.Queues;

/// <summary>What concerns the disk.</summary>
internal sealed partial class QueueActor
{
    private QueueJournal? _journal; // null: the queue is not durable
    private QueueCheckpoints? _checkpoints;
    private QueueLoads? _loads; // made with the first read
    private FrameFault? _failure; // the log has failed; nothing is taken or given any more
    private bool _hasFailedBefore; // another actor of this queue, that is, and what it knew is lost
    private bool _deleting;
    private (ActorRef Asker, long OperationId)? _deletion; // under way
    private bool _deleted;

    private QueueLoads Loads => _loads ??= new QueueLoads(_node.Storage!, new QueueDefinitionName(_definition!.Id, _definition.Name), _journal!);

    private IQueueMachine StartDurable(QueueDefinition definition)
    {
        var storage = _node.Storage ?? throw new InvalidOperationException("a durable queue was declared on a node without a store");
        var shard = (ushort)StableHash.ShardOf(_name, _node.Options.ShardCount);
        _journal = _node.Cluster is { } cluster ? Replicated(cluster, storage, definition.Id, shard) : Local(storage, definition.Id, shard);
        _checkpoints = new QueueCheckpoints(storage, definition.Id, _journal);
        var machine = Make(definition, _journal.Ledger);
        machine.HandleBlocked(storage.BlockedBy);
        return machine;
    }

    private LocalQueueJournal Local(NodeStorage storage, ulong id, ushort shard)
    {
        var ledger = storage.TakeLedger(id);
        _hasFailedBefore = ledger is null;
        return new LocalQueueJournal(storage, id, shard, ledger ?? new QueueLedger(), Self);
    }

    private ReplicatedQueueJournal Replicated(ClusterServices cluster, NodeStorage storage, ulong id, ushort shard)
    {
        cluster.ShardOfQueue[id] = shard;
        var taken = cluster.Hosts[shard].Take(id);
        _hasFailedBefore = taken is null; // or this node does not serve the shard any more
        return new ReplicatedQueueJournal(storage, id, shard, taken ?? new TakenLedger(new QueueLedger(), Epoch: 0, Committed: 0, ActorRef.NoSender, cluster.Hosts[shard]), Self);
    }

    /// <summary>Appends what has happened in this batch.</summary>
    /// <returns>The number of the record that what follows from it depends on.</returns>
    private ulong Log(QueueJournal journal)
    {
        journal.Advance(Machine);
        if (_deleted)
        {
            return journal.Ledger.LastIndex; // a record after the last one would bring the queue back
        }

        if (!_deleting && _checkpoints!.HoldsRecords())
        {
            return journal.Ledger.LastIndex + (Machine.HasRecord ? 1UL : 0);
        }

        if (Machine.TakeRecord() is { } record)
        {
            journal.Append(record);
        }

        if (_deleting)
        {
            _deleted = true;
            journal.AppendDeleted();
            if (_node.Cluster is null) // else the shard's replica does it, as on all other nodes
            {
                var (storage, id) = (_node.Storage!, _registration!.Id);
                _outbox.Add(() => storage.DropQueueAsync(id));
            }
        }

        return journal.Ledger.LastIndex;
    }

    private void ReceiveFromStore(object message)
    {
        switch (message)
        {
            case LogSignal.Committed:
                _journal!.Advance(Machine); // if a turn has not done so before this came
                _loads?.HandleCommitted(Context);
                break;
            case LogSignal.Failed m:
                HandleFailed(m.Reason);
                break;
            case QueueMessage.Blocked m:
                Machine.HandleBlocked(m.Reason);
                break;
            case QueueMessage.MemoryShort:
                break; // what follows from it comes after the batch
            case QueueMessage.Checkpoint when _deleting:
                Sender.Tell(new StoreMessage.CheckpointDone(_registration!.Id), Self); // nothing of it is needed any more
                break;
            case QueueMessage.Checkpoint m:
                _checkpoints!.Begin(m.Goal, Context);
                break;
            case QueueMessage.ListSegments:
                Sender.Tell(new QueueReply.Segments([.. _journal!.Ledger.Index.Segments]), Self);
                break;
            case QueueMessage.Copied or QueueMessage.Loaded when _deleting:
                break; // files are deleted, or soon will be: a copy goes with the rest, and what a read did not find is no damage
            case QueueMessage.Copied m:
                _checkpoints!.HandleCopied(m, Context);
                if (m.Result is { Unreadable.Count: > 0 } result)
                {
                    Loads.HandleUnreadable(result.Unreadable, Machine);
                }

                break;
            case QueueMessage.Loaded m:
                Loads.HandleLoaded(m.Result, Machine);
                break;
            case QueueMessage.LoadFailed m:
                _node.Storage!.Log.Fail($"messages of queue '{_name}' cannot be read: {m.Failure.Message}");
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    /// <summary>What the keeper of the store has told all queues, one that has just come has missed. Once it is in the directory, it is told like the others.</summary>
    private void CatchUp()
    {
        if (_journal is not null && _node.Storage is { } storage)
        {
            Machine.HandleBlocked(storage.BlockedBy);
            if (_hasFailedBefore)
            {
                HandleFailed("it has failed");
            }
            else if (storage.Log.State == LogState.Failed)
            {
                HandleFailed(storage.Log.Reason);
            }
        }
    }

    private void HandleFailed(string reason) =>
        GiveUpAll(new FrameFault(ErrorCode.Unavailable, $"queue '{EntityName.LocalOf(_name)}' takes nothing more until the node is started anew: {reason}"));

    /// <summary>Nothing more is taken or given, and who waits for something hears why.</summary>
    private void GiveUpAll(FrameFault failure)
    {
        _failure = failure;
        foreach (var id in _batches?.Keys.Order().ToList() ?? [])
        {
            Answer(id, failure);
        }

        var given = _outbox.GiveUp();
        var opening = given.Where(i => i.Message is ConsumerSignal.Subscribed { Fault: null }).Select(i => i.Receiver).ToHashSet();
        foreach (var consumer in Machine.Consumers.Where(c => TryFindPeer(c.Value, out var peer) && !opening.Contains(peer)))
        {
            Tell(consumer.Value, new ConsumerSignal.Refused(failure)); // before a settlement that fails ends its stream
        }

        GiveUp(given, failure);
        if (_deletion is { } deletion)
        {
            deletion.Asker.Tell(new QueueReply.Refused(deletion.OperationId, failure), Self);
        }

        foreach (var (asker, _) in _later ?? [])
        {
            asker.Tell(new QueueReply.Got(null, 0, failure), Self);
        }

        _later = null;
    }

    /// <summary>Whoever waits for something that follows from records which will never be on the disk hears that instead.</summary>
    private void GiveUp(IReadOnlyList<QueueOutbox.Item> items, FrameFault failure)
    {
        foreach (var item in items)
        {
            switch (item)
            {
                case { Effect: QueueEffect.ConsumerRefused e }:
                    Perform(e);
                    break;
                case { Effect: QueueEffect.ConsumerClosed e }:
                    Tell(e.Consumer.Value, new ConsumerSignal.Refused(failure)); // the queue may still be there after the next start
                    break;
                case { Receiver: { } receiver, Message: { } message }:
                    receiver.Tell(AnswerInstead(message, failure), Self);
                    break;
                default:
                    break;
            }
        }
    }

    private static object AnswerInstead(object answer, FrameFault failure) => answer switch
    {
        QueueReply.Started m => new QueueReply.Refused(m.OperationId, failure),
        QueueReply.Purged => new QueueReply.Purged(0, failure),
        QueueReply.Got => new QueueReply.Got(null, 0, failure),
        QueueReply.Paused m => m with { Fault = failure },
        ConsumerSignal.Subscribed { Fault: null } => new ConsumerSignal.Subscribed(failure),
        ConsumerSignal.Settled { Fault: null } m => m with { Fault = failure },
        _ => answer, // true all the same: a refusal, or that no delivery follows
    };

    /// <summary>Every question gets the same answer: try again, later or elsewhere.</summary>
    private void ReceiveFailed(object message, FrameFault failure)
    {
        object? answer = message switch
        {
            QueueMessage.Enqueue m => new PublisherSignal.Answered(m.Batch, failure, WasParked: false),
            QueueMessage.Settle m => new ConsumerSignal.Settled(m.Ranges, failure),
            QueueMessage.Subscribe => new ConsumerSignal.Subscribed(failure),
            QueueMessage.CancelSubscription => new ConsumerSignal.CancelDone(),
            QueueMessage.ListSegments => new QueueReply.Segments([]),
            QueueMessage.Checkpoint => new StoreMessage.CheckpointDone(_registration!.Id),
            _ => QueueReply.Refusing(message as QueueMessage, failure),
        };
        if (answer is not null)
        {
            Sender.Tell(answer, Self);
        }
    }
}
