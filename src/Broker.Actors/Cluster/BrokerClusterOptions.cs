using Broker.Actors.Links;
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

    /// <summary>How shards are placed; the same on all nodes.</summary>
    public PlacementOptions Placement { get; init; } = new();

    /// <summary>How replicas follow each other; the same on all nodes. <see cref="ReplicaOptions.MinInSync"/> is that of <see cref="Placement"/>.</summary>
    public ReplicaOptions Replication { get; init; } = new();

    /// <summary>Times and bounds of links between nodes.</summary>
    public NodeLinkOptions Links { get; init; } = new();

    /// <summary>How long what is meant for a queue waits while no node leads it, before it is answered UNAVAILABLE. Default 5 s.</summary>
    public TimeSpan RoutingPatience { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How other nodes are dialled: TLS identity and trusted roots. Address and name are set for each.</summary>
    public required QuicClientOptions Dial { get; init; }
}
