namespace Broker.Machines.Ledgers;

/// <summary>
/// What is certain about a durable queue: which messages are in it, how often each was handed out, which are held back or dead, where each lies on disk, and how far producers are. It is the
/// sum of the queue's records, so whoever applies the same records has the same ledger: the queue itself, a recovery, a replica.
/// </summary>
/// <remarks>Who holds which message now, credit and order of dispatch are not here: they end with the process that knew them.</remarks>
public sealed partial class QueueLedger
{
    // Made when they are first looked at: most queues never have any of it.
    private ProducerTable? _producers;
    private PositionTable<HeldMessage>? _held;
    private PositionTable<DeadMark>? _dead;
    private PositionTable<KeyedMessage>? _keyed;
    private MessageIdTable? _ids;

    /// <summary>Number of the last record; the next one is one more.</summary>
    public ulong LastIndex { get; private set; }

    /// <summary>The position that the next message gets. Positions begin at 1.</summary>
    public ulong NextPosition { get; private set; } = 1;

    /// <summary>The messages in the queue.</summary>
    public LiveMessages Live { get; } = new();

    /// <summary>Bytes of the messages in the queue.</summary>
    public long LiveBytes { get; private set; }

    /// <summary>Producers and how far they are.</summary>
    public ProducerTable Producers => _producers ??= new ProducerTable();

    /// <summary>Messages that are held back, those whose time has come and that were not handed out since as well.</summary>
    public PositionTable<HeldMessage> Held => _held ??= new PositionTable<HeldMessage>();

    /// <summary>Messages that wait to be dead-lettered.</summary>
    public PositionTable<DeadMark> Dead => _dead ??= new PositionTable<DeadMark>();

    /// <summary>The number of the last message that died; 0 if none has.</summary>
    public ulong LastDead { get; private set; }

    /// <summary>Ids of messages that were taken.</summary>
    public MessageIdTable Ids => _ids ??= new MessageIdTable();

    /// <summary>Messages with a key of which only the newest stays.</summary>
    public PositionTable<KeyedMessage> Keyed => _keyed ??= new PositionTable<KeyedMessage>();

    /// <summary>Whether the queue hands out nothing, by an operator's wish.</summary>
    public bool IsPaused { get; private set; }

    /// <summary>The highest position of a message with an expiration of its own; 0 if there was none.</summary>
    public ulong LastExpiring { get; private set; }

    /// <summary>Where messages lie.</summary>
    public MessageIndex Index { get; } = new();

    /// <summary>The highest number that a segment of this queue has had.</summary>
    public uint LastSegment { get; private set; }

    /// <summary>The segment that is written at its end, with its length; number 0 if the next block begins a new one.</summary>
    public (uint Number, long Length) OpenSegment { get; private set; }

    /// <summary>Segments that left the queue and are to be deleted once no checkpoint has them any more.</summary>
    public IReadOnlyList<uint> DroppedSegments => _dropped ?? [];

    private List<uint>? _dropped;

    /// <summary>The next record, carried out. Its messages lie in the log, at a place that <see cref="MessageIndex.Locate"/> tells.</summary>
    public void Apply(QueueRecord record, int messageCount)
    {
        ArgumentNullException.ThrowIfNull(record);
        LastIndex++;
        if (messageCount > 0)
        {
            // After damage, positions may be missing; they never come twice.
            Invariant.That(record.FirstPosition >= NextPosition, "a queue's positions ascend");
            var last = record.FirstPosition + (ulong)messageCount - 1;
            Live.Add(record.FirstPosition, last);
            Index.AddRun(new LogRun(LastIndex, record.FirstPosition, last, LogPosition: -1, LogLength: 0));
            NextPosition = last + 1;
            LiveBytes += record.MessageBytes;
        }

        foreach (var range in record.Priorities)
        {
            Live.SetPriority(range.First, range.Last, range.Priority);
        }

        foreach (var mark in record.Producers)
        {
            Producers.Set(mark);
        }

        foreach (var range in record.Delivered)
        {
            Live.Deliver(range.First, range.Last);
            _held?.Remove(range);
        }

        ApplyMarks(record);
        foreach (var range in record.Settled)
        {
            Settle(range);
        }

        // After damage they are an estimate: messages leave whose bytes are not known, or whose joining is not. An empty queue has none all the same.
        LiveBytes = Live.Count > 0 ? Math.Max(0, LiveBytes - record.SettledBytes) : 0;
        if (record.Settled.Count > 0)
        {
            Index.DropRunsBefore(Live.Count > 0 ? Live.First : NextPosition);
        }
    }

