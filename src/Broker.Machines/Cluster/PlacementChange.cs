namespace Broker.Machines.Cluster;

/// <summary>Why an assignment changes.</summary>
public enum PlacementReason
{
    /// <summary>The shard had none.</summary>
    FirstAssignment,

    /// <summary>A leader out of the in-sync set, because there is none who can lead.</summary>
    Election,

    /// <summary>A leader that may lack what is committed, as an operator ordered.</summary>
    UncleanElection,

    /// <summary>The leader is gone and nobody in sync is there: the shard waits.</summary>
    LeaderLost,

    /// <summary>Replicas that are gone leave the in-sync set, or those of leaving nodes that are not in it leave the shard.</summary>
    InSyncRepair,

    /// <summary>The leader's node is to give up leaders.</summary>
    LeaderDrained,

    /// <summary>A replica is added to a shard that has too few.</summary>
    ReplicaAdded,

    /// <summary>A replica is added in place of one that is to go.</summary>
    MoveBegun,

    /// <summary>The leader is the one that is to go, and hands over first.</summary>
    MoveHandedOver,

    /// <summary>The replica that was to go is gone.</summary>
    MoveDone,

    /// <summary>The replica that was added is dead, and the one that was to go stays.</summary>
    MoveTakenBack,

    /// <summary>Another node leads fewer shards.</summary>
    LeaderBalanced,
}

/// <summary>A change to try by compare-and-swap. One that is lost needs no remedy but another look.</summary>
/// <param name="From">The assignment that it was made from, which must still be there; <c>null</c> if there must be none.</param>
/// <param name="To">The assignment that is to be.</param>
/// <param name="Reason">Why.</param>
/// <param name="Detail">Why, for operators: half a sentence.</param>
public sealed record PlacementChange(ShardAssignment? From, ShardAssignment To, PlacementReason Reason, string Detail);
