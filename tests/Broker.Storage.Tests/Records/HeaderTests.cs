using Broker.Storage.Records;
using Broker.Storage.Tests.Disks;

namespace Broker.Storage.Tests.Records;

public sealed class HeaderTests
{
    private static readonly StoreKey s_key = StoreKey.Of(new Guid("0190a1b2-c3d4-7e5f-8081-828384858687"));

    private static readonly RecordHeader s_record = new()
    {
        Kind = RecordKind.Checkpoint,
        Version = RecordHeader.CurrentVersion,
        Shard = 0xa1a2,
        Position = 0x0102030405060708,
        SyncedDistance = 0x11121314,
        Run = 0x21222324,
        Entity = 0x3132333435363738,
        Index = 0x4142434445464748,
        ShardIndex = 0x5152535455565758,
        Epoch = 0x61626364,
        TimeMs = 0x7172737475767778,
        FirstPosition = 0x8182838485868788,
        MessageCount = 0x11929394,
        ControlBytes = 0x21a2a3a4,
        ControlChecksum = 0xb1b2b3b4,
        BodyBytes = 0x41c2c3c4,
        CommittedDistance = 0xd1d2d3d4,
    };

    private static readonly FileHeader s_file = new()
    {
        Format = FileHeader.CurrentFormat,
        Kind = FileKind.Segment,
        Store = new Guid("0190a1b2-c3d4-7e5f-8081-828384858687"),
        BasePosition = 0x0102030405060708,
        Entity = 0x1112131415161718,
        Number = 0x2122232425262728,
    };

    [Fact]
    public void A_records_header_reads_back_as_it_was_written()
    {
        Assert.True(RecordHeader.TryRead(Written(s_record), s_key, s_record.Position, out var read));
        Assert.Equal(s_record, read);
        foreach (var header in new[] { s_record with { SyncedDistance = RecordHeader.UnknownDistance }, new RecordHeader { Kind = RecordKind.End }, s_record with { TimeMs = -1 } })
        {
            Assert.True(RecordHeader.TryRead(Written(header), s_key, header.Position, out read));
            Assert.Equal(header, read);
        }
    }

    [Fact]
    public void A_records_header_with_any_bit_turned_over_is_refused()
    {
        for (var bit = 0; bit < RecordHeader.Size * 8; bit++)
        {
            var bytes = Written(s_record);
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(RecordHeader.TryRead(bytes, s_key, s_record.Position, out var read), $"bit {bit}");
            Assert.Equal(default, read);
        }
    }

    [Fact]
    public void A_records_header_at_another_place_is_refused()
    {
        var bytes = Written(s_record);
        for (var bit = 0; bit < 64; bit++)
        {
            Assert.False(RecordHeader.TryRead(bytes, s_key, s_record.Position ^ (1L << bit), out _));
        }

        Assert.False(RecordHeader.TryRead(bytes.AsSpan(0, RecordHeader.Size - 1), s_key, s_record.Position, out _));
        Assert.False(RecordHeader.TryRead(new byte[RecordHeader.Size], s_key, 0, out _));
    }