    /// <summary>Records are missing: what they said is not known. Later numbers count on.</summary>
    public void Skip(ulong lastIndex, ulong nextPosition)
    {
        LastIndex = Math.Max(LastIndex, lastIndex);
        NextPosition = Math.Max(NextPosition, nextPosition);
    }

    /// <summary>The messages of the queue's records up to a number were copied into segments.</summary>
    public void Moved(ulong lastIndex, IReadOnlyList<SegmentEntry> segments, (uint Number, long Length) open)
    {
        ArgumentNullException.ThrowIfNull(segments);
        Index.MoveRuns(lastIndex, [.. segments.Select(WithLive)]);
        _dropped?.RemoveAll(number => segments.Any(s => s.Number == number)); // was empty, and has been written to since
        OpenSegment = open;
        LastSegment = Math.Max(LastSegment, open.Number);
        DropEmptySegments();
    }

    /// <summary>The messages of some segments were copied into others.</summary>
    public void Compacted(IReadOnlyList<uint> old, IReadOnlyList<SegmentEntry> segments)
    {
        ArgumentNullException.ThrowIfNull(old);
        ArgumentNullException.ThrowIfNull(segments);
        Index.Replace(old, [.. segments.Select(WithLive)]);
        Drop(old);
        LastSegment = segments.Aggregate(LastSegment, (last, s) => Math.Max(last, s.Number));
        if (old.Contains(OpenSegment.Number))
        {
            OpenSegment = default;
        }

        DropEmptySegments();
    }

    /// <summary>
    /// Segments that are on the disk, and that nothing refers to, are to be deleted as well: those that were to be when the node stopped, and what a copy has written of which nobody heard. Later
    /// segments have higher numbers, so that none of them is taken for one of these.
    /// </summary>
    public void DropUnlisted(IReadOnlyCollection<uint> onDisk)
    {
        ArgumentNullException.ThrowIfNull(onDisk);
        var listed = Index.Segments.Select(s => s.Number).ToHashSet();
        Drop([.. onDisk.Where(number => !listed.Contains(number))]);
        LastSegment = onDisk.Aggregate(LastSegment, Math.Max);
    }

    /// <summary>The ledger comes from another node: where its messages lie there says nothing here. They lie nowhere, until <see cref="Moved"/> says where.</summary>
    public void ForgetPlaces()
    {
        Index.Clear();
        OpenSegment = default;
        LastSegment = 0;
        _dropped = null;
    }

    /// <summary>Messages lie where a ledger of the same queue says that has fewer records: they were copied there since, and others deleted.</summary>
    public void Relocate(QueueLedger earlier)
    {
        ArgumentNullException.ThrowIfNull(earlier);
        Index.Relocate([.. earlier.Index.Segments.Select(s => s with { Live = CountLive(s.First, s.Last) })]);
        OpenSegment = earlier.OpenSegment;
        LastSegment = Math.Max(LastSegment, earlier.LastSegment);
        _dropped = null;
        DropEmptySegments();
    }

    /// <summary>Takes over the list of segments to delete, when a checkpoint without them is on the disk.</summary>
    public IReadOnlyList<uint> TakeDropped(int count)
    {
        if (_dropped is null || count == 0)
        {
            return [];
        }

        var taken = _dropped[..count];
        _dropped.RemoveRange(0, count);
        return taken;
    }

