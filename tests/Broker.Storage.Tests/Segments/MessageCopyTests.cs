using Broker.Storage.Disks;
using Broker.Storage.Records;
using Broker.Storage.Segments;
using Broker.Storage.Tests.Disks;
using Broker.Storage.Tests.Log;

namespace Broker.Storage.Tests.Segments;

public sealed class MessageCopyTests
{
    private const ulong Queue = TestSegments.Queue;

    [Fact]
    public void What_is_needed_is_copied_out_of_the_log()
    {
        var segments = new TestSegments();
        var sources = Enumerable.Range(0, 5).Select(_ => SourceOf(segments.Log.Commit(Queue, messages: 10, bytes: 50))).ToList();
        var result = segments.Copy.Run(Queue, sources, [(3, 3), (9, 12), (40, 50)], default);
        Assert.Empty(result.Unreadable);
        Assert.Equal([3UL, 9UL, 10UL, 11UL, 12UL, .. Enumerable.Range(40, 11).Select(i => (ulong)i)], PositionsOf(segments, result.Blocks));
        Assert.Equal(result.Blocks[^1].End, result.Cursor.Length);
    }

    [Fact]
    public void What_is_copied_keeps_what_was_said_of_it_and_its_checksum()
    {
        var segments = new TestSegments();
        var record = segments.Log.Commit(Queue, messages: 3, bytes: 50);
        var result = segments.Copy.Run(Queue, [SourceOf(record)], [(2, 3)], default);
        Assert.Equal([(2UL, TestRecord.MetaOf(1)), (3UL, TestRecord.MetaOf(2))], segments.Store.Read(Queue, result.Blocks[0])!.Messages().Select(m => (m.Position, m.Meta)));
    }

    [Fact]
    public void What_was_never_asked_for_is_not_missed()
    {
        var segments = new TestSegments();
        var sources = new[] { SourceOf(segments.Log.Commit(Queue, messages: 10)), MessageSource.InLog(1 << 20, 100), SourceOf(segments.Log.Commit(Queue, messages: 10)) };
        var result = segments.Copy.Run(Queue, sources, [(1, 10)], default);
        Assert.Empty(result.Unreadable);
        Assert.Equal(10, result.Blocks.Sum(b => b.Count));
        result = segments.Copy.Run(Queue, sources, [], default);
        Assert.Equal((0, 0, default), (result.Blocks.Count, result.Unreadable.Count, result.Cursor));
        result = segments.Copy.Run(Queue, [], [(4, 6)], new SegmentCursor(1, 500, 3));
        Assert.Equal([4UL, 5UL, 6UL], result.Unreadable);
        Assert.Equal(new SegmentCursor(1, 500, 3), result.Cursor);
    }

    [Fact]
    public void A_source_that_comes_twice_is_copied_once()
    {
        // As the list of a segment's blocks is after damage: it holds what a copy that was cut short has left as well.
        var segments = new TestSegments();
        var record = SourceOf(segments.Log.Commit(Queue, messages: 10));
        var result = segments.Copy.Run(Queue, [record, record], [(2, 10)], default);
        Assert.Empty(result.Unreadable);
        Assert.Equal([2UL, 3UL, 4UL, 5UL, 6UL, 7UL, 8UL, 9UL, 10UL], PositionsOf(segments, result.Blocks));
    }

