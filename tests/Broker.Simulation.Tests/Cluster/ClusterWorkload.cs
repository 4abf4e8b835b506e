namespace Broker.Simulation.Tests.Cluster;

/// <summary>What clients use beside plain queues. A history has one of these, so that each costs a share of all.</summary>
internal enum ClusterWorkload
{
    /// <summary>Nothing.</summary>
    Plain,

    /// <summary>A log that keeps everything.</summary>
    Log,

    /// <summary>A log that keeps so many bytes.</summary>
    LogOfBytes,

    /// <summary>A log that keeps what is young.</summary>
    LogOfTime,

    /// <summary>Dead letters from one shard to another, a queue that refuses what it has no room for, and one that is purged, deleted and declared anew under its name.</summary>
    Features,
}
