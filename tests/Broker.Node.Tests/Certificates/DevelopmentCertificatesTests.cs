using System.Security.Cryptography.X509Certificates;
using Broker.Node.Certificates;

namespace Broker.Node.Tests.Certificates;

public sealed class DevelopmentCertificatesTests : IDisposable
{
    private static readonly string[] s_all = ["ca", "server", "client", "admin"];
    private readonly TemporaryFolder _folder = new();
    private readonly SettableTime _time = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void An_empty_folder_gets_all_four()
    {
        Assert.Equal(s_all, Ensure());
        foreach (var name in s_all)
        {
            using var certificate = Load(name);
            Assert.True(certificate.HasPrivateKey);
        }
    }

    [Fact]
    public void What_is_valid_is_left_alone()
    {
        Ensure();
        var before = File.ReadAllText(_folder["server.pem"]);

        Assert.Empty(Ensure());
        Assert.Equal(before, File.ReadAllText(_folder["server.pem"]));
    }

    [Fact]
    public void A_missing_leaf_is_made_by_the_same_authority()
    {
        Ensure();
        File.Delete(_folder["client.key"]);

        Assert.Equal(["client"], Ensure());
        Assert.True(IsTrusted("client"));
    }

    [Fact]
    public void A_leaf_about_to_expire_is_renewed()
    {
        Ensure();
        _time.Now += TimeSpan.FromDays(355);

        Assert.Equal(["server", "client", "admin"], Ensure());
    }

    [Fact]
    public void An_expired_authority_is_replaced_with_all_it_signed()
    {
        Ensure();
        _time.Now += TimeSpan.FromDays(2 * 365);

        Assert.Equal(s_all, Ensure());
    }

    [Fact]
    public void A_lost_authority_key_replaces_everything()
    {
        Ensure();
        File.Delete(_folder["ca.key"]);

        Assert.Equal(s_all, Ensure());
        Assert.True(IsTrusted("server"));
    }