    [Fact]
    public void A_full_disk_leaves_nothing_that_counts()
    {
        for (var free = 0; free < 12; free++)
        {
            var segments = new TestSegments(new MemoryDisk(new MemoryDiskOptions { CapacityBytes = TestLog.FileBytes + (8 << 10) }));
            var sources = Enumerable.Range(0, 5).Select(_ => SourceOf(segments.Log.Commit(Queue, messages: 10, bytes: 200))).ToList();
            var first = segments.Copy.Run(Queue, sources[..1], [(1, 10)], default);
            segments.Disk.CreateSynced("ballast", new byte[segments.Disk.FreeBytes - (free * 512)]).Dispose();
            Assert.Equal(DiskError.Full, DiskBytes.Error(() => segments.Copy.Run(Queue, sources[1..], [(11, 50)], first.Cursor)));

            // What is there is there, and the same copy can be made when there is space.
            Assert.Equal(first.Blocks, segments.Store.Blocks(Queue, 1, first.Cursor.Length));
            segments.Disk.Delete("ballast");
            segments.Disk.Delete(segments.PathOf(2));
            segments.Disk.Delete(segments.PathOf(3));
            var second = segments.Copy.Run(Queue, sources[1..3], [(11, 30)], first.Cursor);
            Assert.Equal(Enumerable.Range(1, 30).Select(i => (ulong)i), PositionsOf(segments, first.Blocks.Concat(second.Blocks)));
        }
    }

    [Theory]
    [InlineData(DiskOperationKind.Write)]
    [InlineData(DiskOperationKind.Sync)]
    [InlineData(DiskOperationKind.Create)]
    [InlineData(DiskOperationKind.SyncFolder)]
    public void A_disk_that_fails_is_told_and_nothing_has_changed(DiskOperationKind kind)
    {
        var segments = new TestSegments(new MemoryDisk(new MemoryDiskOptions { CapacityBytes = 1 << 20 }));
        var record = SourceOf(segments.Log.Commit(Queue, messages: 10));
        var free = segments.Disk.FreeBytes;
        segments.Disk.OnOperation = operation => operation.Kind == kind ? DiskError.Io : null;
        Assert.Equal(DiskError.Io, DiskBytes.Error(() => segments.Copy.Run(Queue, [record], [(1, 10)], default)));
        segments.Disk.OnOperation = null;
        segments.Store.DeleteAll(Queue);
        Assert.Equal(free, segments.Disk.FreeBytes); // a file that was left open would keep its place
        Assert.Equal(10, segments.Copy.Run(Queue, [record], [(1, 10)], default).Blocks.Sum(b => b.Count));
    }

    [Fact]
    public void What_was_copied_survives_a_loss_of_power_from_then_on()
    {
        for (var seed = 0; seed < 100; seed++)
        {
            var segments = new TestSegments(new MemoryDisk(new MemoryDiskOptions { Seed = seed }));
            var sources = Enumerable.Range(0, 3).Select(_ => SourceOf(segments.Log.Commit(Queue, messages: 20, bytes: 200))).ToList();
            var first = segments.Copy.Run(Queue, sources, [(1, 25)], default);
            var second = segments.Copy.Run(Queue, sources, [(26, 60)], first.Cursor);
            segments.Disk.CrashAt(segments.Disk.OperationCount + 1 + (seed % 9));
            try
            {
                segments.Copy.Run(Queue, sources, [(26, 60)], second.Cursor); // another copy is under way behind it
            }
            catch (DiskCrashedException)
            {
                // The next process finds what is left.
            }

            var after = new TestSegments(segments.Disk.Crash());
            Assert.Equal(Enumerable.Range(1, 60).Select(i => (ulong)i), PositionsOf(after, first.Blocks.Concat(second.Blocks)));
        }
    }

    private static MessageSource SourceOf(TestRecord record) => MessageSource.InLog(record.Position, record.Length);

    private static List<ulong> PositionsOf(TestSegments segments, IEnumerable<BlockLocation> blocks)
    {
        var messages = blocks.SelectMany(b => segments.Store.Read(Queue, b)!.Messages()).ToList();
        Assert.All(messages, m => Assert.Equal(StoredMessageState.Intact, m.State));
        Assert.All(messages, m => Assert.Equal(TestRecord.MessageOf(Queue, m.Position, m.Bytes.Length), m.Bytes.ToArray()));
        return [.. messages.Select(m => m.Position)];
    }
}
