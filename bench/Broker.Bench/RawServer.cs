using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using Broker.Transport;

namespace Broker.Bench;

/// <summary>The other side of the raw transport's measurements: what a stream does is its first byte.</summary>
internal static class RawServer
{
    public const byte Sink = (byte)'S';
    public const byte Messages = (byte)'M';
    public const byte Echo = (byte)'E';

    public static async Task RunAsync(IQuicListener listener)
    {
        while (await listener.AcceptConnectionAsync() is { } connection)
        {
            _ = ServeAsync(connection);
        }
    }

    /// <summary>Counts messages, each a 4-byte little-endian length and so many bytes.</summary>
    public static async Task<long> CountMessagesAsync(PipeReader input)
    {
        long count = 0;
        while (true)
        {
            var read = await input.ReadAsync();
            var consumed = Count(read.Buffer, ref count);
            input.AdvanceTo(consumed, read.Buffer.End);
            if (read.IsCompleted)
            {
                return count;
            }
        }
    }

    private static SequencePosition Count(ReadOnlySequence<byte> buffer, ref long count)
    {
        var reader = new SequenceReader<byte>(buffer);
        while (reader.TryReadLittleEndian(out int length))
        {
            if (reader.Remaining < length)
            {
                reader.Rewind(4);
                break;
            }

            reader.Advance(length);
            count++;
        }

        return reader.Position;
    }

    private static async Task ServeAsync(IQuicConnection connection)
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await connection.AcceptStreamAsync());
            }
        }
        catch (QuicTransportException)
        {
            await connection.DisposeAsync();
        }
    }

    private static async Task ServeAsync(IQuicStream stream)
    {
        try
        {
            var first = await stream.Input.ReadAsync();
            if (first.Buffer.IsEmpty)
            {
                return;
            }

            var kind = first.Buffer.FirstSpan[0];
            stream.Input.AdvanceTo(first.Buffer.GetPosition(1));
            switch (kind)
            {
                case Sink:
                    await AnswerAsync(stream, await CountBytesAsync(stream.Input));
                    break;
                case Messages:
                    await AnswerAsync(stream, await CountMessagesAsync(stream.Input));
                    break;
                default:
                    await EchoAsync(stream);
                    break;
            }

            await stream.Output.CompleteAsync();
        }
        catch (QuicTransportException)
        {
            // the client is done
        }
        finally
        {
            await stream.DisposeAsync();
        }
    }

    private static async Task<long> CountBytesAsync(PipeReader input)
    {
        long count = 0;
        while (true)
        {
            var read = await input.ReadAsync();
            count += read.Buffer.Length;
            input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return count;
            }
        }
    }

    private static async Task EchoAsync(IQuicStream stream)
    {
        while (true)
        {
            var read = await stream.Input.ReadAsync();
            foreach (var segment in read.Buffer)
            {
                stream.Output.Write(segment.Span);
            }

            stream.Input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return;
            }

            await stream.Output.FlushAsync();
        }
    }

    private static async Task AnswerAsync(IQuicStream stream, long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(stream.Output.GetSpan(8), value);
        stream.Output.Advance(8);
        await stream.Output.FlushAsync();
    }
}
