using Broker.Transport.Ngtcp2.Engine;
using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>Keys change under a running connection (RFC 9001, section 6).</summary>
public sealed class KeyUpdateTests : Ngtcp2Tests
{
    [Fact]
    public async Task Both_sides_follow_a_key_update()
    {
        var pair = await ConnectPairAsync();
        var client = (Ngtcp2Connection)pair.Client;
        var server = (Ngtcp2Connection)pair.Server;
        await EchoAsync(pair.Client, pair.Server, 10_000);
        Assert.False(client.KeyPhase || server.KeyPhase);

        await Wait.For(client.InitiateKeyUpdateAsync(), "the key update to begin");
        await EchoAsync(pair.Client, pair.Server, 1_000_000);

        Assert.True(server.KeyPhase, "the client sends with new keys");
        Assert.True(client.KeyPhase, "the server sends with new keys");
    }

    [Fact]
    public async Task Second_update_before_the_first_was_acknowledged_is_refused()
    {
        var listener = await ListenAsync();
        await using var relay = new UdpRelay(listener.LocalEndPoint);
        var pair = await ConnectPairAsync(listener, options => options with { EndPoint = relay.EndPoint });
        await EchoAsync(pair.Client, pair.Server, 10_000);
        relay.PassToClient = _ => false;

        var client = (Ngtcp2Connection)pair.Client;
        await Wait.For(client.InitiateKeyUpdateAsync(), "the first update to begin");

        await Wait.ForFailure(QuicError.Transport, client.InitiateKeyUpdateAsync(), "the second update");
    }
}
