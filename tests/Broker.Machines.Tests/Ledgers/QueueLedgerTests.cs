using Broker.Machines.Ledgers;
using Broker.Machines.Tests.Histories;

namespace Broker.Machines.Tests.Ledgers;

public class QueueLedgerTests
{
    [Fact]
    public void Messages_join_are_handed_out_and_leave_in_that_order()
    {
        var ledger = new QueueLedger();
        ledger.Apply(
            new QueueRecord
            {
                FirstPosition = 1,
                MessageBytes = 50,
                Delivered = [new PositionRange(1, 4), new PositionRange(2, 2)],
                Settled = [new PositionRange(1, 1), new PositionRange(4, 4)],
                SettledBytes = 20,
            },
            messageCount: 5);
        Assert.Equal([new LiveRange(2, 2, 2), new LiveRange(3, 3, 1), new LiveRange(5, 5, 0)], ledger.Live.Ranges());
        Assert.Equal((1UL, 6UL, 30L), (ledger.LastIndex, ledger.NextPosition, ledger.LiveBytes));
    }

    [Fact]
    public void Positions_never_come_twice()
    {
        var ledger = new QueueLedger();
        ledger.Apply(new QueueRecord { FirstPosition = 1 }, messageCount: 3);
        Assert.Throws<InvariantViolationException>(() => ledger.Apply(new QueueRecord { FirstPosition = 3 }, messageCount: 1));
    }

    [Fact]
    public void A_queue_that_is_empty_has_no_bytes()
    {
        var ledger = new QueueLedger();
        ledger.Apply(new QueueRecord { FirstPosition = 1, MessageBytes = 50 }, messageCount: 5);
        ledger.Apply(new QueueRecord { FirstPosition = 6, Settled = [new PositionRange(1, 5)] }, messageCount: 0); // lost to damage: their bytes are not known
        Assert.Equal(0L, ledger.LiveBytes);
    }

    /// <summary>A message that is in memory and cannot be read lies between what the segment had and what it gets: it is none of the segment's.</summary>
    [Fact]
    public void A_segment_stays_until_the_last_message_in_it_has_left()
    {
        var log = new LedgerLog();
        log.Append(2);
        log.BeginMove(1);
        log.CompleteCopy();
        log.Append(1);
        log.Unreadable.Add(3);
        log.Append(1);
        log.BeginMove(2);
        log.CompleteCopy();
        Assert.Equal([1UL, 2UL, 4UL], log.Files[1]);

        log.Append(0, settled: [new PositionRange(1, 3)]);
        Assert.Empty(log.Ledger.DroppedSegments);
        Assert.Equal(1U, log.Ledger.Index.FindSegment(4)?.Number);
        log.Append(0, settled: [new PositionRange(4, 4)]);
        Assert.Equal([1U], log.Ledger.DroppedSegments);
    }

    [Fact]
    public void A_segment_that_empties_while_it_is_written_stays()
    {
        var log = new LedgerLog();
        log.Append(2);
        log.BeginMove(1);
        log.CompleteCopy();
        log.Append(2);
        log.BeginMove(1);
        log.Append(0, settled: [new PositionRange(1, 2)]);
        Assert.Equal([1U], log.Ledger.DroppedSegments);
        log.CompleteCopy();
        Assert.Empty(log.Ledger.DroppedSegments);
        Assert.Equal([new SegmentEntry(1, 4, 3, 4, Count: 2, Live: 2, MessageBytes: 20)], log.Ledger.Index.Segments);
        Assert.Equal((1U, 4L), log.Ledger.OpenSegment);
    }

    [Fact]
    public void A_segment_whose_messages_all_leave_while_they_are_copied_goes_at_once()
    {
        var log = new LedgerLog();
        log.Append(2);
        log.BeginMove(1);
        log.Append(0, settled: [new PositionRange(1, 2)]);
        log.CompleteCopy();
        Assert.Empty(log.Ledger.Index.Segments);
        Assert.Equal([1U], log.Ledger.DroppedSegments);
        Assert.Equal((default, 1U), (log.Ledger.OpenSegment, log.Ledger.LastSegment));
    }

