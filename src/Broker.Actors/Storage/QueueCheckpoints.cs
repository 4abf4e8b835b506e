using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Machines.Ledgers;
using Broker.Storage.Disks;
using Broker.Storage.Segments;

namespace Broker.Actors.Storage;

/// <summary>
/// When a durable queue writes a checkpoint, and what it has to copy before: messages out of log files that are to go, and out of segments that have become mostly empty. Belongs
/// to the queue's actor; at most one copy and one checkpoint are under way.
/// </summary>
/// <param name="storage">The node's store.</param>
/// <param name="queue">The queue's number.</param>
/// <param name="journal">Its ledger, and where checkpoints go.</param>
/// <param name="address">Makes of a message for this queue one that its owner can be told.</param>
internal sealed class QueueCheckpoints(NodeStorage storage, ulong queue, CheckpointLog journal, Func<QueueMessage, object>? address = null)
{
    private long _goal = -1; // log before it is to be given up
    private bool _copying;
    private bool _due;
    private bool _inFlight; // a checkpoint is under way
    private bool _answers; // that checkpoint answers the keeper
    private bool _hadNoSpace;
    private int _droppedWithIt;

    private QueueLedger Ledger => journal.Ledger;

    /// <summary>The keeper wants the log before a position back.</summary>
    public void Begin(long goal, IActorContext context)
    {
        _goal = Math.Max(_goal, goal);
        _hadNoSpace = false;
        if (!_copying)
        {
            CopyOutOfLog(context);
        }
    }

    /// <summary>A copy has ended.</summary>
    public void HandleCopied(QueueMessage.Copied copied, IActorContext context)
    {
        _copying = false;
        if (copied.Result is not { } result)
        {
            HandleFailure(copied.Failure!);
            return;
        }

        var segments = EntriesOf(result);
        storage.Counters.CountCopy(result.Blocks.Sum(b => (long)b.Count), copied.Compacted is not null);
        if (copied.Compacted is { } old)
        {
            Ledger.Compacted(old, segments);
        }
        else
        {
            Ledger.Moved(copied.LastIndex, segments, (result.Cursor.Segment, result.Cursor.Length));
        }

        _due = true;
        if (_goal > copied.Goal)
        {
            CopyOutOfLog(context); // asked for more meanwhile
        }
    }

    /// <summary>Once per batch of the mailbox, after what has happened was appended.</summary>
    public void AfterBatch(IActorContext context)
    {
        if (_inFlight && journal.IsCheckpointCertain)
        {
            Finish(context.Self);
        }

        if (_copying || _inFlight)
        {
            return;
        }

        if (!IsDue)
        {
            CompactIfWorthIt(context);
        }
        else if (journal.CanCheckpoint)
        {
            Append();
        }
    }

    /// <summary>
    /// For a queue whose checkpoints must not have what is not certain (<see cref="CheckpointLog.MayHaveUncertain"/>): appends one that is due if that can be, before the next record.
    /// </summary>
    /// <returns>Whether records have to wait, because a checkpoint does.</returns>
    public bool HoldsRecords()
    {
        if (_copying || _inFlight || !IsDue || journal.MayHaveUncertain)
        {
            return false;
        }

        if (!journal.CanCheckpoint)
        {
            return true;
        }

        Append();
        return false;
    }

    private bool IsDue => _due || Ledger.DroppedSegments.Count > 0;

    private void Append()
    {
        _due = false;
        _answers = _goal >= 0;
        _goal = -1;
        _droppedWithIt = Ledger.DroppedSegments.Count;
        _inFlight = true;
        journal.AppendCheckpoint(NeededFrom());
    }

    private void CopyOutOfLog(IActorContext context)
    {
        var sources = new List<MessageSource>();
        var needed = new List<(ulong First, ulong Last)>();
        ulong lastIndex = 0;
        foreach (var run in Ledger.Index.Runs)
        {
            if (run.LogPosition < 0 || run.LogPosition >= _goal)
            {
                break; // one that is in the log already, which this actor has not heard of yet, keeps its place there, and is asked for again
            }

            lastIndex = run.Index;
            if (Ledger.Live.HasAny(run.First, run.Last))
            {
                sources.Add(MessageSource.InLog(run.LogPosition, run.LogLength));
                needed.AddRange(Ledger.Live.Ranges(run.First, run.Last).Select(r => (r.First, r.Last)));
            }
        }

        if (sources.Count == 0)
        {
            Ledger.Moved(lastIndex, [], Ledger.OpenSegment);
            _due = true;
            return;
        }

        var cursor = new SegmentCursor(Ledger.OpenSegment.Number, Ledger.OpenSegment.Length, Ledger.LastSegment);
        Copy(context, () => sources, lastIndex, needed, cursor, compacted: null);
    }

