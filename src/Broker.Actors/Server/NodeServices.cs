using System.Text.Json.Nodes;
using System.Diagnostics.CodeAnalysis;
using Broker.Actors.Access;
using Broker.Actors.Admin;
using Broker.Actors.Cluster;
using Broker.Actors.Connections;
using Broker.Actors.Definitions;
using Broker.Actors.Direct;
using Broker.Actors.Exchanges;
using Broker.Actors.Policies;
using Broker.Actors.Queues;
using Broker.Actors.Publishing;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Storage;
using Broker.Actors.Streams;
using Broker.Actors.Users;
using Broker.Machines.Direct;
using Broker.Machines.Queues;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Server;

/// <summary>What the actors of one node share. Everything here is immutable or thread-safe; it is set up before the first connection is accepted.</summary>
internal sealed class NodeServices
{
    private long _seeds;
    private long _unroutable;
    private long _deadLettersDropped;
    private readonly long _life;
    private bool _serving;

    /// <exception cref="FormatException">The definitions to import are none.</exception>
    public NodeServices(BrokerServerOptions options)
    {
        Options = options;
        Definitions = options.Definitions.IsEmpty ? null : DefinitionsImport.Parse(options.Definitions.Span);
        _life = options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds();
        Limits = options.Limits;
        Queues = new QueueDirectory();
        Addresses = new AddressBook(options.Storage?.Metadata, options.NodeId, isShared: options.Cluster is not null);
        Inboxes = new Inboxes(options.NodeId, Addresses);
        Routes = new RouteTable(Queues, Inboxes);
        Memory = new MemoryGate(options.Limits.MaxMemoryBytes);
        Connections = new ConnectionRegistry();
        Storage = options.Storage is { } storage ? new NodeStorage(storage) : null;
        Users = new UserDirectory(options.Storage?.Metadata);
        Access = new AccessDirectory(options.Storage?.Metadata, options.DefaultPermissions, Warn);
        Policies = new PolicyDirectory(options.Storage?.Metadata, Warn, TellOfPolicies);
        Cluster = options.Cluster is { } cluster ? new ClusterServices(cluster, options.ShardCount) : null;
    }

    /// <summary>Whether queues can be used: what was on disk is recovered.</summary>
    public bool IsServing
    {
        get => Volatile.Read(ref _serving);
        set => Volatile.Write(ref _serving, value);
    }

    /// <summary>What is said of a queue whose actor has ended: that it was deleted, or, while it is still declared in a cluster, that it is moving.</summary>
    public FrameFault QueueGone(string name) =>
        DirectNames.IsInbox(name) ? new FrameFault(ErrorCode.Unroutable, $"nobody consumes from '{EntityName.LocalOf(name)}'")
        : Cluster is not null && Queues.TryGet(name, out _)
        ? new FrameFault(ErrorCode.Unavailable, $"queue '{EntityName.LocalOf(name)}' is moving between nodes; try again")
        : new FrameFault(ErrorCode.QueueDeleted, $"queue '{EntityName.LocalOf(name)}' was deleted");

    /// <summary>Where the node that leads a queue listens; empty if it is this one, or not known.</summary>
    public string LeaderAddressOf(string queue)
    {
        if (Cluster is not { } cluster || cluster.Shards[StableHash.ShardOf(queue, Options.ShardCount)] is not { IsServing: false, Assignment.Leader: { } leader } || leader.Node == Options.NodeId)
        {
            return "";
        }

        return cluster.Links.AddressOf(leader.Node);
    }

    /// <summary>The node that leads a queue; empty if that is not known.</summary>
    public string LeaderOf(string queue) => Cluster is { } cluster ? cluster.Shards[StableHash.ShardOf(queue, Options.ShardCount)].Assignment?.Leader?.Node ?? "" : Options.NodeId;

    /// <summary>What a publisher stream's draws at random exchanges begin with; another one each time.</summary>
    public ulong NextSeed() => StableHash.Compute($"{Options.NodeId}/{Interlocked.Increment(ref _seeds)}/{Options.TimeProvider.GetUtcNow().Ticks}");

    /// <summary>By publisher streams.</summary>
    public void AddUnroutable(long count) => Interlocked.Add(ref _unroutable, count);

    /// <summary>By queues: dead letters that no queue takes.</summary>
    public void AddDeadLettersDropped(long count) => Interlocked.Add(ref _deadLettersDropped, count);

