using System.Collections.Concurrent;
using System.Net;
using Broker.Actors.Links;
using Broker.Actors.Replication;
using Broker.Actors.Runtime;
using Broker.Actors.Topology;
using Broker.Machines.Links;
using Broker.Storage.Records;
using Broker.Transport;

namespace Broker.Actors.Cluster;

/// <summary>What the actors of a node of a cluster share beyond <see cref="Server.NodeServices"/>. Thread-safe.</summary>
internal sealed class ClusterServices
{
    private volatile LinkIdentity? _identity;
    private long _lastPeer;
    private IQuicTransport? _transport;
    private IPEndPoint? _listening;

    public ClusterServices(BrokerClusterOptions options, int shardCount)
    {
        Options = options;
        Shards = new ShardTable(shardCount);
        Replicas = [.. Enumerable.Repeat(ActorRef.NoSender, shardCount)];
        Routes = [.. Enumerable.Repeat(ActorRef.NoSender, shardCount)];
        Hosts = [.. Enumerable.Range(0, shardCount).Select(_ => new ShardHost())];
        LinkProtocol = new NodeLinkProtocol(() => _identity, options.Links, Replication);
    }

    public BrokerClusterOptions Options { get; }

    /// <summary>How other nodes are reached. Set before the node joins.</summary>
    public IQuicTransport Transport => _transport ?? throw new InvalidOperationException("the node does not listen yet");

    /// <summary>Where this node listens. Set before the node joins.</summary>
    public IPEndPoint Listening => _listening ?? throw new InvalidOperationException("the node does not listen yet");

    /// <summary>The shards as this node sees them.</summary>
    public ShardTable Shards { get; }

    /// <summary>The links to other nodes.</summary>
    public NodeLinks Links { get; } = new();

    /// <summary>How far this node and the others have carried out what is declared.</summary>
    public RouteBarrier Barrier { get; } = new();

    /// <summary>Which actors take what other nodes send for a shard's log.</summary>
    public ShardReceivers Replication { get; } = new();

    /// <summary>How other nodes' links are accepted.</summary>
    public NodeLinkProtocol LinkProtocol { get; }

    /// <summary>The replica of each shard, by its number: a <c>ReplicaActor</c>.</summary>
    public ActorRef[] Replicas { get; }

    /// <summary>Where queues get their ledgers, by shard.</summary>
    public ShardHost[] Hosts { get; }

    /// <summary>The shards of the queues that this node has records of, by the queue's number.</summary>
    public ConcurrentDictionary<ulong, int> ShardOfQueue { get; } = new();

    /// <summary>The shard that an entity of the log belongs to; <c>null</c> if that is not known here.</summary>
    public int? ShardOf(ulong entity) => ShardEntity.Is(entity) ? ShardEntity.ShardOf(entity) : ShardOfQueue.TryGetValue(entity, out var shard) ? shard : null;

    /// <summary>The routes to queues that other nodes lead, by shard: a <see cref="Routing.RemoteShardActor"/> each.</summary>
    public ActorRef[] Routes { get; }

    /// <summary>The cluster's actor on this node.</summary>
    public ActorRef Cluster { get; set; } = ActorRef.NoSender;

    /// <summary>Who this node is in its present life. Only once it has joined.</summary>
    public LinkIdentity Identity
    {
        get => _identity ?? throw new InvalidOperationException("the node has not joined the cluster yet");
        set => _identity = value;
    }

    /// <summary>A number for somebody who has to do with a queue of another node; never the same twice.</summary>
    public ulong NextPeer() => (ulong)Interlocked.Increment(ref _lastPeer);

    /// <summary>By the server, once it listens.</summary>
    public void SetNetwork(IQuicTransport transport, IPEndPoint listening) => (_transport, _listening) = (transport, listening);

    /// <summary>Whether the node has joined.</summary>
    public bool HasJoined => _identity is not null;
}
