using System.Net;

namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>A server on all addresses answers from the one that it was reached at; from another, the client would not know it.</summary>
public sealed class WildcardAddressTests : Ngtcp2Tests
{
    [Theory]
    [InlineData("0.0.0.0", "127.0.0.1")]
    [InlineData("0.0.0.0", "127.0.0.2")]
    [InlineData("::", "127.0.0.2")]
    [InlineData("::", "::1")]
    public async Task Answer_comes_from_the_address_that_was_asked(string bound, string reached)
    {
        if (bound.Contains(':', StringComparison.Ordinal))
        {
            RequireIpv6();
        }

        var listener = await ListenAsync(options => options with { EndPoint = new IPEndPoint(IPAddress.Parse(bound), 0) });
        var target = new IPEndPoint(IPAddress.Parse(reached), listener.LocalEndPoint.Port);
        var pair = await ConnectPairAsync(listener, client => client with { EndPoint = target });

        Assert.Equal(target, pair.Server.LocalEndPoint);
        Assert.Equal(target.AddressFamily, pair.Server.RemoteEndPoint.AddressFamily);
        Assert.Equal(pair.Client.LocalEndPoint, pair.Server.RemoteEndPoint);
        await EchoAsync(pair.Client, pair.Server, 1_000_000);
    }

    [Fact]
    public async Task Client_sends_from_the_address_it_is_told_to()
    {
        var listener = await ListenAsync();
        var pair = await ConnectPairAsync(listener, client => client with { LocalEndPoint = new IPEndPoint(IPAddress.Parse("127.0.0.5"), 0) });

        Assert.Equal(IPAddress.Parse("127.0.0.5"), pair.Server.RemoteEndPoint.Address);
        Assert.Equal(pair.Client.LocalEndPoint, pair.Server.RemoteEndPoint);
    }
}
