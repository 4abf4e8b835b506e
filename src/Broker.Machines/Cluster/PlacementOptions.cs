namespace Broker.Machines.Cluster;

/// <summary>How the shards of a cluster are placed. All nodes must have the same, as any of them may become coordinator.</summary>
public sealed record PlacementOptions
{
    /// <summary>Number of shards. Default 64; at least 1. It is fixed when the cluster begins: what hashes to a shard is in that shard's log.</summary>
    public int Shards { get; init; } = 64;

    /// <summary>Replicas of each shard. Default 3; at least 1. With fewer nodes there are as many as nodes.</summary>
    public int Replicas { get; init; } = 3;

    /// <summary>
    /// In-sync replicas below which no change takes a shard. Default 2; from 1 to <see cref="Replicas"/>. What is committed is on so many disks at least; with fewer of them in reach the shard
    /// stalls.
    /// </summary>
    public int MinInSync { get; init; } = 2;

    /// <summary>Shards that may have a replica catching up when another one is added somewhere, and changes of one rebalance. Default 4; at least 1.</summary>
    public int MaxConcurrentMoves { get; init; } = 4;

    /// <summary>Time from one rebalance to the next. Default 10 s; zero for none.</summary>
    public TimeSpan RebalanceInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long no node must have come or gone before replicas move. Default 10 s; zero for no wait. Elections never wait. When all leases end at once, nearly all nodes come back at once, too,
    /// and what they hold need not be copied.
    /// </summary>
    public TimeSpan StillTime { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the first assignment waits for another node to come while there are fewer than <see cref="Replicas"/>. Default 3 s; zero for no wait.</summary>
    public TimeSpan GatheringTime { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Fails with a sentence that says which option is wrong.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public void Validate()
    {
        Check(Shards >= 1, $"Shards is {Shards}; it must be at least 1");
        Check(Replicas >= 1, $"Replicas is {Replicas}; it must be at least 1");
        Check(MinInSync >= 1 && MinInSync <= Replicas, $"MinInSync is {MinInSync}; it must be from 1 to Replicas, which is {Replicas}");
        Check(MaxConcurrentMoves >= 1, $"MaxConcurrentMoves is {MaxConcurrentMoves}; it must be at least 1");
        Check(RebalanceInterval >= TimeSpan.Zero, $"RebalanceInterval is {RebalanceInterval}; it must not be negative");
        Check(StillTime >= TimeSpan.Zero, $"StillTime is {StillTime}; it must not be negative");
        Check(GatheringTime >= TimeSpan.Zero, $"GatheringTime is {GatheringTime}; it must not be negative");
    }

    private static void Check(bool condition, string message)
    {
        if (!condition)
        {
            throw new ArgumentException(message);
        }
    }
}
