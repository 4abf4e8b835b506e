using Broker.Actors.Server;
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
    public void A_value_that_cannot_work_is_refused_with_its_name(string key, string value, string named)
    {
        var services = Services(File("{}"), (key, value));
        var refusal = Assert.Throws<OptionsValidationException>(() => services.GetRequiredService<IStartupValidator>().Validate());
        Assert.Contains(named, refusal.Message, StringComparison.Ordinal);
    }

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
