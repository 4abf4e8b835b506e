using System.Buffers;
using Broker.Actors.Tests.Nodes;
using Broker.Protocol;

namespace Broker.Node.Tests.Hostile.Peers;

/// <summary>Announces more than anybody has: frames of up to 2^62 - 1 bytes on each kind of stream.</summary>
internal sealed class OversizeFrames : HostilePeer
{
    private const ulong LargestVarint = (1UL << 62) - 1;
    private static readonly StreamKind[] s_kinds = [StreamKind.Publish, StreamKind.Consume, StreamKind.Request];

    public override async Task AttackAsync(HostileTarget target, Random random)
    {
        await using var connection = await ConnectAsync(target);
        foreach (var kind in s_kinds)
        {
            var stream = await connection.OpenAsync(kind);
            await stream.SendAsync(w => Announce(w, kind, random));
            var error = await stream.ExpectErrorAsync();
            Assert.True(error.Code == ErrorCode.FrameTooLarge, $"{kind}: {error.Code}: {error.Reason}");
        }

        // On the control stream it is the connection that is over.
        await using var other = new WireConnection(await target.Transport.ConnectAsync(target.Options));
        var control = await other.OpenAsync(StreamKind.Control);
        await control.SendAsync(w => Announce(w, StreamKind.Control, random));
        var end = await other.ClosedAsync();
        Assert.True(end.ErrorCode == (long)ErrorCode.FrameTooLarge, $"{end}");
    }

    private static void Announce(IBufferWriter<byte> writer, StreamKind kind, Random random)
    {
        Span<byte> varint = stackalloc byte[8];
        var type = kind switch
        {
            StreamKind.Publish => FrameType.PublisherOpen,
            StreamKind.Consume => FrameType.Subscribe,
            StreamKind.Request => FrameType.DeclareQueue,
            _ => FrameType.Hello,
        };
        writer.Write(varint[..Varint.Write(varint, (ulong)type)]);
        writer.Write(varint[..Varint.Write(varint, random.Next(2) == 0 ? LargestVarint : LargestVarint >> random.Next(30))]);
        writer.Write(RandomBytes(random, 64));
    }
}
