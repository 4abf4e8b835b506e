using System.Globalization;
using System.Text.Json;
using Broker.Actors.Runtime.Sharding;
using Broker.Client;
using Broker.Node.Certificates;
using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Cluster;

/// <summary>
/// A cluster as an operator runs it: the built program in a process for each node, and a real etcd, on loopback, each with a folder and ports of its own. Nodes are called <c>n1</c>, <c>n2</c>
/// and so on.
/// </summary>
internal sealed class ClusterProcess : IAsyncDisposable
{
    private readonly TemporaryFolder _folder;

    private ClusterProcess(TemporaryFolder folder, EtcdGroup etcd, IReadOnlyList<ClusterNode> nodes)
    {
        _folder = folder;
        Etcd = etcd;
        Nodes = nodes;
    }

    public EtcdGroup Etcd { get; }

    public IReadOnlyList<ClusterNode> Nodes { get; }

    public ClusterNode this[string name] => Nodes.Single(node => node.Name == name);

    /// <summary>All nodes, for clients.</summary>
    public IReadOnlyList<BrokerEndpoint> Endpoints => [.. Nodes.Select(node => node.Endpoint)];

    /// <summary>Starts etcd and all nodes, and waits until every shard is served. Skips the test if etcd is missing.</summary>
    /// <param name="nodes">Number of nodes.</param>
    /// <param name="etcdMembers">Number of etcd's members: 1 or 3.</param>
    /// <param name="environment">Further settings of all nodes.</param>
    public static async Task<ClusterProcess> StartAsync(int nodes = 3, int etcdMembers = 1, params IReadOnlyList<(string Name, string Value)> environment)
    {
        var cluster = await PrepareAsync(nodes, etcdMembers, environment);
        return await StartAsync(cluster);
    }

    /// <summary>The same, with etcd alone started.</summary>
    public static async Task<ClusterProcess> PrepareAsync(int nodes = 3, int etcdMembers = 1, params IReadOnlyList<(string Name, string Value)> environment)
    {
        return await PrepareAsync(network: null, nodes, etcdMembers, environment);
    }

    /// <summary>The same, each member in a namespace of its own.</summary>
    public static async Task<ClusterProcess> StartAsync(ClusterNamespaces network, int nodes, int etcdMembers)
    {
        var cluster = await PrepareAsync(network, nodes, etcdMembers, []);
        return await StartAsync(cluster);
    }

    private static async Task<ClusterProcess> StartAsync(ClusterProcess cluster)
    {
        try
        {
            await Task.WhenAll(cluster.Nodes.Select(node => node.StartAsync()));
            await cluster.UntilServedAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    private static async Task<ClusterProcess> PrepareAsync(ClusterNamespaces? network, int nodes, int etcdMembers, IReadOnlyList<(string Name, string Value)> environment)
    {
        var folder = new TemporaryFolder();
        try
        {
            string[] names = [.. Enumerable.Range(1, nodes).Select(i => $"n{i}")];
            var etcd = await EtcdGroup.StartAsync(folder["etcd"], etcdMembers, network);
            new DevelopmentCertificates(folder["certs"], TimeProvider.System, [.. names.Select(name => HostOf(network, name)).Distinct()]).Ensure(names);
            var (ports, healthPorts) = (FreePorts.Udp(nodes), FreePorts.Tcp(nodes));
            return new ClusterProcess(folder, etcd, [.. names.Select((name, i) => Node(folder, network, name, ports[i], healthPorts[i], etcd.Endpoints, environment))]);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Connects a client that may use all nodes.</summary>
    public Task<BrokerClient> ConnectAsync(string user = "client", Func<BrokerClientOptions, BrokerClientOptions>? change = null) =>
        Nodes.First(node => node.IsAwake).Process.ConnectAsync(user, options => change?.Invoke(options with { Endpoints = Endpoints }) ?? options with { Endpoints = Endpoints });

    /// <summary>The shard of a queue or exchange.</summary>
    public static int ShardOf(string name, int shards = 64) => StableHash.ShardOf(name, shards);

    /// <summary>The node that leads a shard, as the nodes that are awake agree on it.</summary>
    public async Task<ClusterNode> LeaderOfAsync(int shard)
    {
        var rows = await UntilServedAsync();
        return this[rows.Single(row => row.GetProperty("shard").GetInt32() == shard).GetProperty("leader").GetString()!];
    }

    /// <summary>Waits until the nodes that are awake agree who leads each shard, and each of those leaders is one of them and serves what it leads.</summary>
    /// <returns>The rows of <c>cluster-sharding list</c>.</returns>
    public async Task<List<JsonElement>> UntilServedAsync(TimeSpan? limit = null)
    {
        var state = await Wait.Until(ReadAsync, s => s.Problem is null, "every shard is served", limit ?? 2 * Wait.Limit);
        return state.Rows;
    }

    /// <summary>Ends all nodes, those that run in order, then etcd.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await Task.WhenAll(Nodes.Select(node => node.DisposeAsync().AsTask()));
        }
        finally
        {
            await Etcd.DisposeAsync();
            _folder.Dispose();
        }
    }

    private static string HostOf(ClusterNamespaces? network, string member) => network?.AddressOf(member) ?? "127.0.0.1";

    private static ClusterNode Node(
        TemporaryFolder folder, ClusterNamespaces? network, string name, int port, int healthPort, string etcd, IReadOnlyList<(string Name, string Value)> environment) =>
        new(name, HostOf(network, name), port, healthPort, new NodeSettings
    {
        Data = folder[name],
        Certs = folder["certs"],
        Port = port,
        Launcher = network?.LauncherOf(name) ?? [],
        Options = ["--name", name, "--cluster-etcd", etcd, "--listen", HostOf(network, name)],
        Environment =
        [
            ("BROKER_HEALTH__ENABLED", "true"),
            ("BROKER_HEALTH__ADDRESS", HostOf(network, name)),
            ("BROKER_HEALTH__PORT", healthPort.ToString(CultureInfo.InvariantCulture)),
            .. environment,
        ],
    });

    private async Task<State> ReadAsync()
    {
        var awake = Nodes.Where(node => node.IsAwake).ToList();
        var seen = new Dictionary<string, List<JsonElement>>();
        foreach (var node in awake)
        {
            try
            {
                seen.Add(node.Name, await node.RunAsync("cluster-sharding list"));
            }
            catch (BrokerException e)
            {
                return new State([], $"{node.Name}: {e.Message}");
            }
        }

        var first = seen[awake[0].Name];
        foreach (var row in first)
        {
            var shard = row.GetProperty("shard").GetInt32();
            var leader = row.GetProperty("leader").GetString();
            if (leader is null || !seen.TryGetValue(leader, out var own))
            {
                return new State(first, $"shard {shard} is led by {leader ?? "nobody"}");
            }

            if (seen.Values.Any(rows => rows[shard].GetProperty("leader").GetString() != leader))
            {
                return new State(first, $"who leads shard {shard} is not agreed on");
            }

            if (!own[shard].GetProperty("servedHere").GetBoolean())
            {
                return new State(first, $"shard {shard} is led by {leader}, who does not serve it yet");
            }
        }

        return new State(first, first.Count > 0 ? null : "there are no shards");
    }

    private sealed record State(List<JsonElement> Rows, string? Problem)
    {
        public override string ToString() => Problem ?? "all served";
    }
}
