using System.Net;
using Broker.Actors.Cluster;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Embedded;
using Broker.Actors.Storage;
using Broker.Machines.Access;

namespace Broker.Actors.Server;

/// <summary>What one broker node is.</summary>
public sealed record BrokerServerOptions
{
    /// <summary>Name of the node, unique in its cluster; 1 to 255 bytes. Shown to clients and in <c>pbm</c>.</summary>
    public required string NodeId { get; init; }

    /// <summary>Name of the cluster. Default <c>broker</c>.</summary>
    public string ClusterName { get; init; } = "broker";

    /// <summary>Version of the product, told to clients.</summary>
    public string ProductVersion { get; init; } = typeof(BrokerServerOptions).Assembly.GetName().Version?.ToString(3) ?? "";

    /// <summary>Where durable queues are kept. <c>null</c>: nowhere, and declaring one is refused.</summary>
    public BrokerStorageOptions? Storage { get; init; }

    /// <summary>How the node is one of a cluster. Default <c>null</c>: it is by itself. Needs <see cref="Storage"/>.</summary>
    public BrokerClusterOptions? Cluster { get; init; }

    /// <summary>What a user without permissions of its own may do. Default: everything in the vhost <c>/</c>, nothing in another.</summary>
    public DefaultPermissions DefaultPermissions { get; init; } = DefaultPermissions.Full;

    /// <summary>
    /// Definitions in JSON, ours or RabbitMQ's, that are imported at the start before clients are served: what is missing is added, what is there stays as it is. Default: none.
    /// </summary>
    public ReadOnlyMemory<byte> Definitions { get; init; }

    /// <summary>Hears what became of them: of each that was not taken, and (<c>false</c>) in the end how many were. Must not throw.</summary>
    public Action<string, bool>? OnDefinition { get; init; }

    /// <summary>All bounds.</summary>
    public BrokerLimits Limits { get; init; } = new();

    /// <summary>Number of shards that queues and exchanges hash to, 1 to 4,096. Default 64. It cannot be changed later in a cluster.</summary>
    public int ShardCount { get; init; } = 64;

    /// <summary>Clock of all timers. Default: the system's.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Where actors run.</summary>
    internal IActorDispatcher Dispatcher { get; init; } = ThreadPoolDispatcher.Instance;

    /// <summary>Told where the node listens as soon as it does, which is before what is on disk is recovered. Default: nobody.</summary>
    public Action<IPEndPoint>? OnListening { get; init; }

    /// <summary>Hears of every fault in an actor, for the log. Called on the thread of the fault; must not throw.</summary>
    public Action<ActorFault>? OnFault { get; init; }
}
