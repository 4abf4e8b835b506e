using Broker.Actors.Storage;
using Broker.Machines.Ledgers;
using Broker.Machines.Replication;
using Broker.Storage.Segments;

namespace Broker.Actors.Replication;

/// <summary>A snapshot on its way to the disk: messages go to segments of their queues, whose ledgers count once everything is there.</summary>
/// <param name="storage">The node's store.</param>
/// <param name="from">The node that it comes from.</param>
/// <param name="log">What it stands for as it begins; parts that come may make it more.</param>
internal sealed class SnapshotInstall(NodeStorage storage, string from, Lineage log)
{
    private readonly Dictionary<ulong, QueueLedger> _queues = [];
    private ulong _queue; // that is being written
    private SnapshotWriter? _writer;
    private Lineage _newest = log;

    public string From => from;

    /// <summary>What it stands for, as it is on the disk.</summary>
    public Lineage Log { get; private set; } = log;

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
    public IReadOnlyDictionary<ulong, QueueLedger> Queues => _queues;

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
                case SnapshotPart.Again:
                    EndQueue();
                    _newest = ReplicaMessageCodec.ReadLineage(reader);
                    for (var ended = reader.Count(minBytes: 8); ended > 0; ended--)
                    {
                        DropQueue(reader.Fixed());
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

    /// <summary>All has come: it stands for what the last parts said.</summary>
    /// <returns>Whether that is more than it was when it began, so that the disk has to know.</returns>
    public bool TakeNewest()
    {
        var isMore = Log.Last != _newest.Last;
        Log = _newest;
        return isMore;
    }

    /// <summary>Ends a snapshot that does not count.</summary>
    public void Abandon() => _writer?.Dispose();

    private void BeginQueue(ReplicaReader reader)
    {
        _queue = reader.Fixed();
        var index = reader.Number();
        var ledger = QueueLedger.Restore(reader.Bytes().Span, index);
        ledger.ForgetPlaces();
        if (reader.Number() == 0)
        {
            storage.Segments.DeleteAll(_queue);
        }
        else if (_queues.TryGetValue(_queue, out var before))
        {
            ledger.Relocate(before); // what came then is there, and what has left since need not be
            foreach (var segment in ledger.TakeDropped(ledger.DroppedSegments.Count))
            {
                storage.Segments.Delete(_queue, segment);
            }
        }
        else
        {
            throw new ReplicaFormatException($"a snapshot goes on with queue number {_queue}, which it has not begun");
        }

        _queues[_queue] = ledger;
        _writer = storage.Options.Store.WriteSnapshot(_queue, new SegmentCursor(ledger.OpenSegment.Number, ledger.OpenSegment.Length, ledger.LastSegment));
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
            _queues[_queue].Moved(0, QueueCheckpoints.EntriesOf(result), (result.Cursor.Segment, result.Cursor.Length));
        }
    }

    private void DropQueue(ulong queue)
    {
        if (_queues.Remove(queue))
        {
            storage.Segments.DeleteAll(queue);
        }
    }
}