    /// <summary>The checkpoint that a later <see cref="Restore"/> makes the same ledger of, but for the places in the log.</summary>
    public ReadOnlyMemory<byte> Checkpoint() => LedgerCheckpoint.Encode(this);

    /// <summary>The ledger of a checkpoint.</summary>
    /// <param name="checkpoint">What <see cref="Checkpoint"/> gave.</param>
    /// <param name="index">The number that it was logged under.</param>
    /// <exception cref="LedgerFormatException">This version cannot read it.</exception>
    public static QueueLedger Restore(ReadOnlySpan<byte> checkpoint, ulong index)
    {
        var ledger = LedgerCheckpoint.Decode(checkpoint);
        ledger.LastIndex = index;
        return ledger;
    }

    internal void SetState(ulong nextPosition, long liveBytes, uint lastSegment, (uint Number, long Length) open)
    {
        NextPosition = nextPosition;
        LiveBytes = liveBytes;
        LastSegment = lastSegment;
        OpenSegment = open;
    }

    /// <summary>The record with this number is a checkpoint: it changes nothing.</summary>
    public void CountCheckpoint() => LastIndex++;

    private void Settle(PositionRange range)
    {
        _held?.Remove(range);
        _dead?.Remove(range);
        _keyed?.Remove(range);
        var emptied = false;
        if (Index.Segments.Count > 0)
        {
            foreach (var i in Index.SegmentsWithin(range))
            {
                var segment = Index.Segments[i];
                var left = Live.Remove(Math.Max(range.First, segment.First), Math.Min(range.Last, segment.Last));
                Index.Leave(i, left);
                emptied |= left == segment.Live;
            }
        }

        Live.Remove(range.First, range.Last); // what lies in the log, or nowhere
        if (emptied)
        {
            DropEmptySegments();
        }
    }

    /// <summary>Messages that are in the queue by its records and lie nowhere: what held them is lost.</summary>
    public IReadOnlyList<PositionRange> Unplaced()
    {
        var unplaced = new List<PositionRange>();
        foreach (var range in Live.Ranges())
        {
            for (var position = range.First; position <= range.Last;)
            {
                var last = Index.FindSegment(position) is { } segment ? segment.Last : Index.TryFindRun(position, out var run) ? run.Last : 0;
                if (last == 0)
                {
                    last = Math.Min(range.Last, Index.NextPlacedAfter(position) - 1);
                    unplaced.Add(new PositionRange(position, last));
                }

                position = last + 1;
            }
        }

        return unplaced;
    }

    /// <summary>What consumers have seen is not known any more: every message counts as handed out at least once.</summary>
    public void AssumeDelivered()
    {
        foreach (var range in Live.Ranges().Where(r => r.DeliveryCount == 0).ToList())
        {
            Live.Deliver(range.First, range.Last);
        }

        LastDead = Math.Max(LastDead, NextPosition - 1); // no message dies twice, so no number above it was ever used
    }

    /// <summary>Messages may have left while they were copied. A segment answers for all positions from its first to its last, and so one that gets longer for a gap as well.</summary>
    private SegmentEntry WithLive(SegmentEntry segment)
    {
        var first = Index.Segments is [.., var known] && known.Number == segment.Number ? known.Last + 1 : segment.First;
        return segment with { Live = CountLive(first, segment.Last) };
    }

    private void Drop(IEnumerable<uint> segments)
    {
        _dropped ??= [];
        _dropped.AddRange(segments.Where(number => !_dropped.Contains(number)).ToList());
    }

    private ulong CountLive(ulong first, ulong last)
    {
        ulong live = 0;
        foreach (var range in Live.Ranges(first, last))
        {
            live += range.Last - range.First + 1;
        }

        return live;
    }

    private void DropEmptySegments()
    {
        var empty = Index.TakeEmpty();
        if (empty.Count > 0)
        {
            (_dropped ??= []).AddRange(empty);
        }

        if (empty.Contains(OpenSegment.Number))
        {
            OpenSegment = default;
        }
    }
}
