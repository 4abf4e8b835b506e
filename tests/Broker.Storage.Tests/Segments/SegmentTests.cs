using Broker.Storage.Disks;
using Broker.Storage.Records;
using Broker.Storage.Segments;
using Broker.Storage.Tests.Disks;
using Broker.Storage.Tests.Log;

namespace Broker.Storage.Tests.Segments;

public sealed class SegmentTests
{
    private const ulong Queue = TestSegments.Queue;

    [Fact]
    public void Messages_are_read_back_from_their_blocks()
    {
        var segments = new TestSegments();
        ulong[] positions = [1, 2, 3, 17, 18, 900];
        var (blocks, cursor) = segments.Write(default, positions.Select(p => TestSegments.Message(p, (int)p)));
        Assert.Equal(positions, segments.Read(blocks));
        Assert.Equal([(1UL, 900UL, 6, 941L)], blocks.Select(b => (b.First, b.Last, b.Count, b.MessageBytes)));
        Assert.Equal(new SegmentCursor(1, blocks[0].End, 1), cursor);
        Assert.Equal("queues/00000000000000ab/00000001.seg", segments.PathOf(1));
        Assert.True(FileHeader.TryRead(segments.Disk.ReadAll(segments.PathOf(1)), out var header));
        Assert.Equal((FileKind.Segment, TestLog.Store, Queue, 1UL, 0L), (header.Kind, header.Store, header.Entity, header.Number, header.BasePosition));
        Assert.Equal(blocks, segments.Store.Blocks(Queue, 1, cursor.Length));
        Assert.Equal(cursor.Length, segments.Store.SizeOf(Queue));
    }

    [Fact]
    public void A_block_ends_at_its_limit_of_bytes_or_messages()
    {
        var segments = new TestSegments();
        var (blocks, _) = segments.Write(default, Enumerable.Range(1, 20).Select(i => TestSegments.Message((ulong)i, 10)));
        Assert.Equal([8, 8, 4], blocks.Select(b => b.Count));
        (blocks, _) = segments.Write(default, Enumerable.Range(1, 6).Select(i => TestSegments.Message((ulong)i, 400)));
        Assert.Equal([2, 2, 2], blocks.Select(b => b.Count));
        (blocks, _) = segments.Write(default, [TestSegments.Message(1, 10), TestSegments.Message(2, 5000), TestSegments.Message(3, 1014), TestSegments.Message(4, 10), TestSegments.Message(5, 1)]);
        Assert.Equal([(1, 10L), (1, 5000L), (2, 1024L), (1, 1L)], blocks.Select(b => (b.Count, b.MessageBytes)));
    }

    [Fact]
    public void Positions_further_apart_than_a_table_can_tell_are_in_blocks_of_their_own()
    {
        var segments = new TestSegments();
        ulong[] positions = [1, 1UL + uint.MaxValue, 2UL + uint.MaxValue, 1UL << 62];
        var (blocks, _) = segments.Write(default, positions.Select(p => TestSegments.Message(p, 10)));
        Assert.Equal([2, 1, 1], blocks.Select(b => b.Count));
        Assert.Equal(positions, segments.Read(blocks));
    }

    [Fact]
    public void A_segment_that_is_long_enough_is_ended_and_the_next_begun()
    {
        var segments = new TestSegments();
        var (blocks, cursor) = segments.Write(new SegmentCursor(0, 0, 6), Enumerable.Range(1, 20).Select(i => TestSegments.Message((ulong)i, 900)));
        Assert.Equal([7U, 8U, 9U, 10U, 11U], blocks.Select(b => b.Segment).Distinct());
        Assert.Equal([7U, 8U, 9U, 10U, 11U], segments.Store.Segments(Queue));
        Assert.Equal((11U, 11U), (cursor.Segment, cursor.LastSegment));
        foreach (var segment in blocks.GroupBy(b => b.Segment))
        {
            Assert.Equal(FileHeader.Size, segment.First().Offset);
            Assert.All(segment.SkipLast(1), b => Assert.True(b.End < 4096));
        }

        Assert.Equal(Enumerable.Range(1, 20).Select(i => (ulong)i), segments.Read(blocks));
    }

