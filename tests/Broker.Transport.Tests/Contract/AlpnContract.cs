namespace Broker.Transport.Tests.Contract;

/// <summary>The server chooses the application protocol from what the client offers (RFC 7301).</summary>
public abstract class AlpnContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    [Theory]
    [InlineData("a/1", "a/1", "a/1")]
    [InlineData("a/1,b/1", "b/1", "b/1")]
    [InlineData("a/1,b/1", "b/1,a/1", "a/1")]
    [InlineData("a/1,b/1", "x/9,b/1", "b/1")]
    public async Task Servers_first_protocol_that_the_client_offers_wins(string server, string client, string expected)
    {
        var pair = await ConnectPairAsync(
            options => options with { ApplicationProtocols = server.Split(',') }, options => options with { ApplicationProtocols = client.Split(',') });

        Assert.Equal([expected, expected], [pair.Client.ApplicationProtocol, pair.Server.ApplicationProtocol]);
    }

    [Fact]
    public async Task Nothing_in_common_fails_the_handshake_on_both_sides()
    {
        var listener = await ListenAsync(options => options with { ApplicationProtocols = ["a/1"] });

        await Wait.ForFailure(
            QuicError.ProtocolMismatch,
            () => Transport.ConnectAsync(ClientOf(listener) with { ApplicationProtocols = ["b/1"] }),
            "the handshake without a common protocol");

        await ConnectPairAsync(listener, options => options with { ApplicationProtocols = ["a/1"] });
        Assert.Equal(1, listener.Statistics.ConnectionsAccepted);
    }
}
