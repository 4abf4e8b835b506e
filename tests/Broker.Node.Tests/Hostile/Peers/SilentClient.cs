using Broker.Protocol;

namespace Broker.Node.Tests.Hostile.Peers;

/// <summary>Connects and says nothing, or too little. The node must not wait for ever.</summary>
internal sealed class SilentClient : HostilePeer
{
    private static readonly byte[][] s_beginnings = [[(byte)StreamKind.Control], [(byte)StreamKind.Control, (byte)FrameType.Hello, 0x20]];

    public override int Company => 256;

    public override async Task AttackAsync(HostileTarget target, Random random)
    {
        await using var connection = await target.Transport.ConnectAsync(target.Options);
        if (random.Next(2) == 0)
        {
            var stream = await connection.OpenStreamAsync();
            await stream.Output.WriteAsync(s_beginnings[random.Next(s_beginnings.Length)]);
        }

        if (random.Next(4) == 0)
        {
            return; // leaves without a word, too
        }

        var end = await Processes.Wait.For(connection.Closed, "the node to lose patience with a silent client");
        Assert.Equal((long)ErrorCode.HandshakeTimeout, end.ErrorCode);
    }
}
