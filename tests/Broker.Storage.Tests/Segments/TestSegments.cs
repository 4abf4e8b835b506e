using Broker.Storage.Disks;
using Broker.Storage.Records;
using Broker.Storage.Segments;
using Broker.Storage.Tests.Log;

namespace Broker.Storage.Tests.Segments;

/// <summary>The segments of one queue on a disk in memory, and a log beside them.</summary>
internal sealed class TestSegments
{
    public const ulong Queue = 0xab;

    /// <summary>As small as segments may be.</summary>
    public static readonly SegmentOptions Small = new() { SegmentBytes = 4096, BlockBytes = 1024, MaxBlockMessages = 8 };

    public TestSegments(MemoryDisk? disk = null, SegmentOptions? options = null)
    {
        Disk = disk ?? new MemoryDisk();
        Options = options ?? Small;
        Store = new SegmentStore(Disk, "queues", TestLog.Store);
        Log = new TestLog(Disk);
        Copy = new MessageCopy(Log.Log, Store, Options);
    }

    public MemoryDisk Disk { get; }

    public SegmentOptions Options { get; }

    public SegmentStore Store { get; }

    public TestLog Log { get; }

    public MessageCopy Copy { get; }

    /// <summary>What a message of a position holds.</summary>
    public static StoredRecordMessage Message(ulong position, int length)
    {
        var bytes = TestRecord.MessageOf(Queue, position, length);
        return new StoredRecordMessage(position, bytes, (uint)position + 7, Crc32C.Compute(bytes), StoredMessageState.Intact);
    }

    /// <summary>Writes messages behind a cursor.</summary>
    public (IReadOnlyList<BlockLocation> Blocks, SegmentCursor Cursor) Write(SegmentCursor cursor, IEnumerable<StoredRecordMessage> messages, SegmentOptions? options = null)
    {
        using var writer = new SegmentWriter(Store, Queue, cursor, options ?? Options);
        foreach (var message in messages)
        {
            writer.Add(message);
        }

        writer.Finish();
        return (writer.Blocks, writer.Cursor);
    }

    /// <summary>Every message of some blocks; fails where one is not what it was.</summary>
    public List<ulong> Read(IEnumerable<BlockLocation> blocks)
    {
        var positions = new List<ulong>();
        foreach (var block in blocks)
        {
            var record = Store.Read(Queue, block)!;
            var header = record.Header;
            Assert.Equal((block.Offset, block.First, block.Last), (header.Position, header.FirstPosition, header.Index));
            Assert.Equal((block.Count, block.MessageBytes), (header.MessageCount, header.BodyBytes));
            foreach (var message in record.Messages())
            {
                Assert.Equal((StoredMessageState.Intact, (uint)message.Position + 7), (message.State, message.Meta));
                Assert.Equal(TestRecord.MessageOf(Queue, message.Position, message.Bytes.Length), message.Bytes.ToArray());
                positions.Add(message.Position);
            }
        }

        return positions;
    }

    public string PathOf(uint segment) => Store.PathOf(Queue, segment);
}
