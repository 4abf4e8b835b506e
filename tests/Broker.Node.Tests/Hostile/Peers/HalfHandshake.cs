using Broker.Transport;

namespace Broker.Node.Tests.Hostile.Peers;

/// <summary>A handshake that stops half-way: the node hears the first datagrams and then nothing, the client hears few answers or none.</summary>
internal sealed class HalfHandshake : HostilePeer
{
    public override int Company => 32;

    public override async Task AttackAsync(HostileTarget target, Random random)
    {
        await using var relay = new UdpRelay(target.Address, clientDatagrams: random.Next(1, 4), serverDatagrams: random.Next(2));
        var patience = TimeSpan.FromMilliseconds(random.Next(50, 500));
        var failure = await Record.ExceptionAsync(async () =>
        {
            await using var connection = await target.Transport.ConnectAsync(target.Options with { EndPoint = relay.Address, HandshakeTimeout = patience });
        });
        Assert.True(failure is null or QuicTransportException, $"a half handshake ended in {failure}");
    }
}