    [Fact]
    public void Writing_goes_on_at_the_cursor_over_whatever_lies_behind_it()
    {
        var segments = new TestSegments();
        var (first, cursor) = segments.Write(default, [TestSegments.Message(1, 100), TestSegments.Message(2, 100)]);

        // A copy that nobody heard of: the node went down before its queue had a checkpoint with it.
        segments.Write(cursor, Enumerable.Range(3, 15).Select(i => TestSegments.Message((ulong)i, 100)));
        var (second, end) = segments.Write(cursor, [TestSegments.Message(4, 60), TestSegments.Message(9, 60)]);
        Assert.Equal(cursor.Length, second[0].Offset);
        Assert.Equal([1UL, 2UL, 4UL, 9UL], segments.Read(first.Concat(second)));
        Assert.Equal([.. first, .. second], segments.Store.Blocks(Queue, 1, end.Length));
        Assert.True(segments.Disk.ReadAll(segments.PathOf(1)).Length > end.Length);
        Assert.True(segments.Store.Blocks(Queue, 1, long.MaxValue).Count > 2); // what is left of that copy is still to be found, by those who have lost everything else
    }

    [Fact]
    public void A_segment_that_is_begun_again_has_nothing_of_its_life_before()
    {
        var segments = new TestSegments();
        segments.Write(default, Enumerable.Range(1, 15).Select(i => TestSegments.Message((ulong)i, 100)));
        var (blocks, cursor) = segments.Write(default, [TestSegments.Message(1, 10)]);
        Assert.Equal(cursor.Length, segments.Disk.ReadAll(segments.PathOf(1)).Length);
        Assert.Equal(blocks, segments.Store.Blocks(Queue, 1, long.MaxValue));
    }

    [Fact]
    public void An_open_segment_that_is_missing_does_not_keep_others_from_being_written()
    {
        var segments = new TestSegments();
        var (_, cursor) = segments.Write(default, [TestSegments.Message(1, 100)]);
        segments.Disk.Delete(segments.PathOf(1));
        var (blocks, next) = segments.Write(cursor, [TestSegments.Message(2, 100)]);
        Assert.Equal([2UL], segments.Read(blocks));
        Assert.Equal((2U, 2U), (next.Segment, next.LastSegment));
    }

    [Fact]
    public void Where_a_header_is_damaged_the_list_goes_on_behind_it()
    {
        var segments = new TestSegments();
        var (blocks, cursor) = segments.Write(default, Enumerable.Range(1, 12).Select(i => TestSegments.Message((ulong)i, 300)), TestSegments.Small with { SegmentBytes = 1 << 20 });
        for (var damaged = 0; damaged < blocks.Count; damaged++)
        {
            segments.Disk.FlipBit(segments.PathOf(1), blocks[damaged].Offset + 20, 3);
            Assert.Equal(blocks.Where((_, i) => i != damaged), segments.Store.Blocks(Queue, 1, cursor.Length));
            Assert.Null(segments.Store.Read(Queue, blocks[damaged]));
            segments.Disk.FlipBit(segments.PathOf(1), blocks[damaged].Offset + 20, 3);
        }

        Assert.Equal(blocks, segments.Store.Blocks(Queue, 1, cursor.Length));
        Assert.Equal(blocks.Take(2), segments.Store.Blocks(Queue, 1, blocks[1].End));
        segments.Disk.FlipBit(segments.PathOf(1), 5, 3); // the file's own header says nothing that is not known
        Assert.Equal(blocks, segments.Store.Blocks(Queue, 1, cursor.Length));
    }

    [Fact]
    public void A_damaged_message_is_told_from_its_neighbours()
    {
        var segments = new TestSegments();
        var (blocks, _) = segments.Write(default, Enumerable.Range(1, 3).Select(i => TestSegments.Message((ulong)i, 100)));
        segments.Disk.FlipBit(segments.PathOf(1), blocks[0].Offset + RecordHeader.Size + (3 * MessageTableEntry.Size) + 150, 0);
        Assert.Equal(
            [StoredMessageState.Intact, StoredMessageState.Damaged, StoredMessageState.Intact], segments.Store.Read(Queue, blocks[0])!.Messages().Select(m => m.State));
    }

