using Broker.Actors.Admin;
using Broker.Actors.Cluster;
using Broker.Actors.Connections;
using Broker.Actors.Exchanges;
using Broker.Actors.Queues;
using Broker.Actors.Publishing;
using Broker.Actors.Runtime;
using Broker.Actors.Storage;
using Broker.Actors.Users;

namespace Broker.Actors.Server;

/// <summary>What the actors of one node share. Everything here is immutable or thread-safe; it is set up before the first connection is accepted.</summary>
internal sealed class NodeServices
{
    private long _unroutable;
    private bool _serving;

    public NodeServices(BrokerServerOptions options)
    {
        Options = options;
        Limits = options.Limits;
        Queues = new QueueDirectory();
        Routes = new RouteTable(Queues);
        Memory = new MemoryGate(options.Limits.MaxMemoryBytes);
        Connections = new ConnectionRegistry();
        Storage = options.Storage is { } storage ? new NodeStorage(storage) : null;
        Users = new UserDirectory(options.Storage?.Metadata);
        Cluster = options.Cluster is { } cluster ? new ClusterServices(cluster, options.ShardCount) : null;
    }

    /// <summary>Whether queues can be used: what was on disk is recovered.</summary>
    public bool IsServing
    {
        get => Volatile.Read(ref _serving);
        set => Volatile.Write(ref _serving, value);
    }

    /// <summary>By publisher streams.</summary>
    public void AddUnroutable(long count) => Interlocked.Add(ref _unroutable, count);

    public BrokerServerOptions Options { get; }

    public BrokerLimits Limits { get; }

    public QueueDirectory Queues { get; }

    /// <summary>What outlives the process; <c>null</c> if nothing does.</summary>
    public NodeStorage? Storage { get; }

    /// <summary>How far producers with a lasting name are.</summary>
    public ProducerDirectory Producers { get; } = new();

    public RouteTable Routes { get; }

    public MemoryGate Memory { get; }

    /// <summary>Messages that no queue wanted and nobody asked back, since the start.</summary>
    public long UnroutableCount => Volatile.Read(ref _unroutable);

    public ConnectionRegistry Connections { get; }

    public UserDirectory Users { get; }

    /// <summary>What concerns the cluster; <c>null</c> for a node by itself.</summary>
    public ClusterServices? Cluster { get; }

    public ActorRef ExchangeRegion { get; set; } = ActorRef.NoSender;

    public ActorRef QueueRegion { get; set; } = ActorRef.NoSender;

    public ActorRef Topology { get; set; } = ActorRef.NoSender;

    public AdminCommands Commands { get; set; } = AdminCommands.None;
}
