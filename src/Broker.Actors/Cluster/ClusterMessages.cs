using Broker.Actors.Runtime;
using Broker.Machines.Cluster;
using Broker.Protocol;

namespace Broker.Actors.Cluster;

/// <summary>What a shard's replica is told by the cluster's actor.</summary>
internal abstract record ReplicaCommand
{
    private protected ReplicaCommand()
    {
    }

    /// <summary>The cluster has agreed on something about the shard. Comes in order of revisions, and first with what there is.</summary>
    public sealed record Assigned(ShardAssignment Assignment, long Revision) : ReplicaCommand;

    /// <summary>The node begins another life: the lease of the one before has ended. What this replica leads it leads no longer.</summary>
    public sealed record NewLife(NodeLife Life) : ReplicaCommand;

    /// <summary>A <see cref="ClusterCommand.Propose"/> did not take place, and nothing else changed the assignment because of it.</summary>
    /// <param name="Revision">Revision of the assignment that was to be changed.</param>
    /// <param name="NothingChanged">Whether it is certain that it did not take place and never will.</param>
    public sealed record ProposalFailed(long Revision, bool NothingChanged = true) : ReplicaCommand;

    /// <summary>By the keeper of the store: it wants the log before a position back, and this entity of the shard still needs it. Answer: <see cref="Storage.StoreMessage.CheckpointDone"/>.</summary>
    public sealed record Checkpoint(ulong Entity, long Goal) : ReplicaCommand;

    /// <summary>By an operator: how is it? Answer: <see cref="ReplicaStatus"/>.</summary>
    public sealed record Describe : ReplicaCommand;
}

/// <summary>What the cluster's actor is told.</summary>
internal abstract record ClusterCommand
{
    private protected ClusterCommand()
    {
    }

    /// <summary>
    /// By a shard's replica, which leads: change the in-sync set by compare-and-swap. The change, or that of somebody else, comes as <see cref="ReplicaCommand.Assigned"/>; if there was none,
    /// <see cref="ReplicaCommand.ProposalFailed"/> is the answer.
    /// </summary>
    /// <param name="Revision">Revision of the assignment that it changes.</param>
    /// <param name="To">What it is to be.</param>
    /// <param name="Added">A life that must still be its node's; <c>null</c> if no member is added.</param>
    public sealed record Propose(long Revision, ShardAssignment To, NodeLife? Added) : ClusterCommand;

    /// <summary>
    /// By a shard's replica, which leads and reaches too few of the in-sync set to commit anything: give the lead to one who may reach more, if there is one. What comes of it comes as
    /// <see cref="ReplicaCommand.Assigned"/>; else nothing is answered, and the replica asks again.
    /// </summary>
    /// <param name="Shard">The shard.</param>
    /// <param name="Revision">Revision of the assignment that it changes.</param>
    public sealed record GiveWay(int Shard, long Revision) : ClusterCommand;

    /// <summary>By a shard's replica: the node's log has failed, so that it can lead nothing and follow nothing: others are to take over at once, and the node ends its part in the cluster.</summary>
    public sealed record Resign(string Reason) : ClusterCommand;

    /// <summary>By an operator: this is asked of a node. Answer: <see cref="ClusterReply.Done"/>, once it stands in the metadata store.</summary>
    public sealed record SetState(string Node, NodeState State) : ClusterCommand;

    /// <summary>By an operator: move the lead of a shard to another of its in-sync replicas. Answer: <see cref="ClusterReply.Done"/>, once it stands in the metadata store.</summary>
    public sealed record MoveLeader(int Shard, string Node) : ClusterCommand;

    /// <summary>
    /// By an operator: a shard of which nobody in sync is there is to be led by this node's replica, although what is committed may be lost by that. Answer: <see cref="ClusterReply.Done"/>, once the
    /// order stands in the metadata store; the coordinator carries it out.
    /// </summary>
    public sealed record OrderElection(int Shard, string Node) : ClusterCommand;

    /// <summary>By an operator: nobody expects this node back, which is gone and has no replica. Answer: <see cref="ClusterReply.Done"/>, once nothing is stored of it.</summary>
    public sealed record Forget(string Node) : ClusterCommand;

    /// <summary>
    /// By an operator, after the metadata was restored: every shard gets a leader in an epoch above this one. Answer: <see cref="ClusterReply.Done"/>, once that stands in the metadata store.
    /// </summary>
    public sealed record RaiseEpochs(long Floor) : ClusterCommand;

    /// <summary>By an operator: who is there? Answer: <see cref="ClusterReply.Members"/>.</summary>
    public sealed record ListMembers : ClusterCommand;

    /// <summary>
    /// By the server, which stops: hand over what this node leads, if somebody is there who can take it, and end its lease. Answer: <see cref="ClusterReply.Done"/>, after
    /// <see cref="BrokerClusterOptions.DrainTimeout"/> at the latest. Nothing else can be asked for afterwards.
    /// </summary>
    public sealed record Leave : ClusterCommand;

    /// <summary>By an operator, once: tell me <see cref="ClusterReply.Event"/> from now on, until you end.</summary>
    public sealed record Tail(ActorRef Subscriber) : ClusterCommand;
}

/// <summary>What the cluster's actor answers.</summary>
internal abstract record ClusterReply
{
    private protected ClusterReply()
    {
    }

    /// <summary>It is done, or why not.</summary>
    public sealed record Done(FrameFault? Fault) : ClusterReply;

    /// <summary>All nodes that are known, by name.</summary>
    /// <param name="Nodes">The nodes.</param>
    /// <param name="EpochFloor">What <see cref="ClusterCommand.RaiseEpochs"/> has set last; 0: nothing.</param>
    public sealed record Members(IReadOnlyList<ClusterMember> Nodes, long EpochFloor = 0) : ClusterReply;

    /// <summary>Something has happened in the cluster.</summary>
    /// <param name="Time">When.</param>
    /// <param name="Kind">What, in one word: <c>node-up</c>, <c>node-down</c>, <c>link-down</c>, <c>elected</c>, <c>in-sync</c>, <c>moved</c>, <c>coordinator</c> and so on.</param>
    /// <param name="Subject">Of which node or shard.</param>
    /// <param name="Detail">For people.</param>
    public sealed record Event(DateTimeOffset Time, string Kind, string Subject, string Detail) : ClusterReply;
}

/// <summary>A node of the cluster, for listings.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Registration">What it says of itself; <c>null</c> if its lease has ended.</param>
/// <param name="State">What is asked of it.</param>
/// <param name="Zone">Its zone.</param>
/// <param name="IsCoordinator">Whether it decides who gets which shard.</param>
/// <param name="IsSuspected">Whether the link to it is down.</param>
internal sealed record ClusterMember(string Name, NodeRegistration? Registration, NodeState State, string Zone, bool IsCoordinator, bool IsSuspected);
