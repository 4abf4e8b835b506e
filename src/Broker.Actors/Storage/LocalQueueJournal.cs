using Broker.Actors.Runtime;
using Broker.Machines.Ledgers;
using Broker.Storage.Records;

namespace Broker.Actors.Storage;

/// <summary>The journal of a queue that is kept on this node alone: certain is what is on the disk.</summary>
internal sealed class LocalQueueJournal(NodeStorage storage, ulong queue, ushort shard, QueueLedger ledger, ActorRef self) : QueueJournal(storage, queue, shard, ledger, self)
{
    private ulong _checkpoint;

    public override bool MayHaveUncertain => true;

    public override bool CanCheckpoint => true;

    public override bool IsCheckpointCertain => CertainIndex >= _checkpoint;

    public override void AppendCheckpoint(long neededFrom)
    {
        var checkpoint = Ledger.Checkpoint();
        Ledger.CountCheckpoint();
        _checkpoint = Ledger.LastIndex;
        Append(RecordKind.Checkpoint, default, Ledger.NextPosition, checkpoint, neededFrom);
    }

    protected override void Send(QueueLogRecord record) => Storage.Log.Append(record);
}
