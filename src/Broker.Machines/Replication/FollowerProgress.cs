using Broker.Machines.Cluster;

namespace Broker.Machines.Replication;

/// <summary>What a leader knows of one follower.</summary>
internal sealed class FollowerProgress(NodeLife life, ReplicaId replica, long session, TimeSpan now)
{
    public NodeLife Life => life;

    public ReplicaId Replica => replica;

    public long Session => session;

    /// <summary>Index of the last record that was sent in this session, or that both have had before.</summary>
    public ulong Sent { get; set; }

    /// <summary>Index of the last record that is on its disk, as it has said in this session.</summary>
    public ulong Certain { get; set; }

    /// <summary>Whether it puts a snapshot in the place of its log; nothing is sent until it has.</summary>
    public bool IsInstalling { get; set; }

    /// <summary>What it was last told to be committed.</summary>
    public ulong ToldCommitted { get; set; }

    /// <summary>When it was last told something.</summary>
    public TimeSpan ToldAt { get; set; } = now;

    /// <summary>When it last had all that the log had at the tick before.</summary>
    public TimeSpan CaughtUpAt { get; set; } = now;
}
