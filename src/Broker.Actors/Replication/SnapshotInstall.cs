using Broker.Actors.Storage;
using Broker.Machines.Ledgers;
using Broker.Machines.Replication;
using Broker.Storage.Segments;

namespace Broker.Actors.Replication;

/// <summary>A snapshot on its way to the disk: messages go to segments of their queues, whose ledgers count once everything is there.</summary>
/// <param name="storage">The node's store.</param>
/// <param name="from">The node that it comes from.</param>
/// <param name="log">What it stands for.</param>
internal sealed class SnapshotInstall(NodeStorage storage, string from, Lineage log)
{
    private readonly List<(ulong Queue, QueueLedger Ledger)> _queues = [];
    private SnapshotWriter? _writer;

    public string From => from;

    public Lineage Log => log;

    /// <summary>Parts that have come and are still to be written.</summary>
    public Queue<ReadOnlyMemory<byte>> Parts { get; } = new();

    /// <summary>Whether something is under way on the disk.</summary>
    public bool IsBusy { get; set; } = true;

    /// <summary>When the last part came.</summary>
    public TimeSpan HeardAt { get; set; }

    /// <summary>Whether all parts are on the disk.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Why it will come to nothing; <c>null</c> if all is well so far.</summary>
    public string? Problem { get; set; }

    /// <summary>Whether it was given up, and what it has written is being deleted.</summary>
    public bool IsAbandoned { get; set; }

    /// <summary>Whether the records that make it count are on their way to the disk.</summary>
    public bool IsWritten { get; set; }

    /// <summary>The queues that have come.</summary>
    public IReadOnlyList<(ulong Queue, QueueLedger Ledger)> Queues => _queues;

    /// <summary>Writes a part. Blocks.</summary>
    /// <exception cref="Broker.Storage.Disks.DiskException">The disk failed.</exception>
    /// <exception cref="InvalidDataException">It is no part of a snapshot.</exception>
    public void Take(ReadOnlyMemory<byte> part)
    {
        try
        {
            var reader = new ReplicaReader(part);
            switch (reader.Number())
            {
                case SnapshotPart.Queue:
                    EndQueue();
                    BeginQueue(reader);
                    break;
                case SnapshotPart.Messages when _writer is not null:
                    while (!reader.AtEnd)
                    {
                        var position = reader.Number();
                        var message = ReplicatedRecordCodec.ReadMessage(reader);
                        _writer.Add(position, message.Bytes, message.Meta);
                    }

                    break;
                case SnapshotPart.End:
                    EndQueue();
                    IsComplete = true;
                    break;
                default:
                    throw new ReplicaFormatException("a snapshot has parts in an order that makes no sense");
            }
        }
        catch (Exception e) when (e is ReplicaFormatException or LedgerFormatException)
        {
            throw new InvalidDataException($"a snapshot from node '{from}' cannot be read: {e.Message}");
        }
    }

    /// <summary>Ends a snapshot that does not count.</summary>
    public void Abandon() => _writer?.Dispose();

    private void BeginQueue(ReplicaReader reader)
    {
        var queue = reader.Fixed();
        var index = reader.Number();
        var ledger = QueueLedger.Restore(reader.Bytes().Span, index);
        ledger.ForgetPlaces();
        _queues.Add((queue, ledger));
        storage.Segments.DeleteAll(queue);
        _writer = storage.Options.Store.WriteSnapshot(queue);
    }

    private void EndQueue()
    {
        if (_writer is null)
        {
            return;
        }

        var result = _writer.Finish();
        _writer.Dispose();
        _writer = null;
        if (result.Blocks.Count > 0)
        {
            _queues[^1].Ledger.Moved(0, QueueCheckpoints.EntriesOf(result), (result.Cursor.Segment, result.Cursor.Length));
        }
    }
}
