using Broker.Protocol;
using Broker.Transport;

namespace Broker.Node.Tests.Hostile.Peers;

/// <summary>Opens many streams, begins a varint or a frame on each, and sends a byte now and then.</summary>
internal sealed class SlowLoris : HostilePeer
{
    private const int MaxStreams = 40;
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(50);

    public override int Company => 64;

    public override async Task AttackAsync(HostileTarget target, Random random)
    {
        await using var connection = await ConnectAsync(target);
        var streams = new List<IQuicStream>();
        for (var count = random.Next(1, MaxStreams); count > 0; count--)
        {
            var stream = await connection.Quic.OpenStreamAsync();
            await stream.Output.WriteAsync(Beginning(random));
            streams.Add(stream);
        }

        // The pace is the attack; nothing waits for it.
        for (var drips = random.Next(2, 30); drips > 0; drips--)
        {
            await Task.Delay(s_pause);
            var stream = streams[random.Next(streams.Count)];
            try
            {
                await stream.Output.WriteAsync(new byte[] { (byte)random.Next(256) });
            }
            catch (QuicTransportException e) when (e.Error == QuicError.StreamAborted)
            {
                streams.Remove(stream); // a byte that could not be the next one
            }

            if (streams.Count == 0)
            {
                break;
            }
        }

        Assert.False(connection.Quic.Closed.IsCompleted, "slow streams have ended the connection");
    }

    private static byte[] Beginning(Random random)
    {
        var kind = (byte)random.Next((int)StreamKind.Publish, (int)StreamKind.Admin + 1);
        return random.Next(5) switch
        {
            0 => [0xc0],                               // an eighth of a kind
            1 => [kind],
            2 => [kind, 0x40],                         // half a frame type
            3 => [kind, (byte)FrameType.Publish, 0x80, 0xff], // half a length
            _ => [kind, First(kind), 0x80, 0x00, 0x20, 0x00, 0x01], // a frame of 8 KiB that does not come
        };
    }

    private static byte First(byte kind) => (StreamKind)kind switch
    {
        StreamKind.Publish => (byte)FrameType.PublisherOpen,
        StreamKind.Consume => (byte)FrameType.Subscribe,
        StreamKind.Request => (byte)FrameType.DeclareQueue,
        _ => 0x10,
    };
}
