using Broker.Actors.Runtime;
using Broker.Machines.Ledgers;
using Broker.Machines.Queues;
using Broker.Storage.Log;
using Broker.Storage.Records;

namespace Broker.Actors.Storage;

/// <summary>What a durable queue appends to the log, and how much of it is on the disk. Belongs to the queue's actor.</summary>
internal sealed class QueueJournal(NodeStorage storage, ulong queue, ushort shard, QueueLedger ledger, ActorRef self)
{
    private readonly Queue<LogRecord> _inFlight = new();
    private readonly Client _client = new(self, ledger.LastIndex);

    public QueueLedger Ledger => ledger;

    /// <summary>Number of the last record that is on the disk, as far as <see cref="Advance"/> has looked.</summary>
    public ulong CertainIndex { get; private set; } = ledger.LastIndex;

    /// <summary>Every record of the queue after <see cref="CertainIndex"/> is, or will be, at or after this position of the log.</summary>
    public long CertainPosition { get; private set; } = storage.Log.SyncedPosition;

    /// <summary>Appends what the queue's machine says has happened. The ledger has it already.</summary>
    public void Append(QueueRecord record) => Append(new QueueLogRecord(record.Messages)
    {
        Client = _client,
        Kind = RecordKind.Operations,
        Entity = queue,
        Shard = shard,
        Index = ledger.LastIndex,
        FirstPosition = record.FirstPosition,
        Operations = QueueRecordCodec.Encode(record),
    });

    /// <summary>Appends the ledger as it is now.</summary>
    /// <returns>The record's number.</returns>
    public ulong AppendCheckpoint(long neededFrom)
    {
        var checkpoint = ledger.Checkpoint();
        ledger.CountCheckpoint();
        Append(new QueueLogRecord(default)
        {
            Client = _client,
            Kind = RecordKind.Checkpoint,
            Entity = queue,
            Shard = shard,
            Index = ledger.LastIndex,
            FirstPosition = ledger.NextPosition,
            Operations = checkpoint,
            NeededFrom = neededFrom,
        });
        return ledger.LastIndex;
    }

    /// <summary>Appends that the queue is gone.</summary>
    public void AppendDeleted()
    {
        ledger.CountCheckpoint();
        Append(new QueueLogRecord(default) { Client = _client, Kind = RecordKind.Deleted, Entity = queue, Shard = shard, Index = ledger.LastIndex });
    }

    /// <summary>Takes in what has reached the disk since the last call.</summary>
    /// <returns>Whether anything has.</returns>
    public bool Advance(QueueMachine machine)
    {
        var certain = _client.Certain;
        if (certain == CertainIndex)
        {
            return false;
        }

        while (_inFlight.TryPeek(out var record) && record.Index <= certain)
        {
            _inFlight.Dequeue();
            CertainPosition = record.Position;
            if (record.MessageCount > 0)
            {
                ledger.Index.Locate(record.Index, record.Position, record.Length);
            }
        }

        CertainIndex = certain;
        machine.HandleCertain(certain);
        return true;
    }

    private void Append(LogRecord record)
    {
        _inFlight.Enqueue(record);
        storage.Log.Append(record);
    }

    private sealed class Client(ActorRef self, ulong certain) : LogClient
    {
        private ulong _certain = certain;

        public ulong Certain => Volatile.Read(ref _certain);

        public override void OnCommitted(LogRecord last)
        {
            Volatile.Write(ref _certain, last.Index); // what counts; the message only sees to it that it is looked at
            self.Tell(LogSignal.Committed.Instance);
        }

        public override void OnFailed(LogFailure failure) => self.Tell(new LogSignal.Failed(failure.Reason));
    }
}
