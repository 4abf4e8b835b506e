namespace Broker.Transport.Tests.Contract;

/// <summary>A listener changes its certificate and trust without touching the connections that it has.</summary>
public abstract class UpdateTlsContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    [Fact]
    public async Task New_certificate_serves_new_connections_and_old_ones_stay()
    {
        var old = await ConnectPairAsync();

        old.Listener.UpdateTls(TestCertificates.OtherServer);
        var renewed = await ConnectPairAsync(old.Listener);

        Assert.Equal(TestCertificates.LeafOf(TestCertificates.OtherServer), renewed.Client.PeerCertificate?.ToArray());
        Assert.Equal(TestCertificates.LeafOf(TestCertificates.Server), old.Client.PeerCertificate?.ToArray());
        await OpenStreamAsync(old.Client, old.Server);
    }

    [Fact]
    public async Task New_trust_refuses_clients_of_the_old_authority()
    {
        var old = await ConnectPairAsync();

        old.Listener.UpdateTls(TestCertificates.Server with { TrustedRootsPem = TestCertificates.RogueAuthority.Pem });
        var trusted = await ConnectPairAsync(old.Listener, client => client with { Tls = TestCertificates.RogueClient });
        await Assert.ThrowsAsync<QuicTransportException>(async () =>
        {
            var refused = await Wait.For(Transport.ConnectAsync(ClientOf(old.Listener)), "the client of the old authority");
            throw (await Wait.For(refused.Closed, "the refused client to see the end")).ToException();
        });

        await OpenStreamAsync(trusted.Client, trusted.Server);
        await OpenStreamAsync(old.Client, old.Server);
    }

    [Fact]
    public async Task Broken_files_change_nothing()
    {
        var listener = await ListenAsync();

        var failure = Assert.Throws<QuicTransportException>(
            () => listener.UpdateTls(TestCertificates.OtherServer with { CertificatePem = "no certificate"u8.ToArray() }));

        Assert.Equal(QuicError.InvalidConfiguration, failure.Error);
        var pair = await ConnectPairAsync(listener);
        Assert.Equal(TestCertificates.LeafOf(TestCertificates.Server), pair.Client.PeerCertificate?.ToArray());
    }
}
