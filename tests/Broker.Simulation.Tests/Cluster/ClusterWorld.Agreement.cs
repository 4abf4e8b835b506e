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
        if (!from.Member.HasMetadata)
        {
            Answer(nothingChanged: true, Delay(0, 500));
            return;
        }

        if (carriedOut || mayComeLate)
        {
            Later(mayComeLate ? Delay(0, 3000) : Delay(0, 10), () =>
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

    /// <summary>No disk fails here, so no node has a reason to.</summary>
    public void Resign(MemberLife from, string reason)
    {
        if (!from.Member.Disk.HasCrashed)
        {
            Assert.Fail($"{from.Member} resigns: {reason}");
        }
    }

    /// <summary>A node sees the newest assignments sooner or later, and not each.</summary>
    private void Watch(SimulatedMember member)
    {
        if (member is { Life: { } life, HasMetadata: true })
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

    /// <summary>Leases end some time after their owners do, now and then although they have not. Whoever has lost one begins another life.</summary>
    private void Coordinate()
    {
        foreach (var member in Members)
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
            foreach (var change in _isFrozen ? [] : _coordinator.Look(view, Now))
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