    /// <summary>How connections of this node are called as owners of queues: a connection of an earlier life of the node is another owner.</summary>
    /// <param name="connection">Its number.</param>
    public string OwnerOf(long connection) => new OwnerName(Options.NodeId, _life, connection).ToString();

    /// <summary>Whether an owner of queues is a connection that this node has.</summary>
    public bool IsConnected(OwnerName owner) => owner.Node == Options.NodeId && owner.Life == _life && Connections.Find(owner.Connection) is not null;

    public BrokerServerOptions Options { get; }

    public BrokerLimits Limits { get; }

    public QueueDirectory Queues { get; }

    /// <summary>What outlives the process; <c>null</c> if nothing does.</summary>
    public NodeStorage? Storage { get; }

    /// <summary>How far producers with a lasting name are.</summary>
    public ProducerDirectory Producers { get; } = new();

    public RouteTable Routes { get; }

    /// <summary>Consumers that get messages without a queue.</summary>
    public Inboxes Inboxes { get; }

    /// <summary>Who has which address.</summary>
    public AddressBook Addresses { get; }

    /// <summary>Who takes messages under a name that a route has given: a queue's actor, or an inbox.</summary>
    /// <returns><c>false</c> if nobody does, or not now.</returns>
    public bool TryGetTarget(string name, [MaybeNullWhen(false)] out ActorRef target)
    {
        if (Queues.TryGet(name, out var queue))
        {
            target = queue.Actor;
            return queue.IsAvailable;
        }

        target = null;
        return DirectNames.IsInbox(name) && Inboxes.TryGet(name, out target);
    }

    public MemoryGate Memory { get; }

    /// <summary>Messages that no queue wanted and nobody asked back, since the start.</summary>
    public long UnroutableCount => Volatile.Read(ref _unroutable);

    /// <summary>Dead letters that no queue took, since the start.</summary>
    public long DeadLettersDropped => Volatile.Read(ref _deadLettersDropped);

    public ConnectionRegistry Connections { get; }

    public UserDirectory Users { get; }

    /// <summary>Who may do what, and how much of it.</summary>
    public AccessDirectory Access { get; }

    /// <summary>What is said of the queues and exchanges whose names match.</summary>
    public PolicyDirectory Policies { get; }

    /// <summary>What is to be imported before clients are served; <c>null</c> if there is nothing.</summary>
    public JsonObject? Definitions { get; }

    /// <summary>The vhosts that exist.</summary>
    public VhostDirectory Vhosts { get; } = new();

    /// <summary>What concerns the cluster; <c>null</c> for a node by itself.</summary>
    public ClusterServices? Cluster { get; }

    public ActorRef ExchangeRegion { get; set; } = ActorRef.NoSender;

    public ActorRef QueueRegion { get; set; } = ActorRef.NoSender;

    public ActorRef Topology { get; set; } = ActorRef.NoSender;

    /// <summary>Who has exclusive queues deleted: an <see cref="ExclusiveQueues"/>.</summary>
    public ActorRef Exclusive { get; set; } = ActorRef.NoSender;

    public AdminCommands Commands { get; set; } = AdminCommands.None;

    /// <summary>By the topology: a vhost is gone, and with it the connections to it. Those of other nodes hear it from theirs.</summary>
    public void RemoveVhost(string vhost)
    {
        Vhosts.Remove(vhost); // before the connections are looked for: one that comes now finds no vhost
        DisconnectVhost(vhost);
    }

    /// <summary>Ends the connections to a vhost.</summary>
    public void DisconnectVhost(string vhost)
    {
        foreach (var connection in Connections.Connections.Where(c => c.Vhost == vhost))
        {
            StreamActor.Forget(connection.Connection.CloseAsync((long)ErrorCode.NotFound, $"vhost '{vhost}' was deleted"));
        }
    }

    private void Warn(string text) => Storage?.Notice(StoreNoticeSeverity.Warning, text);

    private void TellOfPolicies(IReadOnlySet<string> vhosts)
    {
        foreach (var queue in Queues.Queues.Where(q => q is { IsLocal: true, IsAvailable: true } && vhosts.Contains(EntityName.VhostOf(q.Name))))
        {
            queue.Actor.Tell(QueueMessage.Policies.Changed);
        }

        foreach (var exchange in Routes.Exchanges.Where(e => vhosts.Contains(EntityName.VhostOf(e))))
        {
            ExchangeRegion.Tell(new ShardEnvelope(exchange, ExchangePolicies.Changed));
        }
    }
}
