using Broker.Coordination.Etcd;

namespace Broker.Coordination.Tests.Etcd;

public sealed class EtcdOptionsTests
{
    private static readonly EtcdOptions s_right = new() { Endpoints = [new Uri("http://127.0.0.1:2379")], KeyPrefix = "/broker/test/" };

    public static TheoryData<string, EtcdOptions> Wrong => new()
    {
        { "Endpoints has 0 addresses; it must have 1 to 16", s_right with { Endpoints = [] } },
        { "must be http or https, a host and a port", s_right with { Endpoints = [new Uri("tcp://127.0.0.1:2379")] } },
        { "must be http or https, a host and a port", s_right with { Endpoints = [new Uri("http://127.0.0.1:2379/v3")] } },
        { "must both be http or both be https", s_right with { Endpoints = [new Uri("http://127.0.0.1:2379"), new Uri("https://127.0.0.1:2378")] } },
        { "occurs twice", s_right with { Endpoints = [new Uri("http://127.0.0.1:2379"), new Uri("http://127.0.0.1:2379/")] } },
        { "KeyPrefix '' has 0 bytes", s_right with { KeyPrefix = "" } },
        { "must end with a slash", s_right with { KeyPrefix = "/broker" } },
        { "TryTimeout 0.05 s must be between 0.1 and 10 s", s_right with { TryTimeout = TimeSpan.FromMilliseconds(50) } },
        { "Patience 0.5 s must be between 1 and 60 s", s_right with { Patience = TimeSpan.FromMilliseconds(500) } },
        { "WatchSilence", s_right with { WatchSilence = TimeSpan.Zero } },
        { "WatchPatience 1 s must be between 1.001 and 300 s", s_right with { WatchPatience = TimeSpan.FromSeconds(1) } },
        { "PageKeys 257 must be between 1 and 256", s_right with { PageKeys = 257 } },
        { "make them https", s_right with { CertificateAuthorities = [] } },
        { "no member could be trusted", s_right with { Endpoints = [new Uri("https://127.0.0.1:2379")], CertificateAuthorities = [] } },
    };

    [Theory]
    [MemberData(nameof(Wrong), DisableDiscoveryEnumeration = true)]
    public void An_option_that_is_wrong_is_named_with_what_would_be_right(string says, EtcdOptions options) =>
        Assert.Contains(says, Assert.Throws<ArgumentException>(() => EtcdMetadataStore.Open(options)).Message, StringComparison.Ordinal);

    [Fact]
    public async Task A_store_opens_without_etcd() => await EtcdMetadataStore.Open(s_right).DisposeAsync();
}
