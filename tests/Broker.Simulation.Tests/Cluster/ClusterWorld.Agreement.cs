using Broker.Actors.Cluster;
using Broker.Actors.Runtime;
using Broker.Machines.Cluster;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>What the nodes agree on, and how they hear of it.</summary>
internal sealed partial class ClusterWorld
{
    private PlacementMachine _coordinator;
    /// <summary>All was healed.</summary>
    public bool IsCalm { get; private set; }

    private bool _isFrozen; // nobody gets another shard
    private long _incarnation;
    private int _stores;

    /// <summary>A replica wants to change its shard's in-sync set. The answer may be late, or missing, although it took place.</summary>
    public void Propose(MemberLife from, ActorRef replica, ClusterCommand.Propose proposal)
    {
        var answered = IsCalm || Random.Next(4) > 0;
        var carriedOut = IsCalm || Random.Next(6) > 0;
        var mayComeLate = !carriedOut && Random.Next(2) == 0;
        if (!from.Member.HasMetadata || (Metadata.HangsUntil > Now && Random.Next(2) == 0))
        {
            Answer(nothingChanged: true, Delay(0, 500));
            return;
        }

        if (Metadata.HangsUntil > Now)
        {
            answered = false; // a request in flight when the leader changes: carried out later, or lost
        }

        if (carriedOut || mayComeLate)
        {
            var hangs = Metadata.HangsUntil > Now ? Metadata.HangsUntil - Now : TimeSpan.Zero;
            Later(hangs + (mayComeLate ? Delay(0, 3000) : Delay(0, 10)), () =>
            {
                var isAlive = proposal.Added is not { } added || (Metadata.Alive.TryGetValue(added.Node, out var alive) && alive.Life == added);
                var changed = isAlive && Metadata.TryChange(proposal.Revision, proposal.To);
                Trace($"{from.Member.Name} proposes {proposal.To.InSync.Count} for shard {proposal.To.Shard}: {changed}");
                Seen.Count("in-sync set changed by the leader", changed ? 1 : 0);
                if (answered && !mayComeLate && !changed)
                {
                    Answer(nothingChanged: true, Delay(0, 5));
                }
            });
        }

        if (!answered || !carriedOut)
        {
            Answer(nothingChanged: !carriedOut && !mayComeLate && answered, Delay(0, 1000)); // else nobody knows
        }

        void Answer(bool nothingChanged, TimeSpan delay) => Later(delay, () => replica.Tell(new ReplicaCommand.ProposalFailed(proposal.Revision, nothingChanged)));
    }

    /// <summary>A leader reaches too few of its in-sync set. It is not answered, and what it asks for may be lost, or take place late.</summary>
    public void GiveWay(MemberLife from, ClusterCommand.GiveWay command)
    {
        if (!from.Member.HasMetadata || Metadata.HangsUntil > Now || Metadata[command.Shard] is not ({ } shard, var revision) || revision != command.Revision || (!IsCalm && Random.Next(6) == 0))
        {
            return;
        }

        var view = Metadata.View();
        List<ClusterNode> nodes = [.. view.Nodes.Select(n => n with { Suspected = n.Name != from.Member.Name && !_links[(from.Member.Name, n.Name)].IsUp })];
        if (LeaderWay.Give(shard, from.Member.Name, nodes, view.EpochFloor, Options.Placement.MinInSync) is { Leader: { } next } to)
        {
            Later(IsCalm || Random.Next(4) > 0 ? Delay(0, 10) : Delay(0, 3000), () =>
            {
                var changed = Metadata.Alive.TryGetValue(next.Node, out var alive) && alive.Life == next && Metadata.TryChange(revision, to);
                Trace($"{from.Member.Name} gives way to {next.Node} for shard {command.Shard}: {changed}");
                Seen.Count("leaders that gave way", changed ? 1 : 0);
            });
        }
    }

    /// <summary>No disk fails here, so no node has a reason to but damage. It was found, and an operator moves the store away.</summary>
    public void Resign(MemberLife from, string reason)
    {
        if (from.Member.IsDamaged && from.Member.Life == from)
        {
            Seen.Count("damage found while running");
            Later(TimeSpan.Zero, () =>
            {
                if (from.Member.Life == from)
                {
                    Crash(from.Member);
                    MoveStoreAway(from.Member);
                    Start(from.Member);
                }
            });
        }
        else if (!from.Member.Disk.HasCrashed && !from.IsOver)
        {
            Assert.Fail($"{from.Member} resigns: {reason}");
        }
    }

