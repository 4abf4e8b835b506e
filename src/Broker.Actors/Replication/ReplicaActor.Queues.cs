using Broker.Actors.Cluster;
using Broker.Actors.Queues;
using Broker.Actors.Storage;
using Broker.Machines;
using Broker.Machines.Ledgers;
using Broker.Storage.Records;

namespace Broker.Actors.Replication;

/// <summary>The ledgers of the shard's queues, while no actor of a queue has them.</summary>
internal sealed partial class ReplicaActor
{
    private readonly Dictionary<ulong, FollowedQueue> _followed = [];
    private readonly HashSet<FollowedQueue> _touched = [];
    private readonly List<Task> _deletions = []; // of segments, under way
    private ulong _applied; // index up to which records are carried out

    /// <summary>A queue whose records are applied as they are committed.</summary>
    internal sealed class FollowedQueue : CheckpointLog
    {
        private readonly ReplicaActor _replica;
        private readonly ulong _queue;
        private readonly LocalRecordClient _checkpointClient;
        private QueueCheckpoints? _checkpoints;

        public FollowedQueue(ReplicaActor replica, ulong queue, QueueLedger ledger)
        {
            _replica = replica;
            _queue = queue;
            Ledger = ledger;
            replica._cluster.ShardOfQueue[queue] = replica._shard;
            _checkpointClient = new LocalRecordClient(replica.Self, new ReplicaMessages.ForQueue(this, null));
        }

        public override QueueLedger Ledger { get; }

        public override long CertainPosition => _replica._storage.Log.SyncedPosition; // all its records are certain

        public override bool CanCheckpoint => true;

        public override bool IsCheckpointCertain => _checkpointClient.IsIdle;

        /// <summary>Made when it is needed: most queues have nothing to look after.</summary>
        public QueueCheckpoints Checkpoints => _checkpoints ??= new QueueCheckpoints(_replica._storage, _queue, this, m => new ReplicaMessages.ForQueue(this, m));

        public ulong Queue => _queue;

        /// <summary>What is committed since may hold records of this queue that the checkpoint does not have.</summary>
        public override void AppendCheckpoint(long neededFrom) => _replica._storage.Log.Append(ReplicatedCheckpoint.Of(
            _checkpointClient, _queue, (ushort)_replica._shard, Ledger, _replica._applied, Math.Min(neededFrom, _replica.PositionBehind(_replica._applied))));

        public void Tend()
        {
            if (_checkpoints is not null || Ledger.DroppedSegments.Count > 0 || Ledger.Index.Segments.Count > 1)
            {
                Checkpoints.AfterBatch(_replica.Context);
            }
        }
    }

    private void Apply(in ShardRecord record, ulong index)
    {
        var operation = record.InMemory is { } inMemory ? ShardOperation.Of(inMemory) : ShardOperation.Of(record.Held!);
        if (ShardEntity.Is(operation.Entity))
        {
            return;
        }

        if (_endedAhead.TryGetValue(operation.Entity, out var end) && index <= end)
        {
            if (index == end)
            {
                _endedAhead.Remove(operation.Entity);
            }

            return;
        }

        if (operation.Kind == RecordKind.Deleted)
        {
            EndQueue(operation.Entity);
            return;
        }

        if (operation.Operations is not { } operations)
        {
            return; // the queue has ended since
        }

        if (!_followed.TryGetValue(operation.Entity, out var queue))
        {
            queue = new FollowedQueue(this, operation.Entity, new QueueLedger());
            _followed.Add(operation.Entity, queue);
        }

        if (operation.Index <= queue.Ledger.LastIndex)
        {
            return; // a checkpoint has it
        }

        Invariant.That(operation.Index == queue.Ledger.LastIndex + 1, $"record {index} of shard {_shard} is the next one of its queue");
        queue.Ledger.Apply(operations, operation.MessageCount);
        if (operation.MessageCount > 0)
        {
            var (position, length) = record.Place;
            queue.Ledger.Index.Locate(operation.Index, position, length);
        }

        foreach (var mark in operations.Producers)
        {
            _node.Producers.Note(mark);
        }

        _touched.Add(queue);
    }

    /// <summary>
    /// That a queue has ended is committed. It is written down once more for this node alone: behind that, no checkpoint of the queue can come that brings it back.
    /// </summary>
    private void EndQueue(ulong queue)
    {
        _ends.Remove(queue);
        if (_followed.Remove(queue, out var ended))
        {
            _touched.Remove(ended); // or a checkpoint that is due would come behind the end
        }

        Write(new QueueLogRecord(default) { Client = _disk, Kind = RecordKind.Deleted, Entity = queue, Shard = (ushort)_shard, Index = 0 }, new DiskNote(Ended: queue));
    }

    private readonly Dictionary<ulong, ulong> _ends = []; // queues whose end is written and not carried out, by index
    private readonly Dictionary<ulong, ulong> _endedAhead = []; // those whose end is carried out ahead of its turn; what the queue had before is void

    /// <summary>
    /// A record of a queue comes behind its end: it was declared still where its shard is led, and has begun anew under its number. Its leader has carried
    /// out the end by then, so that is committed, and what this node writes of it must not come behind what is new.
    /// </summary>
    private void EndIfOver(ulong queue)
    {
        if (_ends.TryGetValue(queue, out var end))
        {
            EndQueue(queue);
            _endedAhead[queue] = end;
        }
    }

