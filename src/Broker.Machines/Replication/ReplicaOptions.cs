namespace Broker.Machines.Replication;

/// <summary>How replicas of a shard follow each other.</summary>
public sealed record ReplicaOptions
{
    /// <summary>Replicas that the in-sync set must have for anything to be committed. It never falls below that; one that begins with fewer waits for others. Default 2; at least 1.</summary>
    public int MinInSync { get; init; } = 2;

    /// <summary>A member of the in-sync set that has not reached the end of the log for so long is to leave it. Default 3 s.</summary>
    public TimeSpan MaxLag { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Likewise for one whose link is down. Default 300 ms: writes wait for it. One whose process is known to have ended leaves at once.</summary>
    public TimeSpan MaxLinkDown { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary>
    /// A leader whose links to so many of the in-sync set have been down for so long that fewer than <see cref="MinInSync"/> are left, itself included, asks that another member leads: nothing can be
    /// committed here, and the coordinator may reach everybody. It asks again each time this has passed. Default 3 s, by when a coordinator that is cut off itself has long been replaced, and
    /// with which writes go on within the time of a lease and a second; more than <see cref="MaxLinkDown"/>.
    /// </summary>
    public TimeSpan MaxAlone { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>A follower that has heard nothing from its leader for so long asks again. Default 1 s; more than three times the time between two ticks of the leader, who
    /// says something each third of it.</summary>
    public TimeSpan MaxSilence { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Records on their way to one follower, unacknowledged. Default 4,096; at least 1.</summary>
    public int MaxUnacknowledged { get; init; } = 4096;
}