    /// <summary>A node sees the newest assignments sooner or later, and not each.</summary>
    private void Watch(SimulatedMember member)
    {
        if (member is { Life: { } life, HasMetadata: true } && Metadata.HangsUntil <= Now)
        {
            for (var shard = 0; shard < Options.Placement.Shards; shard++)
            {
                if (Metadata[shard] is ({ } assignment, var revision) && revision > life.Told.GetValueOrDefault(shard))
                {
                    life.Told[shard] = revision;
                    life.Cluster.Shards.SetAssignment(assignment, revision);
                    life.Cluster.Replicas[shard].Tell(new ReplicaCommand.Assigned(assignment, revision));
                }
            }
        }

        Later(Delay(1, IsCalm || Random.Next(10) > 0 ? 60 : 2000), () => Watch(member));
    }

    /// <summary>The watch has ended, and everything is read anew: what is known comes again, and behind it what an answer that was late has of the past.</summary>
    private void ReadAnew(MemberLife life)
    {
        life.Told.Clear();
        for (var shard = 0; shard < Options.Placement.Shards; shard++)
        {
            foreach (var (assignment, revision) in new[] { Metadata[shard], Metadata.Before(shard) })
            {
                if (assignment is not null)
                {
                    life.Cluster.Replicas[shard].Tell(new ReplicaCommand.Assigned(assignment, revision));
                }
            }
        }
    }

    /// <summary>The metadata store has another leader: for a while nobody is answered, and leases may end although they were renewed.</summary>
    private void ChangeMetadataLeader()
    {
        var time = Delay(1000, 3000);
        Metadata.HangsUntil = Now + time;
        Later(time, () =>
        {
            foreach (var member in Members.Where(_ => !IsCalm && Random.Next(3) == 0))
            {
                LoseLease(member);
            }
        });
    }

    private void LoseLease(SimulatedMember member)
    {
        if (Metadata.Alive.Remove(member.Name))
        {
            Trace($"the lease of {member.Name} ends");
            Seen.Count("leases that ended while the node ran", member.IsRunning ? 1 : 0);
        }
    }

    /// <summary>Leases end some time after their owners do, now and then although they have not. Whoever has lost one begins another life.</summary>
    private void Coordinate()
    {
        foreach (var member in Metadata.HangsUntil > Now ? [] : Members)
        {
            if (member is { Life: { } life, IsPaused: false, HasMetadata: true })
            {
                if (!Metadata.Alive.ContainsKey(member.Name))
                {
                    Register(member, life);
                }
            }
            else if (Random.Next(10) == 0)
            {
                Metadata.Alive.Remove(member.Name);
            }
        }

        Later(IsCalm || Random.Next(5) > 0 ? TimeSpan.Zero : Delay(0, 300), Decide(Metadata.View()));
        Later(TimeSpan.FromMilliseconds(150), Coordinate);
    }

    private Action Decide(PlacementView view)
    {
        var revisions = Enumerable.Range(0, Options.Placement.Shards).Select(s => Metadata[s].Revision).ToList();
        return () =>
        {
            foreach (var change in _isFrozen || Metadata.HangsUntil > Now ? [] : _coordinator.Look(view, Now))
            {
                if (Metadata.TryChange(revisions[change.To.Shard], change.To)) // else somebody was quicker
                {
                    Trace($"{change.Reason} of shard {change.To.Shard}: {change.To.Leader}");
                    Seen.Count($"{change.Reason}");
                }
            }
        };
    }

    private void Register(SimulatedMember member, MemberLife life)
    {
        if (life.WasRegistered)
        {
            var name = new NodeLife(member.Name, ++_incarnation);
            life.Cluster.Identity = life.Cluster.Identity with { Life = name };
            foreach (var replica in life.Cluster.Replicas)
            {
                replica.Tell(new ReplicaCommand.NewLife(name));
            }

            Seen.Count("another life without a start");
        }

        life.WasRegistered = true;
        Metadata.Alive[member.Name] = (life.Cluster.Identity.Life, member.Store);
        Trace($"{member.Name} is {life.Cluster.Identity.Life.Incarnation}");
    }

    private Guid NextStore() => new(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (byte)++_stores);
}
