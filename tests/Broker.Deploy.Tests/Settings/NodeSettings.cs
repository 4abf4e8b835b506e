using System.Net;
using Broker.Node.Configuration;
using Broker.Node.Health;
using Broker.Node.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Broker.Deploy.Tests.Settings;

/// <summary>What the node makes of the environment that a container gives it.</summary>
internal sealed class NodeSettings
{
    private const string Prefix = "BROKER_";

    private NodeSettings(BrokerNodeOptions node, HealthOptions health, StorageOptions storage, ClusterOptions cluster) =>
        (Node, Health, Storage, Cluster) = (node, health, storage, cluster);

    public BrokerNodeOptions Node { get; }

    public HealthOptions Health { get; }

    public StorageOptions Storage { get; }

    public ClusterOptions Cluster { get; }

    /// <summary>How long the node's orderly stop may take.</summary>
    public static TimeSpan ShutdownTimeout
    {
        get
        {
            using var host = NodeHost.Build(
                new Dictionary<string, string?>(), null, _ => throw new InvalidOperationException("this node is not started"), TextWriter.Null);
            return host.Services.GetRequiredService<IOptions<HostOptions>>().Value.ShutdownTimeout;
        }
    }

    /// <summary>The TCP port of the health endpoints where no other is set.</summary>
    public static int DefaultHealthPort => new BrokerNodeOptions().Port + 1;

    /// <summary>Binds and checks variables as a node's start does.</summary>
    /// <exception cref="OptionsValidationException">The node would refuse one of the values.</exception>
    /// <exception cref="InvalidOperationException">The node has no such setting, or a value of another type.</exception>
    public static NodeSettings From(IEnumerable<KeyValuePair<string, string>> environment)
    {
        var settings = environment.ToDictionary(
            variable => variable.Key.StartsWith(Prefix, StringComparison.Ordinal)
                ? variable.Key[Prefix.Length..].Replace("__", ":", StringComparison.Ordinal)
                : throw new InvalidOperationException($"{variable.Key} is no setting of the node's"),
            variable => (string?)variable.Value);
        if (settings.Keys.FirstOrDefault(key => !Known.Contains(key)) is { } unknown)
        {
            throw new InvalidOperationException($"the node has no setting '{unknown}'");
        }

        var services = new ServiceCollection();
        services.AddNodeOptions(new ConfigurationBuilder().AddInMemoryCollection(settings).Build());
        using var provider = services.BuildServiceProvider();
        provider.GetRequiredService<IStartupValidator>().Validate();
        return new NodeSettings(Get<BrokerNodeOptions>(provider), Get<HealthOptions>(provider), Get<StorageOptions>(provider), Get<ClusterOptions>(provider));
    }

    /// <summary>What a health endpoint answers to a path, in a state of the node.</summary>
    public static async Task<HttpStatusCode> AskAsync(string path, NodeState state)
    {
        // Another process may take the port between the probe and the start, so a refusal is tried again with another one.
        for (var attempt = 1; ; attempt++)
        {
            var port = FreePort();
            await using var endpoint = new HealthEndpoint(
                Options.Create(new HealthOptions { Port = port }), Options.Create(new BrokerNodeOptions()), new NodeHealth { State = state }, NullLogger<HealthEndpoint>.Instance);
            try
            {
                await endpoint.StartAsync(CancellationToken.None);
            }
            catch (IOException) when (attempt < 10)
            {
                continue;
            }

            using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };
            using var answer = await http.GetAsync(new Uri($"http://127.0.0.1:{port}{path}"));
            await endpoint.StopAsync(CancellationToken.None);
            return answer.StatusCode;
        }
    }

    // Keys of the configuration ignore case.
    private static HashSet<string> Known { get; } = new(
        [
            .. Of<BrokerNodeOptions>(""), .. Of<HealthOptions>("Health:"), .. Of<LimitOptions>("Limits:"), .. Of<StorageOptions>("Storage:"), .. Of<ClusterOptions>("Cluster:"),
            "Logging:LogLevel:Default",
        ],
        StringComparer.OrdinalIgnoreCase);

    private static IEnumerable<string> Of<T>(string section) =>
        from property in typeof(T).GetProperties()
        where property.CanWrite
        select section + property.Name;

    private static T Get<T>(IServiceProvider provider)
        where T : class => provider.GetRequiredService<IOptions<T>>().Value;

    private static int FreePort()
    {
        using var probe = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
