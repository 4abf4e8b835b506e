using Broker.Storage.Disks;
using Broker.Storage.Records;
using Broker.Storage.Tests.Log;

namespace Broker.Storage.Tests.Segments;

public sealed class SnapshotWriterTests
{
    private const ulong Queue = 9;

    [Fact]
    public void Messages_from_elsewhere_lie_in_segments_from_the_first_on_and_survive_a_crash()
    {
        var disk = new MemoryDisk();
        var store = Open(disk);
        var positions = Enumerable.Range(1, 60).Select(i => (ulong)(i * i)).ToList();
        Broker.Storage.Segments.MessageCopyResult result;
        using (var writer = store.WriteSnapshot(Queue))
        {
            positions.ForEach(p => writer.Add(p, TestRecord.MessageOf(Queue, p, 200), (uint)p));
            result = writer.Finish();
        }

        Assert.Empty(result.Unreadable);
        Assert.Equal(1U, result.Blocks[0].Segment);
        Assert.True(result.Cursor.Segment > 1);
        Assert.Equal((result.Cursor.Segment, result.Blocks[^1].End), (result.Cursor.LastSegment, result.Cursor.Length));
        var after = Open(disk.Crash());
        var messages = result.Blocks.SelectMany(b => after.Segments.Read(Queue, b)!.Messages()).ToList();
        Assert.Equal(positions, messages.Select(m => m.Position));
        Assert.All(messages, m => Assert.Equal((StoredMessageState.Intact, (uint)m.Position), (m.State, m.Meta)));
        Assert.All(messages, m => Assert.Equal(TestRecord.MessageOf(Queue, m.Position, 200), m.Bytes.ToArray()));
    }

    [Fact]
    public void Nothing_gives_no_blocks()
    {
        using var writer = Open(new MemoryDisk()).WriteSnapshot(Queue);
        Assert.Empty(writer.Finish().Blocks);
    }

    private static NodeStore Open(MemoryDisk disk) => NodeStore.Open(disk, new StoreOptions { NodeName = "a", Segments = TestSegments.Small });
}
