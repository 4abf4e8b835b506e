using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Broker.Coordination.Etcd;
using Broker.Coordination.Tests.Contract;
using static Broker.Coordination.Tests.Contract.Texts;

namespace Broker.Coordination.Tests.Etcd;

/// <summary>An etcd that asks for a client certificate.</summary>
public sealed class TlsTests : IAsyncLifetime
{
    private readonly Certificates _certificates = new();
    private EtcdCluster _cluster = null!;
    private X509Certificate2 _client = null!;

    public async ValueTask InitializeAsync()
    {
        _client = _certificates.Issue("broker");
        var access = new EtcdOptions { Endpoints = [], KeyPrefix = "/", CertificateAuthorities = [_certificates.Authority], ClientCertificate = _client };
        _cluster = await EtcdCluster.StartAsync(options: _certificates.EtcdOptions(), access: access);
    }

    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        _client.Dispose();
        _certificates.Dispose();
    }

    [Fact]
    public async Task A_client_with_a_certificate_is_served_and_others_are_told_what_is_wrong()
    {
        await using (var store = _cluster.Open())
        {
            await using var watch = new WatchReader(store, "", 0);
            await using var lease = await store.GrantLeaseAsync(TimeSpan.FromSeconds(5)).Soon("a lease");
            await store.CommitAsync(Do(Put("a", "1", lease))).Soon("a transaction");
            Assert.Equal("a=1", (await watch.NextAsync()).Text());
            Assert.Equal("a=1", (await store.ReadAsync("").Soon("a read")).Text());
        }

        using var others = new Certificates();
        using var stranger = others.Issue("stranger");
        Assert.Contains("set ClientCertificate", await RefusalAsync(options => options with { ClientCertificate = null }), StringComparison.Ordinal);
        Assert.Contains("no TLS connection: The remote certificate", await RefusalAsync(options => options with { CertificateAuthorities = [others.Authority] }), StringComparison.Ordinal);
        Assert.Contains("--trusted-ca-file", await RefusalAsync(options => options with { ClientCertificate = stranger }), StringComparison.Ordinal);
        Assert.Contains("make them https", await RefusalAsync(options => options with
        {
            Endpoints = [new Uri($"http://127.0.0.1:{_cluster.Member.Address.Port}")],
            ClientCertificate = null,
            CertificateAuthorities = null,
        }), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_user_who_may_not_is_told_what_he_would_need()
    {
        using var handler = new SocketsHttpHandler();
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, CustomTrustStore = { _certificates.Authority } };
        handler.SslOptions = new SslClientAuthenticationOptions { ClientCertificates = [_client], CertificateChainPolicy = policy };
        using var gateway = new HttpClient(handler) { BaseAddress = _cluster.Member.Address };
        await PostAsync(gateway, "user/add", """{"name":"root","password":"root"}""");
        await PostAsync(gateway, "user/add", """{"name":"broker","password":"broker"}""");
        await PostAsync(gateway, "user/grant", """{"user":"root","role":"root"}""");
        await PostAsync(gateway, "auth/enable", "{}");
        await using var store = _cluster.Open(Impatient);
        var refused = await Assert.ThrowsAsync<MetadataUnavailableException>(() => store.CommitAsync(Do(Put("a", "1"))).Soon("a refusal"));
        Assert.True(refused.NothingChanged);
        Assert.Contains("must be a user of etcd with a role", refused.Message, StringComparison.Ordinal);
        refused = await Assert.ThrowsAsync<MetadataUnavailableException>(() => store.ReadAsync("").Soon("a refusal"));
        Assert.Contains("must be a user of etcd with a role", refused.Message, StringComparison.Ordinal);
        await using var watch = new WatchReader(store, "", 0);
        refused = await Assert.ThrowsAsync<MetadataUnavailableException>(watch.NextAsync);
        Assert.Contains("must be a user of etcd with a role", refused.Message, StringComparison.Ordinal);
    }

    private static EtcdOptions Impatient(EtcdOptions options) => options with { TryTimeout = TimeSpan.FromSeconds(1), Patience = TimeSpan.FromSeconds(1) };

    private static async Task PostAsync(HttpClient gateway, string path, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await gateway.PostAsync(new Uri($"/v3/auth/{path}".Replace("auth/auth", "auth", StringComparison.Ordinal), UriKind.Relative), content);
        Assert.True(response.IsSuccessStatusCode, $"{path}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}");
    }

    private async Task<string> RefusalAsync(Func<EtcdOptions, EtcdOptions> change)
    {
        await using var store = _cluster.Open(options => Impatient(change(options)));
        return (await Assert.ThrowsAsync<MetadataUnavailableException>(() => store.ReadAsync("").Soon("the end of the patience"))).Message;
    }
}
