using Broker.Actors.Runtime;
using Broker.Actors.Storage;
using Broker.Machines.Ledgers;
using Broker.Storage.Log;
using Broker.Storage.Records;

namespace Broker.Actors.Replication;

/// <summary>
/// The journal of a queue whose shard is replicated and led here: its records go to the shard's replica, which numbers them, and are certain when the shard has committed them.
/// </summary>
/// <remarks>A checkpoint is a matter of this node alone and must not have what may still be cut off, so it is written while nothing is under way.</remarks>
internal sealed class ReplicatedQueueJournal(NodeStorage storage, ulong queue, ushort shard, TakenLedger taken, ActorRef self) : QueueJournal(storage, queue, shard, taken.Ledger, self)
{
    private readonly LocalRecordClient _checkpoints = new(self);
    private ulong _committed = taken.Committed; // index in the shard that the ledger is at least as of

    public override bool CanCheckpoint => IsQuiet;

    public override bool IsCheckpointCertain => _checkpoints.IsIdle;

    public override void IfOwned(Action act) => taken.Host.IfServing(taken.Epoch, act);

    public override void AppendCheckpoint(long neededFrom)
    {
        var checkpoint = ReplicatedCheckpoint.Of(_checkpoints, Queue, Shard, Ledger, _committed, neededFrom);
        IfOwned(() => Storage.Log.Append(checkpoint));
    }

    protected override void Send(QueueLogRecord record) => taken.Replica.Tell(new ReplicaMessages.Append(record, taken.Epoch));

    protected override void HandleCertain(LogRecord record) => _committed = record.ShardIndex;
}

/// <summary>A checkpoint of a replicated queue: this node's own, under the number of the queue's last record, as of an index in the shard.</summary>
internal static class ReplicatedCheckpoint
{
    public static LogRecord Of(LocalRecordClient client, ulong queue, ushort shard, QueueLedger ledger, ulong committed, long neededFrom)
    {
        client.Begin();
        return new QueueLogRecord(default)
        {
            Client = client,
            Kind = RecordKind.Checkpoint,
            Entity = queue,
            Shard = shard,
            ShardIndex = committed,
            Index = ledger.LastIndex,
            FirstPosition = ledger.NextPosition,
            Operations = ledger.Checkpoint(),
            NeededFrom = neededFrom,
        };
    }
}

/// <summary>Hears of records that concern this node alone, one at a time.</summary>
internal sealed class LocalRecordClient(ActorRef self, object? signal = null) : LogClient
{
    private volatile bool _isIdle = true;

    /// <summary>Whether the last one is on the disk.</summary>
    public bool IsIdle => _isIdle;

    public void Begin() => _isIdle = false;

    public override void OnCommitted(LogRecord last)
    {
        _isIdle = true;
        self.Tell(signal ?? LogSignal.Committed.Instance);
    }

    public override void OnFailed(LogFailure failure) => self.Tell(new LogSignal.Failed(failure.Reason));
}