    [Fact]
    public void What_is_not_there_has_no_blocks()
    {
        var segments = new TestSegments();
        Assert.Empty(segments.Store.Blocks(Queue, 1, long.MaxValue));
        Assert.Empty(segments.Store.Segments(Queue));
        Assert.Empty(segments.Store.Queues());
        Assert.Equal(0, segments.Store.SizeOf(Queue));
        Assert.Null(segments.Store.Read(Queue, new BlockLocation(1, 64, 200, 1, 1, 1, 1)));
        segments.Store.Delete(Queue, 1);
        segments.Store.DeleteAll(Queue);
    }

    [Fact]
    public void Segments_are_deleted_one_by_one_or_all_together()
    {
        var segments = new TestSegments();
        var (blocks, _) = segments.Write(default, Enumerable.Range(1, 20).Select(i => TestSegments.Message((ulong)i, 900)));
        Assert.Equal([1U, 2U, 3U, 4U, 5U], segments.Store.Segments(Queue));
        segments.Store.Delete(Queue, 2);
        Assert.Equal([1U, 3U, 4U, 5U], segments.Store.Segments(Queue));
        Assert.Null(segments.Store.Read(Queue, blocks.First(b => b.Segment == 2)));
        Assert.Equal([Queue], segments.Store.Queues());
        segments.Store.DeleteAll(Queue);
        Assert.Empty(segments.Store.Queues());
    }

    [Fact]
    public void A_queue_that_was_deleted_does_not_come_back()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var segments = new TestSegments(new MemoryDisk(new MemoryDiskOptions { Seed = seed }));
            segments.Write(default, Enumerable.Range(1, 20).Select(i => TestSegments.Message((ulong)i, 900)));
            segments.Store.DeleteAll(Queue);
            Assert.Empty(new TestSegments(segments.Disk.Crash()).Store.Queues());
        }
    }

    [Theory]
    [InlineData("1.seg")]
    [InlineData("notes on.seg")]
    [InlineData("00000001 (copy).seg")]
    [InlineData("00000001.seg.bak")]
    public void What_somebody_else_has_put_among_segments_is_none(string name)
    {
        var segments = new TestSegments();
        segments.Write(default, [TestSegments.Message(1, 100)]);
        segments.Disk.CreateSynced($"queues/{Queue:x16}/{name}", [1, 2, 3]).Dispose();
        segments.Disk.CreateFolder("queues/cafe");
        Assert.Equal([1U], segments.Store.Segments(Queue));
        Assert.Equal([Queue], segments.Store.Queues());
    }

    [Fact]
    public void A_segment_that_is_deleted_while_somebody_opens_it_is_not_there()
    {
        var segments = new TestSegments();
        var (blocks, _) = segments.Write(default, [TestSegments.Message(1, 100)]);
        segments.Disk.OnOperation = operation =>
        {
            if (operation.Kind == DiskOperationKind.Open)
            {
                segments.Disk.OnOperation = null;
                segments.Disk.Delete(operation.Path);
            }

            return null;
        };
        Assert.Null(segments.Store.Read(Queue, blocks[0]));
        (_, _) = segments.Write(default, [TestSegments.Message(1, 100)]);
        segments.Disk.OnOperation = operation =>
        {
            if (operation.Kind == DiskOperationKind.Open)
            {
                segments.Disk.OnOperation = null;
                segments.Disk.Delete(operation.Path);
            }

            return null;
        };
        Assert.Empty(segments.Store.Blocks(Queue, 1, long.MaxValue));
    }

    [Fact]
    public void Options_out_of_range_are_refused()
    {
        new SegmentOptions().Validate();
        TestSegments.Small.Validate();
        Assert.All(
            [TestSegments.Small with { SegmentBytes = 4095 }, TestSegments.Small with { BlockBytes = 1023 }, TestSegments.Small with { MaxBlockMessages = 0 }],
            options => Assert.Contains("at least 4 KiB, 1 KiB and 1", Assert.Throws<ArgumentException>(options.Validate).Message, StringComparison.Ordinal));
    }
}
