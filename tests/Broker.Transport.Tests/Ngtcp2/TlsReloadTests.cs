using Broker.Transport.Ngtcp2;
using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>Replaced credentials live exactly as long as a connection that uses them.</summary>
[Collection(ProcessWideCounters.Name)]
public sealed class TlsReloadTests : Ngtcp2Tests
{
    [Fact]
    public async Task Old_credentials_go_with_their_last_connection()
    {
        var listener = await ListenAsync();
        var pair = await ConnectPairAsync(listener);
        var before = ProcessWideCounters.WithoutGarbage().TlsCredentials;

        listener.UpdateTls(TestCertificates.OtherServer);
        Assert.Equal(before + 1, Ngtcp2Diagnostics.Current.TlsCredentials);
        await EchoAsync(pair.Client, pair.Server, 10_000);
        Assert.Equal(before + 1, Ngtcp2Diagnostics.Current.TlsCredentials);

        await Wait.For(pair.Server.CloseAsync(0), "the old connection to close");
        await Wait.For(pair.Client.Closed, "the client to see it");
        await Wait.Until(() => Ngtcp2Diagnostics.Current.TlsCredentials == before, "the old credentials are freed");
    }

    [Fact]
    public async Task Unused_old_credentials_go_at_once()
    {
        var listener = await ListenAsync();
        var before = ProcessWideCounters.WithoutGarbage().TlsCredentials;

        for (var i = 0; i < 20; i++)
        {
            listener.UpdateTls(i % 2 == 0 ? TestCertificates.OtherServer : TestCertificates.Server);
        }

        await Wait.Until(() => Ngtcp2Diagnostics.Current.TlsCredentials == before, "only the newest credentials are left");
    }
}