    /// <summary>Segments are copied together once more of them is empty than full: space comes back even if each holds a straggler.</summary>
    private void CompactIfWorthIt(IActorContext context)
    {
        var segments = Ledger.Index.Segments;
        if (segments.Count < 2 || _hadNoSpace)
        {
            return;
        }

        long total = 0, live = 0;
        foreach (var segment in segments)
        {
            total += segment.MessageBytes;
            live += LiveBytesOf(segment);
        }

        if (total - live <= Math.Max(live, 2 * storage.Options.SegmentBytes))
        {
            return;
        }

        var chosen = ChooseSparse(segments);
        if (chosen.Count == 0)
        {
            return;
        }

        var needed = chosen.SelectMany(s => Ledger.Live.Ranges(s.First, s.Last).Select(r => (r.First, r.Last))).ToList();
        Copy(
            context,
            () => chosen.SelectMany(s => storage.Segments.Blocks(queue, s.Number, s.Length)).Select(b => MessageSource.In(b)),
            lastIndex: 0,
            needed,
            new SegmentCursor(0, 0, Ledger.LastSegment),
            [.. chosen.Select(s => s.Number)]);
    }

    /// <summary>Neighbours that are less than half full, from the emptiest on, as many as make up one segment.</summary>
    private List<SegmentEntry> ChooseSparse(IReadOnlyList<SegmentEntry> segments)
    {
        var best = -1;
        for (var i = 0; i < segments.Count; i++)
        {
            if (IsSparse(segments[i]) && (best < 0 || Fill(segments[i]) < Fill(segments[best])))
            {
                best = i;
            }
        }

        var chosen = new List<SegmentEntry>();
        long bytes = 0;
        for (var i = best; i >= 0 && i < segments.Count && IsSparse(segments[i]) && bytes < storage.Options.SegmentBytes; i++)
        {
            chosen.Add(segments[i]);
            bytes += LiveBytesOf(segments[i]);
        }

        return chosen;
    }

    private bool IsSparse(SegmentEntry segment) => segment.Number != Ledger.OpenSegment.Number && segment.Live * 2 < segment.Count;

    private static double Fill(SegmentEntry segment) => (double)segment.Live / segment.Count;

    private static long LiveBytesOf(SegmentEntry segment) => (long)(segment.MessageBytes * Fill(segment));

    private void Copy(
        IActorContext context, Func<IEnumerable<MessageSource>> sources, ulong lastIndex, List<(ulong First, ulong Last)> needed, SegmentCursor cursor, uint[]? compacted)
    {
        _copying = true;
        var (copy, id, goal) = (storage.Copy, queue, _goal);
        journal.IfOwned(() => context.PipeTo(
            storage.RunOnQueueAsync(id, () => copy.Run(id, sources(), needed, cursor)),
            result => Address(new QueueMessage.Copied(goal, lastIndex, result, compacted)),
            failure => Address(new QueueMessage.Copied(goal, lastIndex, null, compacted, failure))));
    }

    private object Address(QueueMessage message) => address is null ? message : address(message);

    private void HandleFailure(Exception failure)
    {
        if (failure is DiskException { Error: DiskError.Full })
        {
            _goal = -1;
            _hadNoSpace = true;
            storage.Keeper.Tell(new StoreMessage.CheckpointDone(queue)); // it will ask again
        }
        else
        {
            storage.Log.Fail($"segments cannot be written: {failure.Message}");
        }
    }

    /// <summary>Where the log's oldest record is that holds messages of the queue. One whose place is not known yet comes after all whose place is.</summary>
    private long NeededFrom()
    {
        foreach (var run in Ledger.Index.Runs)
        {
            return run.LogPosition >= 0 ? run.LogPosition : journal.CertainPosition;
        }

        return long.MaxValue;
    }

    private void Finish(ActorRef self)
    {
        _inFlight = false;
        storage.Counters.CountCheckpoint();
        var dropped = Ledger.TakeDropped(_droppedWithIt);
        _droppedWithIt = 0;
        if (dropped.Count > 0)
        {
            _ = storage.RunOnQueueAsync(queue, () => Delete(dropped)); // in turn: a snapshot that comes in the place of everything may use their numbers
        }

        if (_answers)
        {
            _answers = false;
            storage.Keeper.Tell(new StoreMessage.CheckpointDone(queue), self);
        }
    }

    private void Delete(IReadOnlyList<uint> segments)
    {
        try
        {
            foreach (var segment in segments)
            {
                storage.Segments.Delete(queue, segment);
            }

            storage.Counters.CountDeletedSegments(segments.Count);
        }
        catch (DiskException e)
        {
            storage.Notice(StoreNoticeSeverity.Warning, $"a segment that is of no use any more could not be deleted: {e.Message}");
        }
    }

    /// <summary>The segments, or the parts of them, that a copy has written.</summary>
    internal static List<SegmentEntry> EntriesOf(MessageCopyResult result)
    {
        var entries = new List<SegmentEntry>();
        foreach (var block in result.Blocks)
        {
            if (entries.Count > 0 && entries[^1].Number == block.Segment)
            {
                var open = entries[^1];
                entries[^1] = open with
                {
                    Length = block.End,
                    Last = block.Last,
                    Count = open.Count + (ulong)block.Count,
                    Live = open.Live + (ulong)block.Count,
                    MessageBytes = open.MessageBytes + block.MessageBytes,
                };
            }
            else
            {
                entries.Add(new SegmentEntry(block.Segment, block.End, block.First, block.Last, (ulong)block.Count, (ulong)block.Count, block.MessageBytes));
            }
        }

        return entries;
    }
}
