using System.Buffers.Binary;
using Broker.Storage.Records;
using Broker.Storage.Recovery;
using Broker.Storage.Segments;
using Broker.Storage.Tests.Disks;
using Broker.Storage.Tests.Log;
using Broker.Storage.Tests.Segments;

namespace Broker.Storage.Tests.Recovery;

/// <summary>Whoever publishes chooses bytes that come to lie in a file of records, and may guess where. Nothing that they can write is a header.</summary>
public sealed class ForgedHeaderTests
{
    private const int Messages = 1;
    private const int Operations = 8;
    private const int ForgedAt = RecordHeader.Size; // in the message: as far from the record's own header as a sector may end

    [Fact]
    public void A_forged_header_in_a_torn_record_is_neither_evidence_nor_replayed()
    {
        // The power fails while the record is written: what held its header is not on the disk, what held the message is.
        var log = new TestLog();
        log.Commit(1, messages: 0);
        var image = Publish(log, RecordKind.Deleted);
        var record = image.Find(2, 1);
        foreach (var lost in new[] { 4L, RecordHeader.Size, record.BodyOffset - record.Offset })
        {
            var next = new TestLog(image.ToDisk((_, bytes) => Without(bytes, record.Offset, lost)));
            Assert.Equal(["1/1"], next.Found.Story.Where(line => line != "torn"));
            Assert.Equal(record.Offset, next.Disk.ReadAll(TestLog.FirstFile).Length);
        }
    }

    [Theory]
    [InlineData(RecordKind.Deleted)]
    [InlineData(RecordKind.Mark)]
    [InlineData(RecordKind.End)]
    public void A_forged_header_behind_a_damaged_one_is_skipped_with_the_message(RecordKind kind)
    {
        var log = new TestLog();
        log.Commit(1, messages: 0);
        Publish(log, kind);
        log.Commit(1, messages: 0);
        log.Log.CommitMark();
        var image = LogImage.Of(log.Disk);
        var record = image.Find(2, 1);
        var found = new TestLog(image.ToDisk([(record.File, record.Offset, 0)])).Found;
        Assert.Equal(["1/1", "damage", "1/2", "lost 2/1-1"], found.Story);
        Assert.Equal((record.Offset, record.Header.PaddedLength), (found.Damages[0].Offset, found.Damages[0].Length));
    }

    [Fact]
    public void A_verification_counts_no_forged_header()
    {
        var log = new TestLog();
        log.Commit(1, messages: 0);
        var record = Publish(log, RecordKind.Deleted).Find(2, 1);
        log.Log.CommitMark();
        log.Disk.FlipBit(record.File, record.Offset, 0);
        var verified = Assert.Single(StoreVerifier.VerifyLog(log.Log));
        Assert.Equal((2, record.Header.PaddedLength), (verified.Records, Assert.Single(verified.Damages).Length));
    }

    [Fact]
    public void A_forged_block_of_a_segment_is_not_listed()
    {
        var segments = new TestSegments();
        const int Body = RecordHeader.Size + MessageTableEntry.Size;
        var forged = Forged(RecordKind.Block, FileHeader.Size + Body + ForgedAt);
        using (var writer = new SegmentWriter(segments.Store, TestSegments.Queue, new SegmentCursor(0, 0, 0), new SegmentOptions { MaxBlockMessages = 1 }))
        {
            writer.Add(new StoredRecordMessage(1, forged, 0, Crc32C.Compute(forged), StoredMessageState.Intact));
            writer.Add(new StoredRecordMessage(2, new byte[] { 1 }, 0, Crc32C.Compute([1]), StoredMessageState.Intact));
            writer.Finish();
        }

        segments.Disk.FlipBit(segments.PathOf(1), FileHeader.Size, 0);
        Assert.Equal([2UL], segments.Store.Blocks(TestSegments.Queue, 1, long.MaxValue).Select(b => b.First));
    }

    /// <summary>A message that would be a record if it stood by itself: the publisher knows all that a header says, but not the store.</summary>
    private static LogImage Publish(TestLog log, RecordKind kind)
    {
        var position = log.Log.SyncedPosition + RecordHeader.Size + (Messages * MessageTableEntry.Size) + Operations + ForgedAt;
        var message = Forged(kind, position);
        log.Log.Append(new TestRecord
        {
            Client = log.Client, Kind = RecordKind.Operations, Entity = 2, Index = 1, FirstPosition = 1, Operations = new byte[Operations], Messages = [message],
        });
        log.CommitAll();
        var image = LogImage.Of(log.Disk);
        Assert.Equal(position, image.Find(2, 1).BodyOffset + ForgedAt);
        return image;
    }

    private static byte[] Forged(RecordKind kind, long position)
    {
        var message = DiskBytes.Pattern(5, 5 * RecordHeader.Size);
        var header = message.AsSpan(ForgedAt, RecordHeader.Size);
        new RecordHeader { Kind = kind, Version = RecordHeader.CurrentVersion, Position = position, Entity = 1, Index = 2 }.Write(header, default);
        BinaryPrimitives.WriteUInt32LittleEndian(header, Crc32C.Compute(header[4..])); // what they can compute
        return message;
    }

    private static byte[] Without(byte[] bytes, long offset, long length)
    {
        bytes.AsSpan((int)offset, (int)length).Clear();
        return bytes;
    }
}
