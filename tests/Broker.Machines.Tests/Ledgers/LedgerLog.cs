using Broker.Machines.Ledgers;

namespace Broker.Machines.Tests.Ledgers;

/// <summary>A ledger with the log and the segments that belong to it, in the plainest way: a list of entries, and a set of positions a segment.</summary>
internal sealed class LedgerLog
{
    public const int EntryBytes = 64;
    private const int MessagesInSegment = 6;
    private readonly SortedDictionary<uint, SortedSet<ulong>> _files = [];
    private Copy? _copy; // under way

    private sealed record Copy(ulong LastIndex, uint[]? Compacted, List<ulong> Positions, (uint Number, long Length) Cursor, uint LastSegment);

    internal enum EntryKind
    {
        Operations,
        Checkpoint,
        Deleted,
    }

    /// <summary>What was logged, and the ledger after it in words.</summary>
    internal sealed record Entry(EntryKind Kind, ulong Index, long Position, ReadOnlyMemory<byte> Bytes, ulong First, int MessageCount, long MessageBytes, string Expected);

    public QueueLedger Ledger { get; } = new();

    public List<Entry> Entries { get; } = [];

    /// <summary>Segment files that are on the disk, and the positions that were written to each.</summary>
    public IReadOnlyDictionary<uint, SortedSet<ulong>> Files => _files;

    /// <summary>Positions that cannot be read, wherever they are.</summary>
    public HashSet<ulong> Unreadable { get; } = [];

    public bool IsCopying => _copy is not null;

    /// <summary>Logs a record. Each message has ten bytes.</summary>
    public void Append(int messageCount, IReadOnlyList<PositionRange>? delivered = null, IReadOnlyList<PositionRange>? settled = null, params IReadOnlyList<ProducerMark> producers)
    {
        var record = new QueueRecord
        {
            FirstPosition = Ledger.NextPosition,
            MessageBytes = 10 * messageCount,
            Producers = producers,
            Delivered = delivered ?? [],
            Settled = settled ?? [],
            SettledBytes = (settled ?? []).Sum(r => 10L * (long)r.Count),
        };
        Ledger.Apply(record, messageCount);
        Ledger.Index.Locate(Ledger.LastIndex, Entries.Count * EntryBytes, EntryBytes);
        Add(EntryKind.Operations, QueueRecordCodec.Encode(record), record.FirstPosition, messageCount, record.MessageBytes);
    }

    /// <summary>Logs a checkpoint, and deletes the segments that are in none any more.</summary>
    public void Checkpoint()
    {
        var checkpoint = Ledger.Checkpoint();
        Ledger.CountCheckpoint();
        Add(EntryKind.Checkpoint, checkpoint, Ledger.NextPosition, 0, 0);
        foreach (var number in Ledger.TakeDropped(Ledger.DroppedSegments.Count))
        {
            _files.Remove(number);
        }
    }

    public void Delete()
    {
        Ledger.CountCheckpoint();
        Add(EntryKind.Deleted, default, 0, 0, 0);
    }

    /// <summary>Begins to copy messages out of the first records of the log.</summary>
    public void BeginMove(int records)
    {
        var runs = Ledger.Index.Runs.ToArray().Take(records).ToList();
        if (_copy is null && runs.Count > 0)
        {
            _copy = new Copy(runs[^1].Index, null, [.. runs.SelectMany(r => ReadableOf(r.First, r.Last))], Ledger.OpenSegment, Ledger.LastSegment);
        }
    }

    /// <summary>Begins to copy neighbours together, but for the segment that is still written.</summary>
    public void BeginCompact(int first, int count)
    {
        var chosen = Ledger.Index.Segments.Skip(first).Take(count).TakeWhile(s => s.Number != Ledger.OpenSegment.Number).ToList();
        if (_copy is null && chosen.Count > 0)
        {
            var positions = chosen.SelectMany(s => ReadableOf(s.First, s.Last).Where(p => _files[s.Number].Contains(p)));
            _copy = new Copy(0, [.. chosen.Select(s => s.Number)], [.. positions], default, Ledger.LastSegment);
        }
    }

