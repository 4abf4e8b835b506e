using System.Net;
using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.Ngtcp2;

public sealed class Ipv6Tests : Ngtcp2Tests
{
    [Theory]
    [InlineData("localhost")]
    [InlineData("::1")]
    public async Task Connection_over_ipv6_carries_bytes(string serverName)
    {
        RequireIpv6();
        var listener = await ListenAsync(options => options with { EndPoint = new IPEndPoint(IPAddress.IPv6Loopback, 0) });
        var pair = await ConnectPairAsync(listener, client => client with { ServerName = serverName });

        await EchoAsync(pair.Client, pair.Server, 1_000_000);

        Assert.Equal(IPAddress.IPv6Loopback, pair.Server.RemoteEndPoint.Address);
        Assert.Equal(listener.LocalEndPoint, pair.Client.RemoteEndPoint);
    }

    [Fact]
    public async Task Wrong_ip_literal_is_refused()
    {
        RequireIpv6();
        var listener = await ListenAsync(options => options with { EndPoint = new IPEndPoint(IPAddress.IPv6Loopback, 0) });

        await Wait.ForFailure(QuicError.TlsFailed, Task.Run(async () => await Transport.ConnectAsync(ClientOf(listener) with { ServerName = "::2" })), "a connection to another address's certificate");
    }
}
