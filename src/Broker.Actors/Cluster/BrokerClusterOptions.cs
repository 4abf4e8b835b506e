using Broker.Actors.Links;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Machines.Cluster;
using Broker.Machines.Replication;
using Broker.Transport;

namespace Broker.Actors.Cluster;

/// <summary>How a node is one of a cluster. The cluster's metadata store is <see cref="Storage.BrokerStorageOptions.Metadata"/>, which all nodes share.</summary>
public sealed record BrokerClusterOptions
{
    /// <summary>Where other nodes and clients reach this one, as <c>host:port</c>, best first; 1 to 16. Default: where it listens.</summary>
    public IReadOnlyList<string> Addresses { get; init; } = [];

    /// <summary>What the node may have in common with others that fail together with it. Default empty.</summary>
    public string Zone { get; init; } = "";

    /// <summary>How long a node that is not heard of counts as alive where no link says otherwise. Default 5 s; at least 2 s.</summary>
    public TimeSpan LeaseTime { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long an orderly stop waits for others to lead what this node leads. Default 10 s; zero for no wait.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long the link to the coordinator's node is down before another node takes the coordinator's office. Default 100 ms; the first by name after once that time, the next after twice, and so on.
    /// </summary>
    public TimeSpan TakeoverTime { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How shards are placed; the same on all nodes.</summary>
    public PlacementOptions Placement { get; init; } = new();

    /// <summary>How replicas follow each other; the same on all nodes. <see cref="ReplicaOptions.MinInSync"/> is that of <see cref="Placement"/>.</summary>
    public ReplicaOptions Replication { get; init; } = new();

    /// <summary>Times and bounds of links between nodes.</summary>
    public NodeLinkOptions Links { get; init; } = new();

    /// <summary>How long what is meant for a queue waits while no node leads it, before it is answered UNAVAILABLE. Default 5 s.</summary>
    public TimeSpan RoutingPatience { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a node may be away before the exclusive queues of its connections are deleted by others. One that comes back before deletes them itself. Default 30 s; more than 0.</summary>
    public TimeSpan OwnerGrace { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How other nodes are dialled: TLS identity and trusted roots. Address and name are set for each.</summary>
    public required QuicClientOptions Dial { get; init; }

    /// <summary>Hears what happens in the cluster, as this node sees it, for the log. Called on threads of actors; must not block or throw. Default: nobody.</summary>
    public Action<ClusterEvent>? OnEvent { get; init; }

    /// <summary>How the replica of a shard is made; <c>null</c>: it is not.</summary>
    internal Func<NodeServices, int, Props>? Replica { get; init; }

    /// <summary>Fails with a sentence that says which option is wrong and what would be right.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public void Validate()
    {
        Check(Addresses.Count <= NodeRegistration.MaxAddresses, $"Addresses has {Addresses.Count} addresses; at most {NodeRegistration.MaxAddresses} are possible");
        Check(LeaseTime >= TimeSpan.FromSeconds(2), $"LeaseTime {LeaseTime} must be at least 2 s");
        Check(DrainTimeout >= TimeSpan.Zero, $"DrainTimeout {DrainTimeout} must not be negative");
        Check(OwnerGrace > TimeSpan.Zero, $"OwnerGrace {OwnerGrace} must be positive");
        Check(TakeoverTime > TimeSpan.Zero, $"TakeoverTime {TakeoverTime} must be positive");
        Placement.Validate();
        Links.Validate();
    }

    private static void Check(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new ArgumentException(otherwise);
        }
    }
}

/// <summary>Something has happened in the cluster.</summary>
/// <param name="Time">When.</param>
/// <param name="Kind">What, in one word, such as <c>node-up</c>, <c>link-down</c>, <c>elected</c>, <c>in-sync</c>, <c>coordinator</c>.</param>
/// <param name="Subject">Of which node or shard.</param>
/// <param name="Detail">For people.</param>
public sealed record ClusterEvent(DateTimeOffset Time, string Kind, string Subject, string Detail);
