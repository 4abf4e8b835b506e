using System.Buffers;
using Broker.Protocol.Tests.Fuzz;
using Broker.Protocol.Tests.Vectors;

namespace Broker.Protocol.Tests.Framing;

public sealed class FrameReaderTests
{
    private const int Limit = 1 << 20;

    [Fact]
    public void A_frame_in_one_segment_is_not_copied()
    {
        var bytes = Frame(FrameType.Ok, 5);
        using var reader = new FrameReader(new ReadOnlySequence<byte>(bytes), Limit);
        Assert.Equal(FrameReadStatus.Frame, reader.TryRead(out var type, out var payload, out _));
        Assert.Equal(FrameType.Ok, type);
        Assert.True(payload.Overlaps(bytes));
    }

    [Fact]
    public void A_frame_at_the_start_of_a_later_segment_is_not_copied()
    {
        var second = Frame(FrameType.Ok, 5);
        using var reader = new FrameReader(Segments.Of(Frame(FrameType.Ok, 3), [], second), Limit);
        Assert.Equal(FrameReadStatus.Frame, reader.TryRead(out _, out _, out _));
        Assert.Equal(FrameReadStatus.Frame, reader.TryRead(out _, out var payload, out _));
        Assert.True(payload.Overlaps(second));
        Assert.Equal(FrameReadStatus.NeedMore, reader.TryRead(out _, out _, out _));
    }

    [Fact]
    public void An_empty_buffer_needs_more()
    {
        using var reader = new FrameReader(ReadOnlySequence<byte>.Empty, Limit);
        Assert.Equal(FrameReadStatus.NeedMore, reader.TryRead(out _, out _, out _));
        Assert.Equal(0, ReadOnlySequence<byte>.Empty.Slice(0, reader.Consumed).Length);
    }

    [Fact]
    public void Every_cut_of_every_frame_needs_more_and_consumes_nothing()
    {
        foreach (var sample in Samples.All.Where(static sample => sample.File is not ("messages" or "bbq")))
        {
            for (var length = 0; length < sample.Bytes.Length; length++)
            {
                var buffer = new ReadOnlySequence<byte>(sample.Bytes, 0, length);
                using var reader = new FrameReader(buffer, Limit);
                Assert.Equal(FrameReadStatus.NeedMore, reader.TryRead(out _, out _, out _));
                Assert.Equal(0, buffer.Slice(0, reader.Consumed).Length);
            }
        }
    }

    [Fact]
    public void A_frame_may_be_cut_into_segments_anywhere()
    {
        var bytes = Samples.All.First(static sample => sample is { Codec: "PUBLISH", Name: "mandatory and durable, all properties" }).Bytes;
        for (var first = 0; first <= bytes.Length; first++)
        {
            for (var second = first; second <= bytes.Length; second++)
            {
                using var reader = new FrameReader(Segments.Cut(bytes, first, second), Limit);
                Assert.Equal(FrameReadStatus.Frame, reader.TryRead(out var type, out var payload, out _));
                Assert.Equal(FrameType.Publish, type);
                Assert.True(bytes.AsSpan(bytes.Length - payload.Length).SequenceEqual(payload));
                Assert.Equal(FrameReadStatus.NeedMore, reader.TryRead(out _, out _, out _));
            }
        }
    }

    [Fact]
    public void A_length_over_the_limit_is_a_fault_before_its_payload_has_come()
    {
        using var reader = new FrameReader(new ReadOnlySequence<byte>(Convert.FromHexString("12ffffffffffffffff")), Limit);
        Assert.Equal(FrameReadStatus.Fault, reader.TryRead(out _, out _, out var fault));
        Assert.Equal(ErrorCode.FrameTooLarge, fault.Code);
    }

    [Fact]
    public void A_length_at_the_limit_is_taken_and_one_more_is_not()
    {
        using var atLimit = new FrameReader(new ReadOnlySequence<byte>(Frame(FrameType.Publish, 100)), 100);
        Assert.Equal(FrameReadStatus.Frame, atLimit.TryRead(out _, out _, out _));
        using var overLimit = new FrameReader(new ReadOnlySequence<byte>(Frame(FrameType.Publish, 101)), 100);
        Assert.Equal(FrameReadStatus.Fault, overLimit.TryRead(out _, out _, out _));
    }

