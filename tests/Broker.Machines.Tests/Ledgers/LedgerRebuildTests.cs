using Broker.Machines.Ledgers;

namespace Broker.Machines.Tests.Ledgers;

public class LedgerRebuildTests
{
    [Fact]
    public void Nothing_is_made_of_nothing()
    {
        LedgerText.AssertAlike(new QueueLedger(), LedgerRebuild.From([]));
        LedgerText.AssertAlike(new QueueLedger(), LedgerRebuild.From([new RebuiltBlock(3, 4096, [], 0)]));
    }

    [Fact]
    public void Each_message_of_each_segment_counts_as_handed_out()
    {
        var ledger = LedgerRebuild.From(
        [
            new RebuiltBlock(2, 9_000, [20, 21, 25], 30),
            new RebuiltBlock(1, 4_096, [1, 2, 4], 30),
            new RebuiltBlock(2, 5_000, [18, 19], 20),
        ]);
        Assert.Equal([new LiveRange(1, 2, 1), new LiveRange(4, 4, 1), new LiveRange(18, 21, 1), new LiveRange(25, 25, 1)], ledger.Live.Ranges());
        Assert.Equal([new SegmentEntry(1, 4_096, 1, 4, 3, 3, 30), new SegmentEntry(2, 9_000, 18, 25, 5, 5, 50)], ledger.Index.Segments);
        Assert.Equal((26UL, 80L, 2U), (ledger.NextPosition, ledger.LiveBytes, ledger.LastSegment));
        Assert.Equal(default, ledger.OpenSegment); // nothing is written behind what is not known to be the end
    }

    [Fact]
    public void Where_two_segments_hold_a_message_the_later_one_counts()
    {
        var ledger = LedgerRebuild.From(
        [
            new RebuiltBlock(1, 4_096, [1, 2, 3], 30),
            new RebuiltBlock(2, 4_096, [4, 5], 20),
            new RebuiltBlock(3, 4_096, [3, 5], 20),
            new RebuiltBlock(4, 4_096, [7], 10),
        ]);
        Assert.Equal([3U, 4U], ledger.Index.Segments.Select(s => s.Number));
        Assert.Equal([new LiveRange(3, 3, 1), new LiveRange(5, 5, 1), new LiveRange(7, 7, 1)], ledger.Live.Ranges());
    }

    [Fact]
    public void What_a_copy_that_was_cut_short_has_not_reached_stays_where_it_is()
    {
        var ledger = LedgerRebuild.From(
        [
            new RebuiltBlock(1, 4_096, [1, 2, 3], 30),
            new RebuiltBlock(2, 4_096, [4, 5, 6, 8], 40),
            new RebuiltBlock(3, 4_096, [2, 4, 5], 30), // of what was left of 1 and 2, in order
            new RebuiltBlock(4, 4_096, [9], 10),
        ]);
        Assert.Equal([new SegmentEntry(3, 4_096, 2, 5, 3, 3, 30), new SegmentEntry(2, 4_096, 6, 8, 2, 2, 20), new SegmentEntry(4, 4_096, 9, 9, 1, 1, 10)], ledger.Index.Segments);
        Assert.Equal([new LiveRange(2, 2, 1), new LiveRange(4, 6, 1), new LiveRange(8, 9, 1)], ledger.Live.Ranges());
        Assert.Equal((10UL, 60L, 4U), (ledger.NextPosition, ledger.LiveBytes, ledger.LastSegment));
    }

    /// <summary>A copy that a crash has cut short leaves blocks behind the end that counts; the next one may write over only a part of them.</summary>
    [Fact]
    public void A_message_that_a_segment_holds_twice_is_in_the_queue_once()
    {
        var ledger = LedgerRebuild.From([new RebuiltBlock(1, 4_096, [1, 2, 3], 30), new RebuiltBlock(1, 8_192, [3, 4], 20)]);
        Assert.Equal([new LiveRange(1, 4, 1)], ledger.Live.Ranges());
        var segment = Assert.Single(ledger.Index.Segments);
        Assert.Equal((4UL, 4UL), (segment.Count, segment.Live));
        ledger.Apply(new QueueRecord { FirstPosition = 5, Settled = [new PositionRange(1, 4)], SettledBytes = 40 }, messageCount: 0);
        Assert.Equal([1U], ledger.DroppedSegments);
    }
}
