using System.Buffers;
using Broker.Node.Tests.Processes;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Node.Tests.Hostile.Peers;

/// <summary>Frames of every type, with payloads of no meaning, on every kind of stream. Whatever they do: a stream that the client ends, the node ends too.</summary>
internal sealed class RandomFrames : HostilePeer
{
    private static readonly FrameType[] s_types = Enum.GetValues<FrameType>();

    public override async Task AttackAsync(HostileTarget target, Random random)
    {
        await using var connection = await ConnectAsync(target);
        for (var kind = StreamKind.Publish; kind <= StreamKind.Admin; kind++)
        {
            var stream = await connection.Quic.OpenStreamAsync();
            var sending = SendAsync(stream, kind, random);
            await Wait.For(DrainAsync(stream), $"the end of a {kind} stream of random frames");
            await sending;
        }

        Assert.False(connection.Quic.Closed.IsCompleted, "random frames have ended the connection");
    }

    private static async Task SendAsync(IQuicStream stream, StreamKind kind, Random random)
    {
        StreamHeader.Write(stream.Output, kind);
        for (var frames = random.Next(1, 8); frames > 0; frames--)
        {
            Write(stream.Output, random.Next(4) == 0 ? (FrameType)random.Next(0x60) : s_types[random.Next(s_types.Length)], RandomBytes(random, 300));
        }

        try
        {
            await stream.Output.FlushAsync();
            await stream.Output.CompleteAsync();
        }
        catch (QuicTransportException)
        {
            // The node has seen enough.
        }
    }

    private static async Task DrainAsync(IQuicStream stream)
    {
        try
        {
            while (true)
            {
                var read = await stream.Input.ReadAsync();
                stream.Input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                {
                    return;
                }
            }
        }
        catch (QuicTransportException e) when (e.Error == QuicError.StreamAborted)
        {
            // An end as well.
        }
    }

    private static void Write(IBufferWriter<byte> writer, FrameType type, byte[] payload)
    {
        Span<byte> varint = stackalloc byte[8];
        writer.Write(varint[..Varint.Write(varint, (ulong)type)]);
        writer.Write(varint[..Varint.Write(varint, (ulong)payload.Length)]);
        writer.Write(payload);
    }
}