    [Fact]
    public void A_large_frame_gathers_in_a_partial_frame_and_frees_the_stream()
    {
        var bytes = Frame(FrameType.Publish, 300_000);
        using var partial = new PartialFrame();
        var frames = 0;
        foreach (var part in bytes.Chunk(10_000))
        {
            var buffer = new ReadOnlySequence<byte>(part);
            using var reader = new FrameReader(buffer, Limit, partial);
            if (reader.TryRead(out var type, out var payload, out _) == FrameReadStatus.Frame)
            {
                frames++;
                Assert.Equal(FrameType.Publish, type);
                Assert.True(bytes.AsSpan(bytes.Length - 300_000).SequenceEqual(payload));
                Assert.Equal(FrameReadStatus.NeedMore, reader.TryRead(out _, out _, out _));
            }

            Assert.Equal(part.Length, buffer.Slice(0, reader.Consumed).Length);
        }

        Assert.Equal(1, frames);
        Assert.False(partial.IsPending);
    }

    [Fact]
    public void A_partial_frame_holds_no_more_than_came()
    {
        using var partial = new PartialFrame();
        byte[] bytes = [.. Convert.FromHexString("1280ffffff"), .. new byte[100]];
        var before = GC.GetAllocatedBytesForCurrentThread();
        using (var reader = new FrameReader(new ReadOnlySequence<byte>(bytes), 1 << 30, partial))
        {
            Assert.Equal(FrameReadStatus.NeedMore, reader.TryRead(out _, out _, out _));
        }

        Assert.Equal(100, partial.BufferedBytes);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 10);
    }

    [Fact]
    public void Frames_come_out_as_they_went_in_however_they_are_cut()
    {
        for (var i = 0; i < FuzzSettings.Iterations / 10; i++)
        {
            var random = FuzzSettings.Start("frame reader", i);
            var sizes = Enumerable.Range(0, 1 + random.Below(12)).Select(_ => random.Below(1 << random.Below(16))).ToArray();
            byte[] bytes = [.. sizes.SelectMany(static size => Frame(FrameType.Publish, size))];
            Assert.True(sizes.SequenceEqual(ReadInPieces(bytes, ref random)), FuzzSettings.Describe("frame reader", i, default));
        }
    }

    [Fact]
    public void Random_bytes_never_throw_and_always_end()
    {
        for (var i = 0; i < FuzzSettings.Iterations; i++)
        {
            var random = FuzzSettings.Start("frame reader random", i);
            var bytes = Mutator.Random(ref random);
            using var partial = new PartialFrame();
            using var reader = new FrameReader(new ReadOnlySequence<byte>(bytes), Limit, partial);
            var frames = 0;
            while (reader.TryRead(out _, out _, out _) == FrameReadStatus.Frame)
            {
                Assert.True(++frames <= bytes.Length, FuzzSettings.Describe("frame reader random", i, bytes));
            }
        }
    }

    /// <summary>Plays a pipe: bytes come in pieces, each buffer holds what was not consumed, in segments of random length.</summary>
    private static List<int> ReadInPieces(byte[] bytes, ref Prng random)
    {
        var sizes = new List<int>();
        using var partial = new PartialFrame();
        var consumed = 0;
        var arrived = 0;
        while (arrived < bytes.Length)
        {
            arrived += Math.Min(bytes.Length - arrived, 1 + random.Below(1 << (1 + random.Below(15))));
            var parts = new List<byte[]>();
            for (var at = consumed; at < arrived;)
            {
                var part = bytes[at..Math.Min(arrived, at + random.Below(1 << (1 + random.Below(14))))];
                parts.Add(part);
                at += part.Length;
            }

            var buffer = Segments.Of(parts);
            using var reader = new FrameReader(buffer, Limit, partial);
            while (reader.TryRead(out var type, out var payload, out _) == FrameReadStatus.Frame)
            {
                Assert.Equal(FrameType.Publish, type);
                Assert.True(payload.IndexOfAnyExcept((byte)(payload.Length % 251)) < 0);
                sizes.Add(payload.Length);
            }

            consumed += (int)buffer.Slice(0, reader.Consumed).Length;
        }

        Assert.Equal(bytes.Length, consumed);
        return sizes;
    }

    private static byte[] Frame(FrameType type, int size)
    {
        var header = new byte[2 * Varint.MaxSize];
        var length = Varint.Write(header, (ulong)type);
        length += Varint.Write(header.AsSpan(length), (ulong)size);
        return [.. header[..length], .. Enumerable.Repeat((byte)(size % 251), size)];
    }
}