    /// <summary>Ends what was begun. Messages that have left meanwhile were copied all the same.</summary>
    public void CompleteCopy()
    {
        if (_copy is not var (lastIndex, compacted, positions, cursor, last))
        {
            return;
        }

        _copy = null;
        var entries = new List<SegmentEntry>();
        foreach (var position in positions)
        {
            if (cursor.Number == 0 || cursor.Length >= MessagesInSegment)
            {
                cursor = (++last, 0);
            }

            _files.TryAdd(cursor.Number, []);
            Assert.True(_files[cursor.Number].Add(position), "a message is copied to a place once");
            cursor.Length++;
            if (entries.Count > 0 && entries[^1].Number == cursor.Number)
            {
                var open = entries[^1];
                entries[^1] = open with { Length = cursor.Length, Last = position, Count = open.Count + 1, Live = open.Live + 1, MessageBytes = open.MessageBytes + 10 };
            }
            else
            {
                entries.Add(new SegmentEntry(cursor.Number, cursor.Length, position, position, 1, 1, 10));
            }
        }

        if (compacted is null)
        {
            Ledger.Moved(lastIndex, entries, cursor);
        }
        else
        {
            Ledger.Compacted(compacted, entries);
        }
    }

    /// <summary>Reads the log again.</summary>
    /// <param name="entries">What is left of it. A gap in the numbers is reported, as the log reports it.</param>
    /// <param name="recover">The ledger of nothing but segments.</param>
    /// <param name="end">How far the log went, as a mark says that was left: number of the last record, and the next position.</param>
    public static (LedgerReplay Replay, QueueLedger Ledger) Replay(IEnumerable<Entry> entries, Func<QueueLedger>? recover = null, (ulong LastIndex, ulong NextPosition) end = default)
    {
        var replay = new LedgerReplay();
        var next = 0UL;
        foreach (var entry in entries)
        {
            if (next > 0 && entry.Index > next)
            {
                replay.OnLost(entry.Index - 1, entry.First);
            }

            next = entry.Index + 1;
            switch (entry.Kind)
            {
                case EntryKind.Operations:
                    replay.OnOperations(entry.Index, QueueRecordCodec.Decode(entry.Bytes.Span, entry.First, entry.MessageBytes), entry.MessageCount, entry.Position, EntryBytes);
                    break;
                case EntryKind.Checkpoint:
                    replay.OnCheckpoint(entry.Index, entry.Bytes.Span, entry.Position);
                    break;
                default:
                    replay.OnDeleted();
                    break;
            }
        }

        if (next <= end.LastIndex)
        {
            replay.OnLost(end.LastIndex, end.NextPosition);
        }

        return (replay, replay.IsDeleted ? new QueueLedger() : replay.Complete(recover ?? (() => throw new InvalidOperationException("the queue's beginning is there"))));
    }

    /// <summary>The ledger of nothing but the segments, a block a message.</summary>
    public QueueLedger Rebuild() => LedgerRebuild.From(_files.SelectMany(f => f.Value.Select((p, i) => new RebuiltBlock(f.Key, i + 1, [p], 10))));

    private List<ulong> ReadableOf(ulong first, ulong last) =>
        [.. Ledger.Live.Ranges(first, last).SelectMany(r => Enumerable.Range(0, (int)(r.Last - r.First) + 1).Select(i => r.First + (ulong)i)).Where(p => !Unreadable.Contains(p))];

    private void Add(EntryKind kind, ReadOnlyMemory<byte> bytes, ulong first, int messageCount, long messageBytes) =>
        Entries.Add(new Entry(kind, Ledger.LastIndex, Entries.Count * EntryBytes, bytes, first, messageCount, messageBytes, LedgerText.WithLog(Ledger)));
}
