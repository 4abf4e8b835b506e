using Broker.Actors.Runtime;
using Broker.Machines.Ledgers;
using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Storage.Log;
using Broker.Storage.Records;

namespace Broker.Actors.Storage;

/// <summary>What a durable queue has logged, and how much of it is certain: on the disk and, where shards are replicated, on those of all who are in sync. Belongs to the queue's actor.</summary>
internal abstract class QueueJournal(NodeStorage storage, ulong queue, ushort shard, QueueLedger ledger, ActorRef self) : CheckpointLog
{
    private Queue<LogRecord>? _inFlight; // made with the first record
    private QueueLogClient? _client; // likewise
    private long _certainPosition = storage.Log.SyncedPosition;

    public override QueueLedger Ledger => ledger;

    public override long CertainPosition => _certainPosition;

    /// <summary>Number of the last record that is certain, as far as <see cref="Advance"/> has looked.</summary>
    public ulong CertainIndex { get; private set; } = ledger.LastIndex;

    /// <summary>Whether everything that was appended is certain.</summary>
    public bool IsQuiet => _inFlight is null || _inFlight.Count == 0;

    protected NodeStorage Storage => storage;

    protected ulong Queue => queue;

    protected ushort Shard => shard;

    /// <summary>Appends what the queue's machine says has happened. The ledger has it already.</summary>
    public void Append(QueueRecord record) => Append(RecordKind.Operations, record.Messages, record.FirstPosition, QueueRecordCodec.Encode(record), neededFrom: long.MaxValue);

    /// <summary>Appends that the queue is gone.</summary>
    public void AppendDeleted()
    {
        ledger.CountCheckpoint();
        Append(RecordKind.Deleted, default, firstPosition: 0, operations: default, neededFrom: long.MaxValue);
    }

    /// <summary>Takes in what has become certain since the last call.</summary>
    /// <returns>Whether anything has.</returns>
    public bool Advance(IQueueMachine machine)
    {
        if (_client?.Certain is not { } certain || certain == CertainIndex)
        {
            return false;
        }

        while (_inFlight is not null && _inFlight.TryPeek(out var record) && record.Index <= certain)
        {
            _inFlight.Dequeue();
            _certainPosition = record.Position;
            if (record.MessageCount > 0)
            {
                ledger.Index.Locate(record.Index, record.Position, record.Length);
            }

            HandleCertain(record);
        }

        CertainIndex = certain;
        machine.HandleCertain(certain);
        return true;
    }

    /// <summary>Appends a record under the ledger's last number.</summary>
    protected void Append(RecordKind kind, ReadOnlyMemory<StoredMessage> messages, ulong firstPosition, ReadOnlyMemory<byte> operations, long neededFrom)
    {
        _client ??= new QueueLogClient(self, CertainIndex);
        var record = new QueueLogRecord(messages)
        {
            Owner = _client,
            Client = _client, // in a replicated shard, until the replica takes it
            Kind = kind,
            Entity = queue,
            Shard = shard,
            Index = ledger.LastIndex,
            FirstPosition = firstPosition,
            Operations = operations,
            NeededFrom = neededFrom,
        };
        (_inFlight ??= new Queue<LogRecord>()).Enqueue(record);
        Send(record);
    }

    /// <summary>Has it logged.</summary>
    protected abstract void Send(QueueLogRecord record);

    /// <summary>A record has become certain.</summary>
    protected virtual void HandleCertain(LogRecord record)
    {
    }
}

/// <summary>Tells a queue's actor how far its records are certain.</summary>
internal sealed class QueueLogClient(ActorRef self, ulong certain) : LogClient
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
