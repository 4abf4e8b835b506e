using System.Buffers;
using System.IO.Pipelines;

namespace Broker.Transport.Tests.Contract;

/// <summary>Traffic whose every byte is known from its offset, so that loss, repetition and mixing of streams show.</summary>
public static class Pattern
{
    private const int ChunkBytes = 16 << 10;

    public static byte At(long offset, int seed) => (byte)((offset * 31) + (offset >> 8) + (offset >> 16) + (seed * 17));

    /// <summary>Writes <paramref name="count"/> bytes and leaves the writer open.</summary>
    public static async Task WriteAsync(PipeWriter writer, long count, int seed = 0, long from = 0)
    {
        for (var offset = from; offset < from + count;)
        {
            offset += Fill(writer, offset, (int)Math.Min(ChunkBytes, from + count - offset), seed);
            await Wait.For(writer.FlushAsync(), $"the flush at offset {offset}");
        }
    }

    /// <summary>Writes <paramref name="count"/> bytes and FIN.</summary>
    public static async Task SendAsync(PipeWriter writer, long count, int seed = 0)
    {
        await WriteAsync(writer, count, seed);
        await writer.CompleteAsync();
    }

    public static int Fill(PipeWriter writer, long offset, int count, int seed)
    {
        var span = writer.GetSpan(count)[..count];
        for (var i = 0; i < span.Length; i++)
        {
            span[i] = At(offset + i, seed);
        }

        writer.Advance(count);
        return count;
    }

    /// <summary>Reads and checks to FIN and says how many bytes came.</summary>
    public static async Task<long> ReceiveAsync(PipeReader reader, int seed = 0)
    {
        var offset = 0L;
        while (true)
        {
            var read = await Wait.For(reader.ReadAsync(), $"bytes after offset {offset}");
            offset = Check(read.Buffer, offset, seed);
            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return offset;
            }
        }
    }

    /// <summary>Reads and checks exactly <paramref name="count"/> bytes.</summary>
    public static async Task ReadAsync(PipeReader reader, long count, int seed = 0, long from = 0)
    {
        for (var offset = from; offset < from + count;)
        {
            var read = await Wait.For(reader.ReadAsync(), $"bytes after offset {offset}");
            var bytes = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, from + count - offset));
            offset = Check(bytes, offset, seed);
            reader.AdvanceTo(bytes.End);
            Assert.False(read.IsCompleted && offset < from + count, $"the stream ended at offset {offset} of {from + count}");
        }
    }

    /// <summary>Writes chunks without anybody reading until a flush waits; returns that flush and how many bytes were handed over.</summary>
    public static async Task<(Task<FlushResult> Flush, long Written)> WriteUntilBlockedAsync(PipeWriter writer, int seed = 0)
    {
        var offset = 0L;
        while (true)
        {
            offset += Fill(writer, offset, ChunkBytes, seed);
            var flush = writer.FlushAsync().AsTask();
            if (!flush.IsCompleted && await Wait.StaysPending(flush))
            {
                return (flush, offset);
            }

            await flush;
            Assert.True(offset < 64 << 20, "64 MiB were handed over and nobody read any of it");
        }
    }

    private static long Check(ReadOnlySequence<byte> bytes, long offset, int seed)
    {
        foreach (var segment in bytes)
        {
            foreach (var value in segment.Span)
            {
                if (value != At(offset, seed))
                {
                    Assert.Fail($"byte {offset} is {value} instead of {At(offset, seed)}");
                }

                offset++;
            }
        }

        return offset;
    }
}
