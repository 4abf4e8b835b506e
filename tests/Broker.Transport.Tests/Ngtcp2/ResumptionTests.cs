using Broker.Transport.Ngtcp2.Engine;
using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>Later handshakes with a server are short (RFC 8446, section 2.2).</summary>
public sealed class ResumptionTests : Ngtcp2Tests
{
    private readonly QuicSessionCache _cache = new();

    [Fact]
    public async Task Second_connection_resumes_and_keeps_the_clients_identity()
    {
        var listener = await ListenAsync();
        var first = await ConnectPairAsync(listener, client => client with { SessionCache = _cache });
        Assert.False(((Ngtcp2Connection)first.Server).IsResumed);
        await Wait.Until(() => _cache.Get("localhost") != null, "the client has a ticket");

        var second = await ConnectPairAsync(listener, client => client with { SessionCache = _cache });

        Assert.True(((Ngtcp2Connection)second.Client).IsResumed);
        Assert.True(((Ngtcp2Connection)second.Server).IsResumed);
        Assert.Equal(TestCertificates.LeafOf(TestCertificates.Client), second.Server.PeerCertificate?.ToArray());
        await EchoAsync(second.Client, second.Server, 10_000);
    }

    [Fact]
    public async Task Ticket_of_before_a_reload_costs_a_full_handshake()
    {
        var listener = await ListenAsync();
        await ConnectPairAsync(listener, client => client with { SessionCache = _cache });
        await Wait.Until(() => _cache.Get("localhost") != null, "the client has a ticket");

        listener.UpdateTls(TestCertificates.OtherServer);
        var second = await ConnectPairAsync(listener, client => client with { SessionCache = _cache });

        Assert.False(((Ngtcp2Connection)second.Server).IsResumed);
        Assert.Equal(TestCertificates.LeafOf(TestCertificates.OtherServer), second.Client.PeerCertificate?.ToArray());
    }

    [Fact]
    public async Task Rubbish_in_the_cache_costs_a_full_handshake()
    {
        var listener = await ListenAsync();
        _cache.Put("localhost", [1, 2, 3]);

        var pair = await ConnectPairAsync(listener, client => client with { SessionCache = _cache });

        Assert.False(((Ngtcp2Connection)pair.Client).IsResumed);
    }
}
