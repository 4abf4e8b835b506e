using System.Runtime.InteropServices;
using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Records;
using Broker.Storage.Tests.Disks;

namespace Broker.Storage.Tests.Log;

public sealed class LogBufferTests
{
    private const int LargeBytes = 4096;

    [Fact]
    public void Records_are_encoded_one_behind_the_other()
    {
        var buffer = new LogBuffer(TestLog.Key);
        var first = Add(buffer, [1], [2, 3], []);
        var second = Add(buffer);
        var third = Add(buffer, DiskBytes.Pattern(1, 10_000), DiskBytes.Pattern(2, 3));
        Assert.Equal(first.PaddedLength + second.PaddedLength + third.PaddedLength, buffer.Length);
        var bytes = Written(buffer).Bytes;
        Assert.Equal((0L, first.PaddedLength + second.PaddedLength + third.PaddedLength), (buffer.Length, bytes.LongLength));
        var offset = 0L;
        foreach (var (header, messages) in new[] { (first, "01,0203,"), (second, ""), (third, $"{Convert.ToHexString(DiskBytes.Pattern(1, 10_000))},{Convert.ToHexString(DiskBytes.Pattern(2, 3))}") })
        {
            var record = StoredRecord.TryParse(bytes.AsMemory((int)offset), TestLog.Key, header.Position)!;
            Assert.Equal(header, record.Header);
            Assert.True(record.IsControlIntact);
            Assert.All(record.Messages(), m => Assert.Equal(StoredMessageState.Intact, m.State));
            Assert.Equal(messages, string.Join(',', record.Messages().Select(m => Convert.ToHexString(m.Bytes.Span))));
            offset += header.PaddedLength;
        }
    }

    [Fact]
    public void A_long_message_is_not_copied()
    {
        var message = DiskBytes.Pattern(1, LargeBytes);
        var buffer = new LogBuffer(TestLog.Key);
        Add(buffer, [9], message, [8]);
        var pieces = Written(buffer).Pieces;
        Assert.Equal(3, pieces.Count);
        Assert.True(IsSliceOf(pieces[1], message, 0, LargeBytes));
    }

    [Fact]
    public void A_short_message_is_copied_rather_than_made_a_piece()
    {
        var buffer = new LogBuffer(TestLog.Key);
        Add(buffer, DiskBytes.Pattern(1, LargeBytes - 1));
        Add(buffer, DiskBytes.Pattern(2, LargeBytes - 1));
        Assert.Single(Written(buffer).Pieces);
    }

    [Fact]
    public void Messages_that_lie_one_behind_the_other_are_one_piece()
    {
        // As a publisher's stream cuts them out of one block.
        var block = DiskBytes.Pattern(1, 64 << 10);
        var buffer = new LogBuffer(TestLog.Key);
        var messages = Enumerable.Range(0, 64).Select(i => (ReadOnlyMemory<byte>)block.AsMemory(i * 1000, 1000)).ToList();
        var header = Add(buffer, messages);
        var (pieces, bytes) = Written(buffer);
        Assert.True(IsSliceOf(pieces[1], block, 0, 64_000));
        Assert.Equal(3, pieces.Count); // what comes before, and what fills up to the next record
        Assert.Equal(64, StoredRecord.TryParse(bytes, TestLog.Key, header.Position)!.Messages().Count(m => m.State == StoredMessageState.Intact));
    }

    [Fact]
    public void Messages_with_something_between_them_or_in_another_order_are_not_joined()
    {
        var block = DiskBytes.Pattern(1, 64 << 10);
        var other = DiskBytes.Pattern(2, 64 << 10);
        var buffer = new LogBuffer(TestLog.Key);
        List<ReadOnlyMemory<byte>> messages =
        [
            block.AsMemory(0, 5000),
            block.AsMemory(5008, 5000),
            other.AsMemory(10_008, 5000),
            block.AsMemory(20_000, 5000),
            block.AsMemory(15_000, 5000),
            default,
            block.AsMemory(20_000, 10),
            block.AsMemory(20_010, 4990),
        ];
        var header = Add(buffer, messages);
        var (pieces, bytes) = Written(buffer);
        Assert.Equal([5000, 5000, 5000, 5000, 5000, 5000], pieces.Where(p => p.Length >= LargeBytes).Select(p => p.Length));
        var record = StoredRecord.TryParse(bytes, TestLog.Key, header.Position)!;
        Assert.Equal(messages.Select(m => Convert.ToHexString(m.Span)), record.Messages().Select(m => Convert.ToHexString(m.Bytes.Span)));
    }

