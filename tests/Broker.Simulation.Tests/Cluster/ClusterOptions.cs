using Broker.Actors.Links;
using Broker.Machines.Cluster;
using Broker.Machines.Replication;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>How one history of a cluster goes. All of it follows from the seed.</summary>
internal sealed record ClusterOptions
{
    public required int Seed { get; init; }

    /// <summary>Nodes of the cluster.</summary>
    public required int Nodes { get; init; }

    /// <summary>Faults that happen one after the other before everything is well again.</summary>
    public required int Faults { get; init; }

    public required int Queues { get; init; }

    /// <summary>What there is beside plain queues.</summary>
    public ClusterWorkload Workload { get; init; }

    /// <summary>Whether single actors get no turns for a while now and then, while the others of their node go on.</summary>
    public bool HasSlowActors { get; init; }

    /// <summary>Whether the first node has been there for a while when the others come, so that all shards begin with one replica.</summary>
    public bool HasLateNodes { get; init; }

    public required PlacementOptions Placement { get; init; }

    public required ReplicaOptions Replication { get; init; }

    public required NodeLinkOptions Links { get; init; }

    /// <summary>The most of the time between two faults.</summary>
    public TimeSpan MaxCalm { get; init; } = TimeSpan.FromMilliseconds(900);

    /// <summary>Most histories are short, so that there are many; some are long enough for logs to retire several times, and for those who were away to lack more than is left of them.</summary>
    public static ClusterOptions Of(int seed, int? faults = null)
    {
        var random = new Random(seed);
        var nodes = random.Next(6) switch { 0 => 2, 1 => 4, 2 => random.Next(2, 6), _ => 3 };
        var workload = (seed % 12) switch
        {
            0 or 3 => ClusterWorkload.Log,
            6 => ClusterWorkload.LogOfBytes,
            9 => ClusterWorkload.LogOfTime,
            1 or 4 or 7 or 10 => ClusterWorkload.Features,
            _ => ClusterWorkload.Plain,
        };
        var shards = workload == ClusterWorkload.Features ? random.Next(2, 4) : random.Next(1, 4);
        var replicas = Math.Min(3, nodes);
        var minInSync = Math.Min(2, nodes);
        return new ClusterOptions
        {
            Seed = seed,
            Nodes = nodes,
            Faults = faults ?? ((seed % 10) switch { 0 => 24, < 4 => 10, _ => 5 }),
            Queues = workload == ClusterWorkload.Features ? 1 : random.Next(1, 5),
            Workload = workload,
            HasSlowActors = seed / 12 % 2 == 1,
            HasLateNodes = seed / 12 % 8 is 2 or 5,
            Placement = new PlacementOptions
            {
                Shards = shards,
                Replicas = replicas,
                MinInSync = minInSync,
                StillTime = TimeSpan.FromMilliseconds(500),
                RebalanceInterval = TimeSpan.FromSeconds(1),
                GatheringTime = TimeSpan.Zero,
            },
            Replication = new ReplicaOptions
            {
                MinInSync = minInSync,
                MaxUnacknowledged = random.Next(3) == 0 ? 4096 : random.Next(5, 60),
                MaxAlone = TimeSpan.FromSeconds(seed % 2 == 0 ? 1 : 3), // as long as faults take; most histories are over before leaders give way else
            },
            Links = new NodeLinkOptions
            {
                MaxFrameBytes = random.Next(2) == 0 ? 1 << 20 : random.Next(2, 20) << 10, // so small that messages go in parts
                SendRoomBytes = random.Next(2) == 0 ? 1 << 20 : random.Next(4, 40) << 10,
                ReceiveRoomBytes = random.Next(2) == 0 ? 256 << 10 : random.Next(4, 40) << 10,
            },
        };
    }
}