    [Fact]
    public void A_records_header_of_another_store_is_refused()
    {
        var bytes = Written(s_record);
        for (var bit = 0; bit < 128; bit++)
        {
            var store = s_file.Store.ToByteArray();
            store[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(RecordHeader.TryRead(bytes, StoreKey.Of(new Guid(store)), s_record.Position, out _), $"bit {bit}");
        }

        Assert.False(RecordHeader.TryRead(bytes, default, s_record.Position, out _));
    }

    [Fact]
    public void The_checksum_of_a_records_header_is_that_of_the_stores_number_and_the_rest()
    {
        byte[] summed = [.. Written(s_file)[16..32], .. Written(s_record)[4..]];
        Assert.Equal(Crc32C.Compute(summed), BitConverter.ToUInt32(Written(s_record)));
    }

    [Theory]
    [InlineData(-1, 0, 0)]
    [InlineData(0, -1, 0)]
    [InlineData(0, 0, -1)]
    public void A_records_header_with_a_negative_length_is_refused(int control, int body, int messages)
    {
        var header = s_record with { ControlBytes = control, BodyBytes = body, MessageCount = messages };
        Assert.False(RecordHeader.TryRead(Written(header), s_key, header.Position, out _));
    }

    [Fact]
    public void Every_byte_of_a_records_header_is_written()
    {
        var bytes = DiskBytes.Pattern(1, RecordHeader.Size); // what was there before does not shine through
        s_record.Write(bytes, s_key);
        Assert.Equal([0xd4, 0xd3, 0xd2, 0xd1], bytes[84..]);
        Assert.Equal(Written(s_record), bytes);
    }

    [Theory]
    [InlineData(100, 40, 60)]
    [InlineData(100, 99, 1)]
    [InlineData(100, 100, 0)]
    [InlineData(100, 0, 0)]
    [InlineData(100, 101, 0)]
    [InlineData(ulong.MaxValue, RecordHeader.UnknownDistance, 0)]
    public void How_far_the_shard_was_committed_is_counted_back_from_the_record(ulong shardIndex, uint distance, ulong committed)
    {
        var header = new RecordHeader { Kind = RecordKind.Operations, ShardIndex = shardIndex, CommittedDistance = distance };
        Assert.Equal(committed, header.CommittedIndex);
    }

    [Theory]
    [InlineData(RecordKind.Operations, 7, true)]
    [InlineData(RecordKind.Deleted, 7, true)]
    [InlineData(RecordKind.Checkpoint, 7, false)]
    [InlineData(RecordKind.Operations, 0, false)]
    [InlineData(RecordKind.Deleted, 0, false)]
    public void Records_with_a_number_in_their_shard_are_replicated_unless_they_are_checkpoints(RecordKind kind, ulong shardIndex, bool isReplicated) =>
        Assert.Equal(isReplicated, new RecordHeader { Kind = kind, ShardIndex = shardIndex }.IsReplicated);

    [Fact]
    public void A_shard_is_an_entity_that_no_queue_is()
    {
        Assert.Equal(0x8000000000000000, ShardEntity.Of(0));
        Assert.Equal(0x800000000000ffff, ShardEntity.Of(65535));
        Assert.Equal((true, 65535), (ShardEntity.Is(ShardEntity.Of(65535)), ShardEntity.ShardOf(ShardEntity.Of(65535))));
        Assert.False(ShardEntity.Is(long.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => ShardEntity.Of(65536));
        Assert.Throws<ArgumentOutOfRangeException>(() => ShardEntity.Of(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => ShardEntity.ShardOf(3));
    }

    [Fact]
    public void Lengths_count_the_header_and_go_up_to_the_next_record()
    {
        var header = new RecordHeader { Kind = RecordKind.Operations, ControlBytes = 3, BodyBytes = 6 };
        Assert.Equal((97L, 104L), (header.Length, header.PaddedLength));
        header = header with { BodyBytes = 5 };
        Assert.Equal((96L, 96L), (header.Length, header.PaddedLength));
        header = header with { ControlBytes = int.MaxValue, BodyBytes = int.MaxValue };
        Assert.Equal((2L * int.MaxValue) + RecordHeader.Size, header.Length);
    }

    [Fact]
    public void How_far_the_disk_was_is_counted_back_from_the_record()
    {
        var header = new RecordHeader { Kind = RecordKind.Operations, Position = 1000, SyncedDistance = 200 };
        Assert.Equal(800, header.SyncedPosition);
        Assert.Equal(1000, (header with { SyncedDistance = 0 }).SyncedPosition);
        Assert.Equal(-1, (header with { SyncedDistance = RecordHeader.UnknownDistance }).SyncedPosition);
    }

    [Fact]
    public void A_files_header_reads_back_as_it_was_written()
    {
        Assert.True(FileHeader.TryRead(Written(s_file), out var read));
        Assert.Equal(s_file, read);
        Assert.True(FileHeader.TryRead([.. Written(s_file), 1, 2, 3], out _));
    }

    [Fact]
    public void A_files_header_with_any_bit_turned_over_is_refused()
    {
        // All but the last four bytes, which hold nothing.
        for (var bit = 0; bit < (FileHeader.Size - 4) * 8; bit++)
        {
            var bytes = Written(s_file);
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(FileHeader.TryRead(bytes, out var read), $"bit {bit}");
            Assert.Equal(default, read);
        }

        Assert.Equal([0, 0, 0, 0], Written(s_file)[60..]);
    }

    [Fact]
    public void What_is_no_files_header_is_refused()
    {
        Assert.False(FileHeader.TryRead(Written(s_file).AsSpan(0, FileHeader.Size - 1), out _));
        Assert.False(FileHeader.TryRead(new byte[FileHeader.Size], out _));
        Assert.False(FileHeader.TryRead(DiskBytes.Pattern(1, FileHeader.Size), out _));
    }

    [Fact]
    public void An_entry_of_a_message_table_reads_back_as_it_was_written()
    {
        var entry = new MessageTableEntry(0xf1f2f3f4, 0x11e2e3e4, 0xd1d2d3d4, 0xc1c2c3c4c5c6c7c8);
        var bytes = new byte[MessageTableEntry.Size];
        entry.Write(bytes);
        Assert.Equal(entry, MessageTableEntry.Read(bytes));
        Assert.Equal("f4f3f2f1e4e3e211d4d3d2d1c8c7c6c5c4c3c2c1", Convert.ToHexStringLower(bytes));
    }

    private static byte[] Written(RecordHeader header)
    {
        var bytes = new byte[RecordHeader.Size];
        header.Write(bytes, s_key);
        return bytes;
    }

    private static byte[] Written(FileHeader header)
    {
        var bytes = new byte[FileHeader.Size];
        header.Write(bytes);
        return bytes;
    }
}