    /// <summary>Ends that were cut off, or that the ledgers have, are not to come.</summary>
    private void ForgetEnds(Func<ulong, bool> isOver)
    {
        foreach (var ends in new[] { _ends, _endedAhead })
        {
            ends.Where(e => isOver(e.Value)).ToList().ForEach(e => ends.Remove(e.Key));
        }
    }

    /// <summary>Deletes what the disk has of a queue beside the log, whose records of it are void.</summary>
    private void DropFiles(ulong queue, long upTo = long.MaxValue)
    {
        if (!_followed.ContainsKey(queue) && !ToCome(_endedAhead.GetValueOrDefault(queue)).Any(r => r.Entity == queue))
        {
            _cluster.ShardOfQueue.TryRemove(queue, out _);
        }

        _deletions.RemoveAll(d => d.IsCompleted);
        _deletions.Add(_storage.DropQueueAsync(queue, upTo));
    }

    private Dictionary<ulong, QueueLedger> TakeLedgers()
    {
        var ledgers = _followed.ToDictionary(f => f.Key, f => f.Value.Ledger);
        LetGo();
        return ledgers;
    }

    /// <summary>The keeper of the store hears at once that a checkpoint which it may wait for does not come; it asks again whoever has the queue then.</summary>
    private void LetGo()
    {
        foreach (var queue in _followed.Keys.Concat(_borrowed.Select(b => b.Queue)))
        {
            _storage.Keeper.Tell(new StoreMessage.CheckpointDone(queue), Self);
        }

        _followed.Clear();
        _touched.Clear();
        _borrowed.Clear();
    }

    private void TendQueues()
    {
        foreach (var queue in _touched)
        {
            queue.Tend();
        }

        _touched.Clear();
    }

    private void HandleForQueue(ReplicaMessages.ForQueue message)
    {
        var queue = message.Queue;
        if (!_followed.TryGetValue(queue.Queue, out var current) || current != queue)
        {
            if (_borrowed.Contains(queue))
            {
                GoOnWithout(queue, message.Message as QueueMessage.Copied);
            }

            return; // else of an earlier time
        }

        if (message.Message is QueueMessage.Copied copied)
        {
            HandleCopied(queue, copied);
        }

        _touched.Add(queue);
    }

    private void HandleCopied(FollowedQueue queue, QueueMessage.Copied copied)
    {
        if (copied.Result is { Unreadable.Count: > 0 } result)
        {
            // First: no checkpoint may say that they are nowhere.
            _storage.Log.Fail(StoreMode.DamagedCopy($"{result.Unreadable.Count} message(s) of queue number {queue.Queue} of shard {_shard} cannot be read"));
        }

        queue.Checkpoints.HandleCopied(copied, Context);
    }

    private readonly HashSet<FollowedQueue> _borrowed = [];

    /// <summary>Begins a checkpoint of a queue whose actor has not come. While it goes on the actor may come at any time, and takes the ledger as it is then.</summary>
    private void BeginWithout(ulong number, QueueLedger ledger, long goal)
    {
        var queue = _borrowed.FirstOrDefault(b => b.Ledger == ledger) ?? new FollowedQueue(this, number, ledger);
        _borrowed.Add(queue);
        queue.Checkpoints.Begin(goal, Context);
        queue.Tend();
    }

    private void GoOnWithout(FollowedQueue queue, QueueMessage.Copied? copied)
    {
        var isThere = Host.TryUse(queue.Queue, ledger =>
        {
            Invariant.That(ledger == queue.Ledger, "a ledger that was not taken is the one that it was");
            if (copied is not null)
            {
                HandleCopied(queue, copied);
            }

            queue.Tend();
        });
        if (copied is null || !isThere)
        {
            _borrowed.Remove(queue);
        }

        if (!isThere)
        {
            _storage.Keeper.Tell(new StoreMessage.CheckpointDone(queue.Queue), Self); // the queue's actor is asked when it is still needed
        }
    }

    private void HandleCheckpoint(ReplicaCommand.Checkpoint message)
    {
        if (ShardEntity.Is(message.Entity) && _machine is not null)
        {
            WriteState(new DiskNote(Answers: true));
        }
        else if (_followed.TryGetValue(message.Entity, out var queue) && !_mustRebuild && _install is null)
        {
            queue.Checkpoints.Begin(message.Goal, Context);
            _touched.Add(queue);
        }
        else if (IsServing && Host.TryUse(message.Entity, ledger => BeginWithout(message.Entity, ledger, message.Goal)))
        {
            // nobody wants it: it is not declared, or not yet
        }
        else
        {
            if (!ShardEntity.Is(message.Entity) && !IsServing && !_mustRebuild && _install is null && !ToCome().Any(r => r.Entity == message.Entity))
            {
                _storage.Log.Forget(message.Entity); // all its records were cut off
                _cluster.ShardOfQueue.TryRemove(message.Entity, out _);
            }

            _storage.Keeper.Tell(new StoreMessage.CheckpointDone(message.Entity), Self); // else nothing can be done about it now; it will be asked again
        }
    }
}
