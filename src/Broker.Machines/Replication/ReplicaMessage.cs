using Broker.Machines.Cluster;

namespace Broker.Machines.Replication;

/// <summary>
/// What replicas of a shard tell each other. Between two of them messages arrive in order or, if the link breaks, not at all; one that does not belong to the receiver's epoch and the follower's
/// session is of the past.
/// </summary>
/// <param name="Epoch">Epoch under which it was sent.</param>
/// <param name="Session">Number of the follower's attempt to follow; it counts up within the follower's life, and no other life has the same.</param>
public abstract record ReplicaMessage(long Epoch, long Session)
{
    /// <summary>Follower to leader: this is my log, send what is missing.</summary>
    /// <param name="Epoch">Epoch that it follows; it is on its disk.</param>
    /// <param name="Session">A new number.</param>
    /// <param name="Life">The follower's life.</param>
    /// <param name="Replica">Which replica it has.</param>
    /// <param name="Log">Its log, with what is on its way to the disk.</param>
    public sealed record Follow(long Epoch, long Session, NodeLife Life, ReplicaId Replica, Lineage Log) : ReplicaMessage(Epoch, Session);

    /// <summary>Leader to follower: our logs are equal up to this record; what you have behind it was never committed.</summary>
    public sealed record Align(long Epoch, long Session, ulong CommonEnd) : ReplicaMessage(Epoch, Session);

    /// <summary>Leader to follower: your log ends before mine begins; take this state, which comes in its place.</summary>
    /// <param name="Epoch">The leader's.</param>
    /// <param name="Session">The follower's.</param>
    /// <param name="Log">What the state stands for; all of it is committed.</param>
    public sealed record Snapshot(long Epoch, long Session, Lineage Log) : ReplicaMessage(Epoch, Session);

    /// <summary>Leader to follower: the next records. Their bytes go with them.</summary>
    /// <param name="Epoch">The leader's, not that of the records.</param>
    /// <param name="Session">The follower's.</param>
    /// <param name="First">Index of the first.</param>
    /// <param name="Runs">How many of which epoch.</param>
    /// <param name="Committed">Index of the last that is committed.</param>
    public sealed record Records(long Epoch, long Session, ulong First, IReadOnlyList<EpochRun> Runs, ulong Committed) : ReplicaMessage(Epoch, Session)
    {
        /// <summary>How many there are.</summary>
        public ulong Count => Runs.Aggregate(0UL, (sum, run) => sum + run.Count);
    }

    /// <summary>Leader to follower, at each tick: I am still here.</summary>
    public sealed record Beat(long Epoch, long Session, ulong Committed) : ReplicaMessage(Epoch, Session);

    /// <summary>Follower to leader: everything up to this record is on my disk.</summary>
    public sealed record Acknowledge(long Epoch, long Session, ulong Certain) : ReplicaMessage(Epoch, Session);
}