    [Fact]
    public void What_was_dropped_leaves_nothing_behind()
    {
        var buffer = new LogBuffer(TestLog.Key);
        Add(buffer, DiskBytes.Pattern(1, 100_000), DiskBytes.Pattern(2, 10));
        buffer.Clear();
        Assert.Equal(0, buffer.Length);
        var header = Add(buffer, [7]);
        Assert.Equal(header.PaddedLength, Written(buffer).Bytes.Length);
    }

    [Fact]
    public void Any_sizes_come_out_as_they_went_in()
    {
        var buffer = new LogBuffer(TestLog.Key);
        for (var seed = 0; seed < 60; seed++)
        {
            var random = new Random(seed);
            var block = DiskBytes.Pattern(seed, 300_000);
            var records = new List<(RecordHeader Header, List<ReadOnlyMemory<byte>> Messages)>();
            for (var i = 1 + random.Next(12); i > 0; i--)
            {
                var messages = new List<ReadOnlyMemory<byte>>();
                var at = random.Next(100_000);
                for (var count = random.Next(30); count > 0; count--)
                {
                    var length = random.Next(4) switch { 0 => random.Next(20_000), 1 => 0, _ => random.Next(300) };
                    at = random.Next(4) == 0 ? random.Next(200_000) : at;
                    length = Math.Min(length, block.Length - at);
                    messages.Add(block.AsMemory(at, length));
                    at += length;
                }

                records.Add((Add(buffer, messages, operations: random.Next(3) == 0 ? random.Next(600_000) : random.Next(50)), messages));
            }

            var rest = (ReadOnlyMemory<byte>)Written(buffer).Bytes;
            foreach (var (header, messages) in records)
            {
                var record = StoredRecord.TryParse(rest, TestLog.Key, header.Position)!;
                Assert.True(record.IsControlIntact);
                Assert.True(record.Messages().Select(m => m.State == StoredMessageState.Intact && m.Bytes.Span.SequenceEqual(messages[(int)m.Position - 1].Span)).All(ok => ok));
                rest = rest[(int)header.PaddedLength..];
            }

            Assert.True(rest.IsEmpty);
        }
    }

    private static RecordHeader Add(LogBuffer buffer, params byte[][] messages) => Add(buffer, [.. messages.Select(m => (ReadOnlyMemory<byte>)m)]);

    private static RecordHeader Add(LogBuffer buffer, IReadOnlyList<ReadOnlyMemory<byte>> messages, int operations = 11)
    {
        var record = new TestRecord { Client = new TestClient(), Kind = RecordKind.Operations, Entity = 1, Index = 1, Operations = DiskBytes.Pattern(3, operations), Messages = messages };
        return buffer.Add(record, new RecordHeader { Kind = record.Kind, Position = buffer.Length, FirstPosition = 1 });
    }

    private static bool IsSliceOf(ReadOnlyMemory<byte> piece, byte[] array, int offset, int count) =>
        MemoryMarshal.TryGetArray(piece, out var segment) && ReferenceEquals(segment.Array, array) && segment.Offset == offset && segment.Count == count;

    private static (IReadOnlyList<ReadOnlyMemory<byte>> Pieces, byte[] Bytes) Written(LogBuffer buffer)
    {
        var file = new PieceRecorder();
        buffer.WriteTo(file, 0);
        return (file.Pieces, file.Bytes);
    }

    /// <summary>A file that only notes which pieces it is to write.</summary>
    private sealed class PieceRecorder : IDiskFile
    {
        public IReadOnlyList<ReadOnlyMemory<byte>> Pieces { get; private set; } = [];

        public byte[] Bytes { get; private set; } = [];

        public string Path => "";

        public long Length => 0;

        public void Write(long offset, IReadOnlyList<ReadOnlyMemory<byte>> pieces)
        {
            Pieces = [.. pieces];
            Bytes = [.. pieces.SelectMany(piece => piece.ToArray())];
        }

        public void Write(long offset, ReadOnlySpan<byte> bytes) => throw new NotSupportedException();

        public int Read(long offset, Span<byte> buffer) => throw new NotSupportedException();

        public void Allocate(long length) => throw new NotSupportedException();

        public void SetLength(long length) => throw new NotSupportedException();

        public void Sync() => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }
}
