using System.Net;
using Broker.Transport.Ngtcp2;

namespace Broker.Transport.Tests.Ngtcp2;

public sealed class ApplicationProtocolLimitTests
{
    [Theory]
    [InlineData(31, true)]
    [InlineData(32, false)]
    public async Task Name_longer_than_GnuTLS_takes_is_refused_by_name(int length, bool taken)
    {
        if (!Ngtcp2Transport.IsSupported(out var reason))
        {
            Assert.Skip(reason);
        }

        await using var transport = new Ngtcp2Transport();
        var options = new QuicListenerOptions
        {
            EndPoint = new IPEndPoint(IPAddress.Loopback, 0),
            Tls = TestCertificates.Server,
            ApplicationProtocols = [new string('p', length)],
        };
        if (taken)
        {
            await using var listener = await transport.ListenAsync(options);
            return;
        }

        var failure = await Assert.ThrowsAsync<QuicTransportException>(async () => await transport.ListenAsync(options));
        Assert.Equal(QuicError.InvalidConfiguration, failure.Error);
        Assert.Contains("31", failure.Message, StringComparison.Ordinal);
    }
}