    [Fact]
    public void A_key_of_another_certificate_is_noticed()
    {
        Ensure();
        File.Copy(_folder["client.key"], _folder["admin.key"], overwrite: true);

        Assert.Equal(["admin"], Ensure());
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public void The_server_is_valid_for_this_machine(string name)
    {
        Ensure();
        using var server = Load("server");
        Assert.True(server.MatchesHostname(name));
    }

    [Fact]
    public void The_server_is_made_anew_for_a_name_that_it_lacks()
    {
        Ensure();

        Assert.Equal(["server"], Ensure("broker.example", "192.0.2.7"));
        using var server = Load("server");
        Assert.All(["broker.example", "192.0.2.7", "localhost"], name => Assert.True(server.MatchesHostname(name), name));
        Assert.Empty(Ensure());
    }

    [Fact]
    public void A_server_that_is_renewed_keeps_its_names()
    {
        Ensure("broker.example", "192.0.2.7");
        _time.Now += TimeSpan.FromDays(355);

        Assert.Contains("server", Ensure());
        using var server = Load("server");
        Assert.All(["broker.example", "192.0.2.7", "localhost"], name => Assert.True(server.MatchesHostname(name), name));
    }

    [Fact]
    public void A_name_that_no_server_can_have_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Ensure("broker example"));
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Theory]
    [InlineData("server", "1.3.6.1.5.5.7.3.1", "broker://role/node")]
    [InlineData("client", "1.3.6.1.5.5.7.3.2", "broker://role/client")]
    [InlineData("admin", "1.3.6.1.5.5.7.3.2", "broker://role/admin")]
    public void A_leaf_shows_its_user_usage_and_role(string name, string usage, string role)
    {
        Ensure();
        using var certificate = Load(name);

        Assert.Equal(name, certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false));
        Assert.Equal(role, certificate.GetNameInfo(X509NameType.UrlName, forIssuer: false));
        var usages = certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().Single().EnhancedKeyUsages;
        Assert.Equal([usage], usages.Cast<System.Security.Cryptography.Oid>().Select(oid => oid.Value!));
        Assert.False(certificate.Extensions.OfType<X509BasicConstraintsExtension>().Single().CertificateAuthority);
        Assert.True(IsTrusted(name));
    }

    [Fact]
    public void A_node_of_a_cluster_shows_its_name_to_whom_it_dials_and_who_dials_it()
    {
        Assert.Equal(["ca", "node-n1", "node-n2", "client", "admin"], EnsureNodes("n1", "n2"));
        using var certificate = Load("node-n1");

        Assert.Equal("n1", certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false));
        Assert.Equal("broker://role/node", certificate.GetNameInfo(X509NameType.UrlName, forIssuer: false));
        var usages = certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().Single().EnhancedKeyUsages;
        Assert.Equal(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"], usages.Cast<System.Security.Cryptography.Oid>().Select(oid => oid.Value!));
        Assert.True(certificate.MatchesHostname("127.0.0.1"));
        Assert.True(IsTrusted("node-n1"));
        Assert.Empty(EnsureNodes("n2", "n1"));
        Assert.Equal(["server"], Ensure());
    }

    [Fact]
    public async Task Nodes_that_start_at_once_share_an_authority()
    {
        var together = new Barrier(8);
        await Task.WhenAll(Enumerable.Range(1, 8).Select(i => Task.Factory.StartNew(
            () =>
            {
                together.SignalAndWait();
                EnsureNodes($"n{i}");
            },
            TaskCreationOptions.LongRunning)));
        Assert.All(Enumerable.Range(1, 8), i => Assert.True(IsTrusted($"node-n{i}"), $"n{i} is of another authority"));
        Assert.True(IsTrusted("client"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("../n1")]
    [InlineData("a-name-that-is-longer-than-the-sixty-four-characters-of-a-common-name")]
    public void A_node_name_that_no_certificate_can_have_is_refused(string node)
    {
        Assert.Throws<ArgumentException>(() => EnsureNodes(node));
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void A_leaf_of_another_authority_of_the_same_name_is_noticed()
    {
        Ensure();
        using var other = new TemporaryFolder();
        new DevelopmentCertificates(other.Path, _time).Ensure();
        File.Copy(other["admin.pem"], _folder["admin.pem"], overwrite: true);
        File.Copy(other["admin.key"], _folder["admin.key"], overwrite: true);

        Assert.Equal(["admin"], Ensure());
        Assert.True(IsTrusted("admin"));
    }

    [Fact]
    public void Only_the_owner_may_read_a_key()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows has no file modes");
        }

        Ensure();
        foreach (var key in Directory.GetFiles(_folder.Path, "*.key"))
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, new FileInfo(key).UnixFileMode);
        }
    }

    [Fact]
    public void A_further_user_gets_a_certificate()
    {
        new DevelopmentCertificates(_folder.Path, _time).Issue("alice", CertificateRole.Admin);

        using var alice = Load("alice");
        Assert.Equal("broker://role/admin", alice.GetNameInfo(X509NameType.UrlName, forIssuer: false));
        Assert.True(IsTrusted("alice"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("ca")]
    [InlineData("server")]
    [InlineData("node-n1")]
    [InlineData("lock")]
    [InlineData("../alice")]
    [InlineData(".alice")]
    public void A_user_name_that_is_no_file_name_is_refused(string user)
    {
        var certificates = new DevelopmentCertificates(_folder.Path, _time);
        Assert.Throws<ArgumentException>(() => certificates.Issue(user, CertificateRole.Client));
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    private IReadOnlyList<string> Ensure(params string[] hosts) => new DevelopmentCertificates(_folder.Path, _time, hosts).Ensure();

    private IReadOnlyList<string> EnsureNodes(params string[] nodes) => new DevelopmentCertificates(_folder.Path, _time).Ensure(nodes);

    private X509Certificate2 Load(string name) => X509Certificate2.CreateFromPemFile(_folder[name + ".pem"], _folder[name + ".key"]);

    private bool IsTrusted(string name)
    {
        using var certificate = Load(name);
        using var authority = X509CertificateLoader.LoadCertificateFromFile(_folder["ca.pem"]);
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(certificate);
    }
}
