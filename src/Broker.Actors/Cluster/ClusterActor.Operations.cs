using Broker.Actors.Runtime;
using Broker.Coordination;
using Broker.Machines.Cluster;
using Broker.Protocol;

namespace Broker.Actors.Cluster;

/// <summary>What replicas, operators and the server ask for.</summary>
internal sealed partial class ClusterActor
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);
    private ActorRef? _leaver; // who is told when this node has left
    private readonly HashSet<int> _givingWay = []; // shards
    private bool _isDrainStored;
    private bool _hasLeft; // nothing is asked of the cluster any more

    private abstract record OperationMessage;

    private sealed record Proposed(ActorRef Replica, ClusterCommand.Propose Proposal, MetadataCommit Commit) : OperationMessage;

    private sealed record NotProposed(ActorRef Replica, ClusterCommand.Propose Proposal, bool NothingChanged) : OperationMessage;

    private sealed record GaveWay(ShardAssignment To, MetadataCommit? Commit) : OperationMessage;

    private sealed record Moved(ActorRef Asker, ShardAssignment To, MetadataCommit Commit) : OperationMessage;

    private sealed record Answer(ActorRef Asker, FrameFault? Fault) : OperationMessage;

    private sealed record DrainStored : OperationMessage;

    private sealed record DrainTimeout : OperationMessage;

    private sealed record Released : OperationMessage;

    private void Handle(ClusterCommand command)
    {
        var asker = Sender;
        switch (command)
        {
            case ClusterCommand.Propose m:
                Propose(m, asker);
                break;
            case ClusterCommand.GiveWay m:
                GiveWay(m);
                break;
            case ClusterCommand.SetState m:
                Order(SetStateAsync(m.Node, m.State, onlyIfUp: false), asker);
                break;
            case ClusterCommand.MoveLeader m:
                MoveLeader(m, asker);
                break;
            case ClusterCommand.OrderElection m:
                Order(OrderElectionAsync(m), asker);
                break;
            case ClusterCommand.Forget m:
                Order(ForgetAsync(m.Node), asker);
                break;
            case ClusterCommand.RaiseEpochs m:
                Order(RaiseEpochsAsync(m.Floor), asker);
                break;
            case ClusterCommand.ListMembers:
                asker.Tell(new ClusterReply.Members([.. _view.Names.Select(MemberOf)], _view.EpochFloor), Self);
                break;
            case ClusterCommand.Tail m:
                Context.Watch(m.Subscriber);
                _subscribers.Add(m.Subscriber);
                break;
            case ClusterCommand.Leave:
                Leave(asker);
                break;
            case ClusterCommand.Resign m when !_hasLeft:
                Publish("resigned", Name, m.Reason);
                Release();
                break;
            case ClusterCommand.Resign:
                break;
        }
    }

    private void Handle(OperationMessage message)
    {
        switch (message)
        {
            case Proposed m when m.Commit.Succeeded:
                Apply(m.Proposal.To, m.Commit.Revision);
                break;
            case Proposed m:
                Apply(m.Commit.Current);
                if (_cluster.Shards[m.Proposal.To.Shard].Revision == m.Proposal.Revision)
                {
                    m.Replica.Tell(new ReplicaCommand.ProposalFailed(m.Proposal.Revision), Self); // the life that was to be added is over
                }

                break;
            case NotProposed m:
                m.Replica.Tell(new ReplicaCommand.ProposalFailed(m.Proposal.Revision, m.NothingChanged), Self);
                break;
            case GaveWay m:
                HandleGaveWay(m);
                break;
            case Moved m when m.Commit.Succeeded:
                Apply(m.To, m.Commit.Revision);
                m.Asker.Tell(new ClusterReply.Done(null), Self);
                break;
            case Moved m:
                Apply(m.Commit.Current);
                var isDone = _view.Shards.TryGetValue(m.To.Shard, out var found) && found.Value == m.To; // by a transaction whose answer was lost
                m.Asker.Tell(new ClusterReply.Done(isDone ? null : new FrameFault(ErrorCode.Unavailable, $"shard {m.To.Shard} has changed in this moment; try again")), Self);
                break;
            case Answer m:
                m.Asker.Tell(new ClusterReply.Done(m.Fault), Self);
                break;
            case DrainStored:
                _isDrainStored = true;
                ConsiderLeaving();
                break;
            case DrainTimeout:
                Release();
                break;
            case Released:
                _leaver?.Tell(new ClusterReply.Done(null), Self);
                break;
        }
    }

    private void Propose(ClusterCommand.Propose proposal, ActorRef replica)
    {
        if (proposal.Added is { } added && !_view.IsRegistered(added))
        {
            replica.Tell(new ReplicaCommand.ProposalFailed(proposal.Revision), Self);
            return;
        }

        var transaction = ChangeOf(proposal.To, proposal.Revision, proposal.Added?.Node);
        Context.PipeTo(CommitSurelyAsync(transaction), commit => new Proposed(replica, proposal, commit), e => new NotProposed(replica, proposal, e is not OperationCanceledException));
    }

    /// <summary>
    /// Tried once: the replica asks again, of the revision that is there then, and what came of a transaction of unknown outcome shows in what is read. That somebody else is alive rests on
    /// leases; a successor that is alone as well gives way in its turn.
    /// </summary>
    private void GiveWay(ClusterCommand.GiveWay command)
    {
        if (!_view.Shards.TryGetValue(command.Shard, out var stored) || stored.Revision != command.Revision || stored.Value.Leader?.Node != Name || !_givingWay.Add(command.Shard))
        {
            return;
        }

        List<ClusterNode> nodes = [.. _view.Nodes.Keys.Select(name => NodeOf(name) with { Suspected = !IsReachable(name) })];
        if (LeaderWay.Give(stored.Value, Name, nodes, _view.EpochFloor, _options.Placement.MinInSync) is not { Leader: { } next } to)
        {
            _givingWay.Remove(command.Shard);
            return;
        }

        var transaction = ChangeOf(to, stored.Revision, next.Node);
        Context.PipeTo(_metadata.CommitAsync(transaction, _stopped.Token), commit => new GaveWay(to, commit), _ => new GaveWay(to, null));
    }

    /// <summary>Changes an assignment that has a certain revision; if a node is named, only while the life of it that is known here goes on.</summary>
    private MetadataTransaction ChangeOf(ShardAssignment to, long revision, string? alive)
    {
        var key = ClusterKeys.OfShard(to.Shard);
        List<MetadataCondition> conditions = [new MetadataCondition(key, revision)];
        if (alive is not null)
        {
            conditions.Add(new MetadataCondition(ClusterKeys.OfNode(alive), _view.Nodes[alive].Revision));
        }

        return new MetadataTransaction { Conditions = conditions, Operations = [MetadataOperation.Put(key, ShardAssignmentCodec.Write(to))] };
    }

    private void HandleGaveWay(GaveWay done)
    {
        _givingWay.Remove(done.To.Shard);
        if (done.Commit is { Succeeded: true } commit)
        {
            Publish("gave-way", $"shard {done.To.Shard}", $"this node does not reach those that are in sync; {done.To.Leader!.Value.Node} may");
            Apply(done.To, commit.Revision);
        }
        else if (done.Commit is { } refused)
        {
            Apply(refused.Current);
        }
    }

    /// <summary>
    /// Fails only if nothing has changed, and never will, or if this actor has ended. A transaction of unknown outcome is tried again: it compares the same revision, so it does not take place twice,
    /// and when it is refused the answer says what is there instead. That a later try could not be sent says nothing of the first.
    /// </summary>
    private async Task<MetadataCommit> CommitSurelyAsync(MetadataTransaction transaction)
    {
        var isUnknown = false;
        while (true)
        {
            try
            {
                return await _metadata.CommitAsync(transaction, _stopped.Token);
            }
            catch (MetadataUnavailableException e) when (isUnknown || !e.NothingChanged)
            {
                isUnknown = true;
                await Task.Delay(s_pause, _time, _stopped.Token);
            }
        }
    }

    private async Task<FrameFault?> SetStateAsync(string node, NodeState state, bool onlyIfUp)
    {
        var key = ClusterKeys.OfStanding(node);
        while (true)
        {
            if (await _membership.FindAsync(key, _stopped.Token) is not { } stored)
            {
                return new FrameFault(ErrorCode.NotFound, $"there is no node '{node}' in the cluster");
            }

            var before = ClusterValues.ReadStanding(stored.Value.Span);
            if (before.State == state || (onlyIfUp && before.State != NodeState.Up))
            {
                return null;
            }

            var commit = await _metadata.CommitAsync(
                new MetadataTransaction
                {
                    Conditions = [new MetadataCondition(key, stored.ModRevision)],
                    Operations = [MetadataOperation.Put(key, ClusterValues.Write(before with { State = state }))],
                },
                _stopped.Token);
            if (commit.Succeeded)
            {
                return null;
            }
        }
    }

    private void MoveLeader(ClusterCommand.MoveLeader command, ActorRef asker)
    {
        if (RefusalOf(command) is { } fault)
        {
            asker.Tell(new ClusterReply.Done(fault), Self);
            return;
        }

        var stored = _view.Shards[command.Shard];
        var to = stored.Value with
        {
            Epoch = stored.Value.Epoch + 1,
            Leader = new NodeLife(command.Node, _view.Nodes[command.Node].Value.Incarnation),
            Replicas = [command.Node, .. stored.Value.Replicas.Where(r => r != command.Node)], // or a rebalance would undo it
        };
        var transaction = ChangeOf(to, stored.Revision, command.Node);
        Context.PipeTo(CommitSurelyAsync(transaction), commit => new Moved(asker, to, commit), e => new Answer(asker, Unavailable(e)));
    }

    private FrameFault? RefusalOf(ClusterCommand.MoveLeader command)
    {
        if (!_view.Shards.TryGetValue(command.Shard, out var stored))
        {
            return new FrameFault(ErrorCode.NotFound, $"shard {command.Shard} is not assigned");
        }

        if (!_view.Nodes.TryGetValue(command.Node, out var node) || _view.StateOf(command.Node) != NodeState.Up)
        {
            return new FrameFault(ErrorCode.PreconditionFailed, $"node '{command.Node}' is not up");
        }

        return stored.Value.InSync.Contains(new ReplicaId(command.Node, node.Value.Store))
            ? null
            : new FrameFault(ErrorCode.PreconditionFailed, $"node '{command.Node}' has no in-sync replica of shard {command.Shard}");
    }

    private ClusterMember MemberOf(string name) => new(
        name,
        _view.Nodes.GetValueOrDefault(name)?.Value,
        _view.StateOf(name),
        _view.ZoneOf(name),
        _view.Coordinator is { Value: var life } && life.Node == name && _view.IsRegistered(life),
        _view.Nodes.ContainsKey(name) && IsSuspected(name));

    /// <summary>The server stops: others are to lead what this node leads before it is gone, as long as there are others and they do not take too long.</summary>
    private void Leave(ActorRef asker)
    {
        if (_hasLeft)
        {
            asker.Tell(new ClusterReply.Done(null), Self);
            return;
        }

        _leaver = asker;
        Context.Timers.StartSingle(nameof(DrainTimeout), new DrainTimeout(), _options.DrainTimeout);
        Context.PipeTo(SetStateAsync(Name, NodeState.Draining, onlyIfUp: true), _ => new DrainStored(), _ => new DrainStored());
    }

    private void ConsiderLeaving()
    {
        if (_isDrainStored && !_hasLeft && !_view.Shards.Values.Any(s => s.Value.Leader == _life.Life && HasSuccessor(s.Value)))
        {
            Release();
        }
    }

    private bool HasSuccessor(ShardAssignment shard) => shard.InSync.Any(r =>
        r.Node != Name && IsReachable(r.Node) && _view.StateOf(r.Node) == NodeState.Up && _view.Nodes.GetValueOrDefault(r.Node)?.Value.Store == r.Store);

    private void Release()
    {
        if (_hasLeft && _isBeginning)
        {
            return; // what it is beginning is released when it is there
        }

        _hasLeft = true;
        Context.Timers.Cancel(nameof(DrainTimeout));
        Publish("left", Name, _view.Shards.Values.Count(s => s.Value.Leader == _life.Life) is var led and > 0 ? $"it still led {led} shards" : "it led nothing");
        ConsiderOffice();
        if (!_isBeginning)
        {
            Context.PipeTo(_life.Lease.DisposeAsync(), () => new Released(), _ => new Released());
        }
    }

    private static FrameFault Unavailable(Exception reason) => new(ErrorCode.Unavailable, $"it could not be stored: {reason.Message}");
}
