using Broker.Machines.Cluster;

namespace Broker.Machines.Replication;

/// <summary>What the owner of a <see cref="ReplicaMachine"/> has to carry out, in order. Everything for the disk goes into one log, in this order.</summary>
public abstract record ReplicaEffect
{
    private protected ReplicaEffect()
    {
    }

    /// <summary>Put the epoch on the disk, then call <see cref="ReplicaMachine.HandleEpochCertain"/>.</summary>
    public sealed record StoreEpoch(long Epoch) : ReplicaEffect;

    /// <summary>Append the record that begins an epoch, then call <see cref="ReplicaMachine.HandleCertain"/>.</summary>
    public sealed record WriteStart(ulong Index, long Epoch) : ReplicaEffect;

    /// <summary>Append these records of the leader's, then call <see cref="ReplicaMachine.HandleCertain"/>.</summary>
    public sealed record Write(ulong First, IReadOnlyList<EpochRun> Runs) : ReplicaEffect;

    /// <summary>Throw away the records from this index on: they were never committed. A note of it in the log does that, since it comes before everything that follows.</summary>
    public sealed record Cut(ulong From) : ReplicaEffect;

    /// <summary>Put the state that came with a <see cref="ReplicaMessage.Snapshot"/> in the place of everything, then call <see cref="ReplicaMachine.HandleInstalled"/>.</summary>
    public sealed record Install(Lineage Log) : ReplicaEffect;

    /// <summary>Send a message to the replica of a node. With a <see cref="ReplicaMessage.Records"/> or a <see cref="ReplicaMessage.Snapshot"/> go the bytes that it stands for.</summary>
    public sealed record Send(string Node, ReplicaMessage Message) : ReplicaEffect;

    /// <summary>Records up to this index are committed: whatever becomes of nodes, they stay. What waited for them may be done.</summary>
    public sealed record Committed(ulong Index) : ReplicaEffect;

    /// <summary>This replica leads, and everything that an earlier leader may have committed is: begin to serve.</summary>
    public sealed record BeginLeading(long Epoch) : ReplicaEffect;

    /// <summary>This replica leads no longer. What was appended and is not committed may or may not stay.</summary>
    public sealed record EndLeading(long Epoch) : ReplicaEffect;

    /// <summary>Tell the operator: the leader of this epoch lacks records that were committed, so this replica does not follow it. It still has them.</summary>
    public sealed record Refuse(ulong FirstLost, ulong LastLost) : ReplicaEffect;

    /// <summary>
    /// Change the in-sync set by compare-and-swap. If it took place, or somebody else changed the assignment, that comes with <see cref="ReplicaMachine.HandleAssignment"/>; else call
    /// <see cref="ReplicaMachine.HandleProposalFailed"/>.
    /// </summary>
    /// <param name="Revision">Of the assignment that it changes.</param>
    /// <param name="To">What it is to be.</param>
    /// <param name="Added">A life that must still be its node's for the change to take place; <c>null</c> if no member is added.</param>
    public sealed record Propose(long Revision, ShardAssignment To, NodeLife? Added) : ReplicaEffect;

    /// <summary>
    /// This leader reaches too few of the in-sync set for anything to be committed, and has for <see cref="ReplicaOptions.MaxAlone"/>: give the lead to another member that may reach more, if there is
    /// one (<see cref="LeaderWay.Give"/>), by compare-and-swap. That comes with <see cref="ReplicaMachine.HandleAssignment"/>; nothing is to be said if it did not take place, for this comes again.
    /// </summary>
    /// <param name="Revision">Of the assignment that it changes.</param>
    public sealed record GiveWay(long Revision) : ReplicaEffect;
}
