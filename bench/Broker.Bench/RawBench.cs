using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using Broker.Transport;

namespace Broker.Bench;

/// <summary>The QUIC transport by itself, one connection to another process: what everything above it is compared with.</summary>
internal sealed class RawBench(IQuicConnection connection, double seconds)
{
    private const int MessageBytes = 1024;
    private const int BatchMessages = 64;
    private const int ParallelStreams = 100;

    /// <summary>Bytes of one stream in writes of 64 KiB, in MiB/s.</summary>
    public async Task<double> BulkAsync()
    {
        await using var stream = await OpenAsync(RawServer.Sink);
        var block = new byte[65536];
        var clock = Stopwatch.StartNew();
        long sent = 0;
        while (clock.Elapsed.TotalSeconds < seconds)
        {
            await stream.Output.WriteAsync(block);
            sent += block.Length;
        }

        await FinishAsync(stream, sent);
        return sent / clock.Elapsed.TotalSeconds / (1 << 20);
    }

    /// <summary>Messages of 1 KiB on one stream, 64 to a write, per second.</summary>
    public async Task<double> MessagesAsync()
    {
        await using var stream = await OpenAsync(RawServer.Messages);
        var batch = new byte[BatchMessages * (MessageBytes + 4)];
        for (var i = 0; i < BatchMessages; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(batch.AsSpan(i * (MessageBytes + 4)), MessageBytes);
        }

        var clock = Stopwatch.StartNew();
        long sent = 0;
        while (clock.Elapsed.TotalSeconds < seconds)
        {
            await stream.Output.WriteAsync(batch);
            sent += BatchMessages;
        }

        await FinishAsync(stream, sent);
        return sent / clock.Elapsed.TotalSeconds;
    }

    /// <summary>100 bytes there and back, one after the other.</summary>
    public async Task<Latencies> RoundTripAsync()
    {
        await using var stream = await OpenAsync(RawServer.Echo);
        var latencies = new Latencies();
        var message = new byte[100];
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed.TotalSeconds < seconds)
        {
            var start = Stopwatch.GetTimestamp();
            await stream.Output.WriteAsync(message);
            await ReadAsync(stream, message.Length);
            latencies.Add(Stopwatch.GetElapsedTime(start));
        }

        return latencies;
    }

    /// <summary>Streams opened, echoed 100 bytes and closed, 100 at a time, per second.</summary>
    public async Task<double> StreamsAsync()
    {
        long done = 0;
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, ParallelStreams).Select(async _ =>
        {
            var message = new byte[101];
            message[0] = RawServer.Echo;
            while (clock.Elapsed.TotalSeconds < seconds)
            {
                await using var stream = await connection.OpenStreamAsync();
                stream.Output.Write(message);
                await stream.Output.CompleteAsync();
                await ReadAsync(stream, message.Length - 1);
                Interlocked.Increment(ref done);
            }
        }));
        return done / clock.Elapsed.TotalSeconds;
    }

    private async Task<IQuicStream> OpenAsync(byte kind)
    {
        var stream = await connection.OpenStreamAsync();
        stream.Output.Write([kind]);
        await stream.Output.FlushAsync();
        return stream;
    }

    private static async Task FinishAsync(IQuicStream stream, long expected)
    {
        await stream.Output.CompleteAsync();
        var counted = BinaryPrimitives.ReadInt64LittleEndian((await ReadAsync(stream, 8)).Span);
        if (counted != expected)
        {
            throw new InvalidOperationException($"the server counted {counted}, not {expected}");
        }
    }

    private static async Task<ReadOnlyMemory<byte>> ReadAsync(IQuicStream stream, int count)
    {
        var read = await stream.Input.ReadAtLeastAsync(count);
        var bytes = read.Buffer.Slice(0, count).ToArray();
        stream.Input.AdvanceTo(read.Buffer.GetPosition(count));
        return bytes;
    }
}
