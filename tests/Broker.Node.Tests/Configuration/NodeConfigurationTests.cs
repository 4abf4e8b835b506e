using Broker.Actors.Server;
using Broker.Machines.Access;
using Broker.Machines.Cluster;
using Broker.Node.Configuration;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Broker.Node.Tests.Configuration;

/// <summary>Environment variables belong to the whole process, so nothing else runs meanwhile.</summary>
[CollectionDefinition("environment", DisableParallelization = true)]
public sealed class EnvironmentCollection;

[Collection("environment")]
public sealed class NodeConfigurationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _variables = [];

    public void Dispose()
    {
        _variables.ForEach(variable => Environment.SetEnvironmentVariable(variable, null));
        _folder.Dispose();
    }

    [Fact]
    public void Defaults_need_no_configuration()
    {
        var options = Bind(File("{}"));
        Assert.Equal(7400, options.Port);
        Assert.Equal("auto", options.Transport);
        Assert.Null(options.Listen);
        Assert.Equal(Path.Combine("data", "certs"), options.CertificateFolder);
        Assert.False(options.DevelopmentCertificates);
    }

    [Fact]
    public void A_file_is_overruled_by_the_environment_and_that_by_the_command_line()
    {
        var file = File("""{ "Port": 1001, "Name": "from-file", "Transport": "ngtcp2" }""");
        Set("BROKER_PORT", "1002");
        Set("BROKER_NAME", "from-environment");

        var options = Bind(file, ("port", "1003"));

        Assert.Equal(1003, options.Port);
        Assert.Equal("from-environment", options.Name);
        Assert.Equal("ngtcp2", options.Transport);
    }

    [Fact]
    public void Sections_are_reached_from_the_environment()
    {
        Set("BROKER_HEALTH__PORT", "9000");
        var health = Services(File("{}")).GetRequiredService<IOptions<HealthOptions>>().Value;
        Assert.Equal(9000, health.Port);
        Assert.Equal("127.0.0.1", health.Address);
    }

    [Fact]
    public void Limits_that_are_not_given_are_the_brokers()
    {
        var limits = Services(File("{}"), ("limits:maxqueuebytes", "4096")).GetRequiredService<IOptions<LimitOptions>>().Value.ToBrokerLimits();
        var expected = new BrokerLimits();
        Assert.Equal(expected with { MaxMemoryBytes = limits.MaxMemoryBytes, Queue = expected.Queue with { MaxBytes = 4096 } }, limits);
    }

    [Fact]
    public void Users_may_do_everything_unless_the_default_is_that_they_may_not()
    {
        Assert.Equal(DefaultPermissions.Full, Services(File("{}")).GetRequiredService<IOptions<AccessOptions>>().Value.Default);
        Set("BROKER_ACCESS__DEFAULTPERMISSIONS", "none");
        Assert.Equal(DefaultPermissions.None, Services(File("{}")).GetRequiredService<IOptions<AccessOptions>>().Value.Default);
    }

    [Fact]
    public void A_file_that_was_named_must_exist() =>
        Assert.Throws<FileNotFoundException>(() => Bind(_folder["absent.json"]));

    [Theory]
    [InlineData("port", "70000", "Port")]
    [InlineData("port", "-1", "Port")]
    [InlineData("transport", "tcp", "auto, msquic or ngtcp2")]
    [InlineData("listen", "here", "IP address")]
    [InlineData("name", "a b", "Name")]
    [InlineData("health:address", "everywhere", "IP address")]
    [InlineData("health:port", "0", "Port")]
    [InlineData("limits:maxmessagebytes", "1000", "MaxMessageBytes")]
    [InlineData("access:defaultpermissions", "some", "full or none")]
    [InlineData("cluster:enabled", "true", "Cluster:Etcd")]
    [InlineData("cluster:etcd", "127.0.0.1:2379", "Cluster:Etcd")]
    [InlineData("cluster:etcd", "http://a.example:1,https://b.example:2", "both")]
    [InlineData("cluster:name", "a b", "Cluster:Name")]
    [InlineData("cluster:shards", "0", "Shards")]
    [InlineData("cluster:shards", "5000", "Shards")]
    [InlineData("cluster:replicas", "16", "Replicas")]
    public void A_value_that_cannot_work_is_refused_with_its_name(string key, string value, string named)
    {
        var services = Services(File("{}"), (key, value));
        var refusal = Assert.Throws<OptionsValidationException>(() => services.GetRequiredService<IStartupValidator>().Validate());
        Assert.Contains(named, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mininsync", "4", "MinInSync")]
    [InlineData("leasetime", "00:00:01", "LeaseTime")]
    [InlineData("draintimeout", "00:00:20", "DrainTimeout")]
    [InlineData("etcdprefix", "broker", "slash")]
    [InlineData("etcdkey", "etcd.key", "EtcdCertificate")]
    [InlineData("etcdca", "etcd.pem", "https")]
    [InlineData("advertise", "broker-1", "'broker-1' is not host:port")]
    [InlineData("advertise", "a:1, b:0", "'b:0' is not host:port")]
    [InlineData("advertise", "2001:db8::1:7400", "is not host:port")]
    [InlineData("advertise", "a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8,a:9,a:10,a:11,a:12,a:13,a:14,a:15,a:16,a:17", "17 addresses")]
    public void A_cluster_that_cannot_work_is_refused_with_the_names_of_its_settings(string key, string value, string named)
    {
        var services = Services(File("""{ "Cluster": { "Etcd": "http://127.0.0.1:2379" } }"""), ($"cluster:{key}", value));
        var refusal = Assert.Throws<OptionsValidationException>(() => services.GetRequiredService<IStartupValidator>().Validate());
        Assert.Contains(named, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_an_etcd_a_node_is_by_itself_whatever_else_is_said_of_a_cluster()
    {
        Assert.False(Cluster("""{ "Cluster": { "Zone": "east", "MinInSync": 9 } }""").IsEnabled);
        Assert.False(Cluster("""{ "Cluster": { "Etcd": "http://127.0.0.1:2379", "Enabled": false } }""").IsEnabled);
        Assert.True(Cluster("""{ "Cluster": { "Etcd": "http://127.0.0.1:2379" } }""").IsEnabled);
    }

    [Fact]
    public void Lists_are_texts_with_commas_or_lists()
    {
        var lists = Cluster("""{ "Cluster": { "Etcd": ["http://a.example:2379", "http://b.example:2379"], "Advertise": ["n1:7400", "[::1]:7400"] } }""");
        Assert.Equal(["http://a.example:2379", "http://b.example:2379"], lists.EtcdEndpoints);
        Assert.Equal(["n1:7400", "[::1]:7400"], lists.AdvertisedAddresses);
        Set("BROKER_CLUSTER__ETCD", "http://c.example:2379, http://d.example:2379");
        Assert.Equal(["http://c.example:2379", "http://d.example:2379"], Cluster("""{ "Cluster": { "Etcd": ["http://a.example:2379"] } }""").EtcdEndpoints);
    }

    [Fact]
    public void Placement_that_is_not_given_is_the_clusters_own()
    {
        Assert.Equal(new PlacementOptions(), Cluster("{}").Placement);
        Assert.Equal(new PlacementOptions { Replicas = 1, MinInSync = 1 }, Cluster("""{ "Cluster": { "Replicas": 1 } }""").Placement);
    }

    private ClusterOptions Cluster(string json) => Services(File(json)).GetRequiredService<IOptions<ClusterOptions>>().Value;

    private static BrokerNodeOptions Bind(string file, params (string Key, string? Value)[] commandLine) =>
        Services(file, commandLine).GetRequiredService<IOptions<BrokerNodeOptions>>().Value;

    private static ServiceProvider Services(string file, params (string Key, string? Value)[] commandLine)
    {
        var configuration = new ConfigurationBuilder();
        configuration.AddNodeSources(commandLine.ToDictionary(setting => setting.Key, setting => setting.Value), file);
        var services = new ServiceCollection();
        services.AddNodeOptions(configuration.Build());
        return services.BuildServiceProvider();
    }

    private string File(string json)
    {
        var path = _folder["broker.json"];
        System.IO.File.WriteAllText(path, json);
        return path;
    }

    private void Set(string variable, string value)
    {
        _variables.Add(variable);
        Environment.SetEnvironmentVariable(variable, value);
    }
}
