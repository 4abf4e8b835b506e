namespace Broker.Transport.Tests.Contract;

/// <summary>Each side judges the other's certificate: authority, usage, validity and, for servers, the name.</summary>
public abstract class MutualTlsContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    [Theory]
    [InlineData("no certificate")]
    [InlineData("foreign authority")]
    [InlineData("server's usage")]
    [InlineData("expired")]
    public async Task Server_refuses_a_client_with(string flaw)
    {
        var listener = await ListenAsync();
        var accept = listener.AcceptConnectionAsync().AsTask();

        // The client may see its handshake complete before the server has judged it; then the connection must end by itself.
        var outcome = await ConnectOrCloseAsync(listener, ClientWith(flaw));

        Assert.Equal(QuicError.TlsFailed, outcome);
        await Wait.Until(() => listener.Statistics.HandshakesFailed == 1, "the failed handshake is counted");
        Assert.Equal(0, listener.Statistics.ConnectionsAccepted);
        Assert.False(accept.IsCompleted, "a refused client was accepted");
        _ = await ConnectAsync(listener);
        Assert.NotNull(await Wait.For(accept, "the listener to accept a good client afterwards"));
    }

    [Theory]
    [InlineData("foreign authority")]
    [InlineData("another host")]
    [InlineData("client's usage")]
    public async Task Client_refuses_a_server_with(string flaw)
    {
        var listener = await ListenAsync(options => options with { Tls = ServerWith(flaw) });

        await Wait.ForFailure(QuicError.TlsFailed, () => Transport.ConnectAsync(ClientOf(listener)), "the handshake with a bad server");
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public async Task Client_accepts_each_name_in_the_certificate(string name) =>
        await ConnectPairAsync(client: options => options with { ServerName = name });

    [Theory]
    [InlineData("other.example")]
    [InlineData("127.0.0.2")]
    [InlineData("sub.localhost")]
    public async Task Client_refuses_a_name_that_is_not_in_the_certificate(string name)
    {
        var listener = await ListenAsync();

        await Wait.ForFailure(
            QuicError.TlsFailed, () => Transport.ConnectAsync(ClientOf(listener) with { ServerName = name }), "the handshake under a wrong name");
    }

    [Fact]
    public async Task Both_sides_expose_the_peers_certificate()
    {
        var pair = await ConnectPairAsync();

        Assert.Equal(TestCertificates.LeafOf(TestCertificates.Server), pair.Client.PeerCertificate?.ToArray());
        Assert.Equal(TestCertificates.LeafOf(TestCertificates.Client), pair.Server.PeerCertificate?.ToArray());
    }

    [Fact]
    public async Task Client_without_a_certificate_is_welcome_where_none_is_required()
    {
        var pair = await ConnectPairAsync(
            server => server with { RequireClientCertificate = false }, client => client with { Tls = TestCertificates.AnonymousClient });

        Assert.Null(pair.Server.PeerCertificate);
        await OpenStreamAsync(pair.Client, pair.Server);
    }

    private static QuicTlsOptions ClientWith(string flaw) => flaw switch
    {
        "no certificate" => TestCertificates.AnonymousClient,
        "foreign authority" => TestCertificates.RogueClient,
        "server's usage" => TestCertificates.ClientWithServerUsage,
        "expired" => TestCertificates.ExpiredClient,
        _ => throw new ArgumentOutOfRangeException(nameof(flaw)),
    };

    private static QuicTlsOptions ServerWith(string flaw) => flaw switch
    {
        "foreign authority" => TestCertificates.RogueServer,
        "another host" => TestCertificates.ServerOfAnotherHost,
        "client's usage" => TestCertificates.ServerWithClientUsage,
        _ => throw new ArgumentOutOfRangeException(nameof(flaw)),
    };

    private async Task<QuicError> ConnectOrCloseAsync(IQuicListener listener, QuicTlsOptions tls)
    {
        try
        {
            var connection = await Wait.For(Transport.ConnectAsync(ClientOf(listener) with { Tls = tls }), "the client's handshake");
            return (await Wait.For(connection.Closed, "the refused client to see the end")).Error;
        }
        catch (QuicTransportException e)
        {
            return e.Error;
        }
    }
}
