using Broker.Storage.Disks;
using Broker.Storage.Records;
using Broker.Storage.Tests.Disks;
using Broker.Storage.Tests.Log;

namespace Broker.Storage.Tests.Records;

public sealed class StoredRecordTests
{
    private const long Position = 4096;
    private static readonly int[] s_lengths = [10, 0, 300, 1];
    private static readonly byte[] s_bytes = RecordBytes.Of(Position, operations: 21, s_lengths);
    private static readonly int s_body = RecordHeader.Size + (s_lengths.Length * MessageTableEntry.Size) + 21;

    [Fact]
    public void Operations_and_messages_are_as_they_were_written()
    {
        var record = StoredRecord.TryParse(s_bytes, TestLog.Key, Position)!;
        Assert.True(record.IsControlIntact);
        Assert.Equal(DiskBytes.Pattern(3, 21), record.Operations.ToArray());
        var messages = record.Messages().ToList();
        Assert.Equal([100UL, 101UL, 102UL, 103UL], messages.Select(m => m.Position));
        Assert.Equal([1000U, 1001U, 1002U, 1003U], messages.Select(m => m.Meta));
        Assert.All(messages, m => Assert.Equal(StoredMessageState.Intact, m.State));
        for (var i = 0; i < s_lengths.Length; i++)
        {
            Assert.Equal(DiskBytes.Pattern(i, s_lengths[i]), messages[i].Bytes.ToArray());
            Assert.Equal(Crc32C.Compute(messages[i].Bytes.Span), messages[i].Checksum);
        }
    }

    [Fact]
    public void A_bit_that_is_turned_over_is_always_noticed_where_it_stands()
    {
        var length = (int)StoredRecord.TryParse(s_bytes, TestLog.Key, Position)!.Header.Length;
        for (var bit = 0; bit < length * 8; bit++)
        {
            byte[] bytes = [.. s_bytes];
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            var record = StoredRecord.TryParse(bytes, TestLog.Key, Position);
            if (bit / 8 < RecordHeader.Size)
            {
                Assert.Null(record);
            }
            else if (bit / 8 < s_body)
            {
                Assert.False(record!.IsControlIntact);
                Assert.True(record.Operations.IsEmpty);
                Assert.All(record.Messages(), m => Assert.Equal((StoredMessageState.Damaged, 0), (m.State, m.Bytes.Length)));
                Assert.Equal([100UL, 101UL, 102UL, 103UL], record.Messages().Select(m => m.Position));
            }
            else
            {
                var at = (bit / 8) - s_body;
                var damaged = at < 10 ? 0 : at < 310 ? 2 : 3;
                Assert.Equal(DiskBytes.Pattern(3, 21), record!.Operations.ToArray());
                Assert.Equal([damaged], record.Messages().Index().Where(m => m.Item.State == StoredMessageState.Damaged).Select(m => m.Index));
            }
        }
    }

    [Fact]
    public void A_record_that_is_cut_short_is_none()
    {
        var length = (int)StoredRecord.TryParse(s_bytes, TestLog.Key, Position)!.Header.Length;
        for (var cut = 0; cut < length; cut++)
        {
            Assert.Null(StoredRecord.TryParse(s_bytes.AsMemory(0, cut), TestLog.Key, Position));
        }

        Assert.NotNull(StoredRecord.TryParse(s_bytes.AsMemory(0, length), TestLog.Key, Position)); // the padding is not needed
        Assert.Null(StoredRecord.TryParse(s_bytes, TestLog.Key, Position + 8));
    }

    [Fact]
    public void A_table_that_does_not_fit_its_record_makes_messages_damaged_and_nothing_worse()
    {
        // Checksums that are right over contents that cannot be: of an encoder that is wrong.
        Assert.False(With(s_bytes, header => header with { MessageCount = 6 }).IsControlIntact);
        Assert.False(With(s_bytes, header => header with { MessageCount = int.MaxValue }).IsControlIntact);
        foreach (var length in new[] { int.MaxValue, -1, int.MinValue, 400 })
        {
            byte[] bytes = [.. s_bytes];
            new MessageTableEntry(0, length, 0, 0).Write(bytes.AsSpan(RecordHeader.Size + (2 * MessageTableEntry.Size)));
            var record = With(bytes, header => header with { ControlChecksum = Crc32C.Compute(bytes.AsSpan(RecordHeader.Size, header.ControlBytes)) });
            Assert.True(record.IsControlIntact);
            Assert.Equal(StoredMessageState.Damaged, record.Messages().ElementAt(2).State);
            Assert.Equal(4, record.Messages().Count());
        }
    }

    [Fact]
    public void A_record_is_read_from_a_file_by_its_place()
    {
        var disk = new MemoryDisk(new MemoryDiskOptions { ShortReads = true });
        using var file = disk.CreateSynced("a", [.. DiskBytes.Pattern(1, 24), .. s_bytes]);
        Assert.Equal(4, StoredRecord.TryRead(file, TestLog.Key, 24, Position, s_bytes.Length - 1)!.Messages().Count(m => m.State == StoredMessageState.Intact));
        Assert.Null(StoredRecord.TryRead(file, TestLog.Key, 24, Position + 8, s_bytes.Length));
        Assert.Null(StoredRecord.TryRead(file, TestLog.Key, 16, Position, s_bytes.Length));
        Assert.Null(StoredRecord.TryRead(file, TestLog.Key, 24, Position, 200));
        Assert.Null(StoredRecord.TryRead(file, TestLog.Key, 24, Position, s_bytes.Length + 1));
        Assert.Null(StoredRecord.TryRead(file, TestLog.Key, 10_000, Position, s_bytes.Length));
    }

    private static StoredRecord With(byte[] bytes, Func<RecordHeader, RecordHeader> change)
    {
        byte[] changed = [.. bytes];
        Assert.True(RecordHeader.TryRead(changed, TestLog.Key, Position, out var header));
        change(header).Write(changed, TestLog.Key);
        return StoredRecord.TryParse(changed, TestLog.Key, Position)!;
    }
}
