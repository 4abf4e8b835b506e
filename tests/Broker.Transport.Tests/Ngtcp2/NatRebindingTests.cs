using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>A connection is known by its ids, not by its addresses (RFC 9000, section 9.3).</summary>
public sealed class NatRebindingTests : Ngtcp2Tests
{
    [Fact]
    public async Task Connection_survives_a_change_of_the_clients_port()
    {
        var listener = await ListenAsync();
        await using var relay = new UdpRelay(listener.LocalEndPoint);
        var pair = await ConnectPairAsync(listener, client => client with { EndPoint = relay.EndPoint });
        await EchoAsync(pair.Client, pair.Server, 100_000);
        Assert.Equal(relay.OuterEndPoint, pair.Server.RemoteEndPoint);

        relay.Rebind();
        await EchoAsync(pair.Client, pair.Server, 100_000);

        await Wait.Until(() => pair.Server.RemoteEndPoint.Equals(relay.OuterEndPoint), "the server knows the new address");
    }
}
