namespace Broker.Transport.Tests.Contract;

/// <summary>Options that cannot work fail before anything starts, and the text helps.</summary>
public abstract class ConfigurationContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    [Theory]
    [MemberData(nameof(BadListenerOptions.All), MemberType = typeof(BadListenerOptions), DisableDiscoveryEnumeration = true)]
    public async Task Listener_refuses_bad_options_and_names(string option, Func<QuicListenerOptions, QuicListenerOptions> change)
    {
        var failure = await Wait.ForFailure(
            QuicError.InvalidConfiguration, Task.Run(async () => await Transport.ListenAsync(change(ListenerDefaults))), $"a listener with a bad {option}");

        Assert.Contains(option, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Client_refuses_bad_options_and_names_them()
    {
        var listener = await ListenAsync();

        var failure = await Wait.ForFailure(
            QuicError.InvalidConfiguration,
            Task.Run(async () => await Transport.ConnectAsync(ClientOf(listener) with { Tls = TestCertificates.Client with { TrustedRootsPem = default } })),
            "a client that trusts nobody");

        Assert.Contains("TrustedRootsPem", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_file_is_named()
    {
        var failure = Assert.Throws<QuicTransportException>(() => QuicTlsOptions.FromFiles("/nowhere/server.crt", "/nowhere/server.key", "/nowhere/ca.crt"));

        Assert.Equal(QuicError.InvalidConfiguration, failure.Error);
        Assert.Contains("/nowhere/server.crt", failure.Message, StringComparison.Ordinal);
    }
}

/// <summary>One mistake each, and the word that the error must contain.</summary>
public static class BadListenerOptions
{
    public static TheoryData<string, Func<QuicListenerOptions, QuicListenerOptions>> All => new()
    {
        { "application protocol", options => options with { ApplicationProtocols = [] } },
        { "ALPN", options => options with { ApplicationProtocols = [new string('x', 256)] } },
        { "IdleTimeout", options => options with { IdleTimeout = TimeSpan.FromMilliseconds(99) } },
        { "KeepAliveInterval", options => options with { KeepAliveInterval = TimeSpan.FromSeconds(-1) } },
        { "HandshakeTimeout", options => options with { HandshakeTimeout = TimeSpan.Zero } },
        { "MaxInboundStreams", options => options with { MaxInboundStreams = 65536 } },
        { "StreamReceiveWindow", options => options with { StreamReceiveWindow = 100_000 } },
        { "ConnectionReceiveWindow", options => options with { ConnectionReceiveWindow = 1 << 20 } },
        { "SendBufferSize", options => options with { SendBufferSize = 100 } },
        { "error codes", options => options with { DefaultStreamErrorCode = -1 } },
        { "certificate", options => options with { Tls = TestCertificates.AnonymousClient } },
        { "StatelessResetKey", options => options with { StatelessResetKey = new byte[8] } },
        { "PrivateKeyPem", options => options with { Tls = TestCertificates.Server with { PrivateKeyPem = TestCertificates.OtherServer.PrivateKeyPem } } },
        { "CertificatePem", options => options with { Tls = TestCertificates.Server with { CertificatePem = "rubbish"u8.ToArray() } } },
        { "TrustedRootsPem", options => options with { Tls = TestCertificates.Server with { TrustedRootsPem = "rubbish"u8.ToArray() } } },
    };
}
