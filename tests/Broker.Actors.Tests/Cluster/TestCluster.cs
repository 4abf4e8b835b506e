using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Broker.Actors.Cluster;
using Broker.Actors.Links;
using Broker.Coordination;
using Broker.Coordination.Embedded;
using Broker.Machines.Cluster;
using Broker.Storage.Disks;
using Broker.Transport;
using Broker.Transport.InMemory;

namespace Broker.Actors.Tests.Cluster;

/// <summary>
/// Several whole nodes in this process, on a network without packets and a metadata store that they share. Each has a disk of its own, which outlives it, and ways to the others and to the store that
/// the test can cut.
/// </summary>
internal sealed class TestCluster : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(5);
    private readonly InMemoryNetwork _network = new();
    private readonly ConcurrentDictionary<string, TestNode> _nodes = new();
    private readonly Dictionary<string, MemoryDisk> _disks = [];
    private readonly List<TestNode> _all = [];
    private readonly EmbeddedMetadataStore? _owned;

    public TestCluster(IMetadataStore? metadata = null) =>
        Metadata = metadata ?? (_owned = EmbeddedMetadataStore.Open(new MemoryDisk(), "metadata", Guid.NewGuid()));

    /// <summary>What all nodes share.</summary>
    public IMetadataStore Metadata { get; }

    public int ShardCount { get; init; } = 64;

    /// <summary>Whether leaders take replicas that are not in sync into the in-sync set, as they do when those have caught up.</summary>
    public bool CatchesUp { get; init; } = true;

    /// <summary>Whether nodes have real replicas, and not what stands in for them.</summary>
    public bool HasReplicas { get; init; }

    /// <summary>Silence after which a node is suspected. Longer than the default, as all nodes share the processors with whatever else runs here.</summary>
    public TimeSpan SuspicionTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Changes the options of nodes that start.</summary>
    public Func<string, BrokerClusterOptions, BrokerClusterOptions> Configure { get; set; } = (_, options) => options;

    public TestNode this[string name] => _nodes[name];

    /// <summary>Nodes that run.</summary>
    public IReadOnlyList<TestNode> There => [.. _nodes.Values.Where(n => n.IsThere).OrderBy(n => n.Name, StringComparer.Ordinal)];

    /// <summary>Starts nodes at the same time, and waits until all shards have leaders that all of them know.</summary>
    public static async Task<TestCluster> StartAsync(int nodes, bool catchesUp = true)
    {
        var cluster = new TestCluster { CatchesUp = catchesUp };
        await cluster.StartAllAsync([.. Enumerable.Range(1, nodes).Select(n => $"node-{n}")]);
        return cluster;
    }

    public async Task StartAllAsync(params string[] names)
    {
        await Task.WhenAll(names.Select(name => StartAsync(name)));
        await UntilSettledAsync();
    }

    public IQuicTransport NewTransport() => new InMemoryTransport(_network);

    public BrokerClusterOptions OptionsOf(string name, BrokerClusterOptions options) => Configure(name, options with
    {
        Links = new NodeLinkOptions { SuspicionTimeout = SuspicionTimeout },
        Placement = new PlacementOptions
        {
            Shards = ShardCount,
            StillTime = TimeSpan.FromMilliseconds(200),
            RebalanceInterval = TimeSpan.FromMilliseconds(200),
            GatheringTime = TimeSpan.FromSeconds(10),
            MaxConcurrentMoves = 64,
        },
    });

    /// <summary>Starts a node, on the disk that it had or a new one.</summary>
    public async Task<TestNode> StartAsync(string name, int? shards = null, string clusterName = "broker", MemoryDisk? disk = null)
    {
        MemoryDisk own;
        lock (_disks)
        {
            own = disk ?? (_disks.TryGetValue(name, out var had) ? had : new MemoryDisk());
            _disks[name] = own;
        }

        var endPoint = new IPEndPoint(IPAddress.Loopback, 7400 + int.Parse(name[(name.LastIndexOf('-') + 1)..], System.Globalization.CultureInfo.InvariantCulture));
        var node = await TestNode.StartAsync(name, endPoint, own, this, shards, clusterName);
        _nodes[name] = node;
        lock (_all)
        {
            _all.Add(node);
        }

        return node;
    }

    /// <summary>Tries to start a node with the name of another one, and a disk and an address of its own.</summary>
    public Task<TestNode> StartAsync(string name, string nameOfAnother) =>
        TestNode.StartAsync(nameOfAnother, new IPEndPoint(IPAddress.Loopback, 7400 + name.Length + 100), new MemoryDisk(), this);

    /// <summary>The present life of a node and its store; <c>null</c> if it is not there.</summary>
    public (NodeLife Life, Guid Store)? LifeOf(string name) => _nodes.TryGetValue(name, out var node) && node.IsThere && node.Cluster.HasJoined ? (node.Life, node.Store) : null;

    /// <summary>Cuts the ways between two nodes, or heals them.</summary>
    public async Task CutAsync(string one, string other)
    {
        await this[one].Transport.CutAsync(this[other].EndPoint);
        await this[other].Transport.CutAsync(this[one].EndPoint);
    }

    public void Heal(string one, string other)
    {
        this[one].Transport.Heal(this[other].EndPoint);
        this[other].Transport.Heal(this[one].EndPoint);
    }

    /// <summary>The node that decides, as the metadata store says.</summary>
    public async Task<string?> CoordinatorAsync() =>
        (await Metadata.ReadAsync(ClusterKeys.Coordinator)).Values is [var value, ..] ? ClusterValues.ReadCoordinator(value.Value.Span).Node : null;

    public async Task<ShardAssignment> ShardAsync(int shard) =>
        ShardAssignmentCodec.Read((await Metadata.ReadAsync(ClusterKeys.Shards)).Values.Single(v => v.Key == ClusterKeys.OfShard(shard)).Value.Span);

    /// <summary>Until all nodes that run know the same leaders of all shards, each of a life that is there, and reach each other.</summary>
    public Task UntilSettledAsync() => UntilAsync(
        () =>
        {
            var there = There;
            var lives = there.Select(n => n.Life).ToHashSet();
            return there.All(n => n.Cluster.Links.Statuses.Count(l => l.Life is { } life && lives.Contains(life)) == there.Count - 1
                && n.Shards.Count(s => s.Leader is { } leader && lives.Contains(leader)) == ShardCount);
        },
        "every shard has a leader that all nodes know, and all nodes reach each other");

    /// <summary>Waits for something that the nodes bring about by themselves.</summary>
    /// <returns>How long it took.</returns>
    public Task<TimeSpan> UntilAsync(Func<bool> holds, string what) => UntilAsync(() => Task.FromResult(holds()), what);

    public async Task<TimeSpan> UntilAsync(Func<Task<bool>> holds, string what)
    {
        var start = Stopwatch.GetTimestamp();
        while (!await holds())
        {
            if (Stopwatch.GetElapsedTime(start) > Patience)
            {
                throw new TimeoutException($"waited {Patience.TotalSeconds} s until {what}\n{Describe()}");
            }

            await Task.Delay(s_pause);
        }

        return Stopwatch.GetElapsedTime(start);
    }

    public async ValueTask DisposeAsync()
    {
        List<TestNode> all;
        lock (_all)
        {
            all = [.. _all];
        }

        foreach (var node in all)
        {
            await node.DisposeAsync();
        }

        if (_owned is not null)
        {
            await _owned.DisposeAsync();
        }
    }

    private string Describe() => string.Join('\n', There.Select(n =>
        $"{n.Name}: leads {n.Led.Count}; links {string.Join(", ", n.Cluster.Links.Statuses)}; last events:\n  "
        + string.Join("\n  ", n.Events.TakeLast(12).Select(e => $"{e.Time:ss.fff} {e.Kind} {e.Subject}: {e.Detail}"))));
}