    [Fact]
    public void Segments_that_were_copied_together_go_with_the_next_checkpoint()
    {
        var log = new LedgerLog();
        log.Append(13);
        log.BeginMove(1);
        log.CompleteCopy();
        Assert.Equal([1U, 2U, 3U], log.Ledger.Index.Segments.Select(s => s.Number));
        log.Append(0, settled: [new PositionRange(1, 3), new PositionRange(8, 12)]);
        log.BeginCompact(0, 2);
        log.CompleteCopy();
        Assert.Equal([4U, 3U], log.Ledger.Index.Segments.Select(s => s.Number));
        Assert.Equal([1U, 2U], log.Ledger.DroppedSegments);
        log.Checkpoint();
        Assert.Empty(log.Ledger.DroppedSegments);
        Assert.Equal([3U, 4U], log.Files.Keys);
    }

    [Fact]
    public void Messages_that_lie_nowhere_are_told()
    {
        var ledger = new QueueLedger();
        ledger.Apply(new QueueRecord { FirstPosition = 1 }, messageCount: 30);
        Assert.Empty(ledger.Unplaced());
        ledger.Moved(1, [new SegmentEntry(1, 100, 4, 9, 6, 6, 60), new SegmentEntry(2, 100, 15, 20, 6, 6, 60)], default);
        Assert.Equal([new PositionRange(1, 3), new PositionRange(10, 14), new PositionRange(21, 30)], ledger.Unplaced());
        ledger.Apply(new QueueRecord { FirstPosition = 40, Settled = [new PositionRange(1, 2), new PositionRange(12, 25)] }, messageCount: 2);
        Assert.Equal([new PositionRange(3, 3), new PositionRange(10, 11), new PositionRange(26, 30)], ledger.Unplaced());
    }

    [Fact]
    public void Messages_of_which_nothing_is_known_count_as_handed_out()
    {
        var ledger = new QueueLedger();
        ledger.Apply(new QueueRecord { FirstPosition = 1, Delivered = [new PositionRange(2, 3), new PositionRange(3, 3)] }, messageCount: 4);
        ledger.AssumeDelivered();
        Assert.Equal([new LiveRange(1, 2, 1), new LiveRange(3, 3, 2), new LiveRange(4, 4, 1)], ledger.Live.Ranges());
    }

    /// <summary>Records come and messages are copied about, while some turn out to be unreadable.</summary>
    [Fact]
    public void Each_message_is_found_where_it_lies() => RandomHistories.Check(2_500, 80, LedgerSteps.Generate, steps =>
    {
        var run = new LedgerSteps();
        foreach (var step in steps)
        {
            run.Perform(step);
            CheckContent(run);
            CheckPlaces(run);
        }
    });

    private static void CheckContent(LedgerSteps run)
    {
        var ledger = run.Log.Ledger;
        Same.Sequence(run.Live.Select(l => (l.Key, l.Value)), ledger.Live.Ranges().SelectMany(r => LedgerSteps.Positions(new PositionRange(r.First, r.Last)).Select(p => (p, r.DeliveryCount))));
        Assert.Equal(10L * run.Live.Count, ledger.LiveBytes);
    }

    private static void CheckPlaces(LedgerSteps run)
    {
        var ledger = run.Log.Ledger;
        foreach (var position in run.Live.Keys.Where(p => !run.Log.Unreadable.Contains(p)))
        {
            var placed = ledger.Index.FindSegment(position) is { } segment ? run.Log.Files[segment.Number].Contains(position)
                : ledger.Index.TryFindRun(position, out var run1) && run1.First <= position && run1.Last >= position;
            Assert.True(placed, $"{position} is nowhere");
        }

        ulong end = 0;
        foreach (var segment in ledger.Index.Segments)
        {
            Assert.True(segment.First >= end && segment.Last >= segment.First, "segments ascend");
            end = segment.Last + 1;
            Assert.Equal(run.Live.Keys.LongCount(p => p >= segment.First && p <= segment.Last), (long)segment.Live);
            Assert.True(segment.Live > 0, "a segment without messages of the queue is dropped");
            Assert.True(segment.Number <= ledger.LastSegment);
        }

        var known = ledger.Index.Segments.Select(s => s.Number).Concat(ledger.DroppedSegments).ToList();
        Assert.True(known.Count == known.Distinct().Count(), "a segment is dropped once, and not while it is in use");
        Assert.True(run.Log.Files.Keys.All(known.Contains), "a file is forgotten");
    }
}
