using System.Collections.Concurrent;
using System.Net;
using Broker.Actors.Cluster;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Storage;
using Broker.Actors.Tests.Links;
using Broker.Actors.Tests.Nodes;
using Broker.Machines.Cluster;
using Broker.Protocol;
using Broker.Storage;
using Broker.Storage.Disks;
using Broker.Storage.Scheduling;
using Broker.Transport;

namespace Broker.Actors.Tests.Cluster;

/// <summary>A whole node of a <see cref="TestCluster"/>, in one of its lives.</summary>
internal sealed class TestNode : IAsyncDisposable
{
    private readonly PausableDispatcher _dispatcher = new();
    private readonly ConcurrentQueue<ActorFault> _faults = new();
    private readonly StoreThreads _threads = new();
    private readonly NodeStore _store;
    private BrokerServer? _server;
    private bool _isOver;

    private TestNode(string name, IPEndPoint endPoint, MemoryDisk disk, TestCluster cluster)
    {
        Name = name;
        EndPoint = endPoint;
        Disk = disk;
        Metadata = new NodeMetadata(cluster.Metadata);
        Transport = new CutTransport(cluster.NewTransport());
        Replicas = [.. Enumerable.Range(0, cluster.ShardCount).Select(_ => new StandInReplica())];
        _store = NodeStore.Open(disk, new StoreOptions { NodeName = name, Log = BrokerFixture.SmallLog });
    }

    public string Name { get; }

    public IPEndPoint EndPoint { get; }

    public MemoryDisk Disk { get; }

    public NodeMetadata Metadata { get; }

    public CutTransport Transport { get; }

    /// <summary>What stands in for the replica of each shard.</summary>
    public IReadOnlyList<StandInReplica> Replicas { get; }

    /// <summary>What has happened, as this node sees it.</summary>
    public ConcurrentQueue<ClusterEvent> Events { get; } = new();

    public BrokerServer Server => _server ?? throw new InvalidOperationException($"node '{Name}' has not started");

    public NodeServices Services => Server.Node;

    public ClusterServices Cluster => Services.Cluster!;

    public NodeLife Life => Cluster.Identity.Life;

    public Guid Store => _store.Identity.Store;

    public ReplicaId Replica => new(Name, Store);

    /// <summary>Whether it runs and was not paused.</summary>
    public bool IsThere => _server is not null && !_isOver;

    /// <summary>Shards that this node believes it leads.</summary>
    public IReadOnlyList<int> Led => [.. Shards.Where(s => s.Leader == Life).Select(s => s.Shard)];

    /// <summary>Assignments that the node knows.</summary>
    public IEnumerable<ShardAssignment> Shards => Enumerable.Range(0, Cluster.Shards.Count).Select(s => Cluster.Shards[s].Assignment).OfType<ShardAssignment>();

    public static async Task<TestNode> StartAsync(string name, IPEndPoint endPoint, MemoryDisk disk, TestCluster cluster, int? shards = null, string clusterName = "broker")
    {
        var node = new TestNode(name, endPoint, disk, cluster);
        var options = new BrokerServerOptions
        {
            NodeId = name,
            ClusterName = clusterName,
            ShardCount = shards ?? cluster.ShardCount,
            Dispatcher = node._dispatcher,
            Storage = new BrokerStorageOptions { Store = node._store, Metadata = node.Metadata, Scheduler = node._threads, Log = BrokerFixture.SmallLog },
            Cluster = cluster.OptionsOf(name, new BrokerClusterOptions
            {
                Dial = new QuicClientOptions { EndPoint = endPoint, ServerName = "", Tls = LinkCertificates.Dialler(name), ApplicationProtocols = [], SendBufferSize = 128 << 10 },
                Replica = cluster.HasReplicas ? null : (services, shard) => node.Replicas[shard].Props(services, shard, cluster.CatchesUp ? cluster.LifeOf : null),
                OnEvent = node.Events.Enqueue,
            }),
            OnFault = node._faults.Enqueue,
        };
        var listener = new QuicListenerOptions { EndPoint = endPoint, Tls = LinkCertificates.Listener(name), ApplicationProtocols = [], StreamReceiveWindow = 256 << 10 };
        try
        {
            node._server = await BrokerServer.StartAsync(options, node.Transport, listener).AsTask().WaitAsync(TestCluster.Patience);
        }
        catch
        {
            await node.CloseAsync();
            throw;
        }

        return node;
    }

    /// <summary>Asks the cluster's actor.</summary>
    public Task<T> AskAsync<T>(object command) => Cluster.Cluster.AskAsync<T>(command, TestCluster.Patience);

    /// <summary>Asks for something that has to be done.</summary>
    public async Task<FrameFault?> DoAsync(object command) => (await AskAsync<ClusterReply.Done>(command)).Fault;

    /// <summary>Nothing of it runs any more, and nobody is told: others hear silence.</summary>
    public void Pause() => _dispatcher.Pause();

    public void Resume() => _dispatcher.Resume();

    /// <summary>Ends it as a crash does: its connections break, nothing is handed over, and its lease stands until it is made to end.</summary>
    public async Task KillAsync()
    {
        if (_isOver)
        {
            return;
        }

        _isOver = true;
        Metadata.Cut();
        Resume();
        await Transport.DisposeAsync(); // others see broken connections
        await Server.System.TerminateAsync(TestCluster.Patience);
        await CloseAsync();
    }

    /// <summary>Ends it in good order.</summary>
    public async Task StopAsync()
    {
        if (_isOver)
        {
            return;
        }

        await Server.DisposeAsync().AsTask().WaitAsync(TestCluster.Patience);
        _isOver = true;
        await CloseAsync();
        Assert.Empty(_faults);
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        Assert.Empty(_faults);
    }

    private async Task CloseAsync()
    {
        _isOver = true;
        await Transport.DisposeAsync();
        _threads.Dispose();
        _store.Dispose();
    }
}
