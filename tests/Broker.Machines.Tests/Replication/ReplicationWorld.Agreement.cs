using Broker.Machines.Cluster;
using Broker.Machines.Replication;

namespace Broker.Machines.Tests.Replication;

/// <summary>What the nodes agree on, and how they hear of it.</summary>
internal sealed partial class ReplicationWorld
{
    public void Propose(SimulatedReplica from, ReplicaEffect.Propose proposal)
    {
        var answered = _isCalm || _random.Next(4) > 0;
        var carriedOut = _isCalm || _random.Next(6) > 0;
        var mayComeLate = !carriedOut && _random.Next(2) == 0;
        if (!from.HasMetadata)
        {
            from.Later(Delay(500), m => m.HandleProposalFailed(proposal.Revision, nothingChanged: true));
            return;
        }

        if (carriedOut || mayComeLate)
        {
            Later(mayComeLate ? Delay(3000) : Delay(10), () =>
            {
                var isAlive = proposal.Added is not { } added || (Metadata.Alive.TryGetValue(added.Node, out var alive) && alive.Life == added);
                var changed = isAlive && Metadata.TryChange(proposal.Revision, proposal.To);
                if (answered && !mayComeLate && !changed)
                {
                    from.Later(Delay(5), m => m.HandleProposalFailed(proposal.Revision, nothingChanged: true));
                }
            });
        }

        if (!answered || !carriedOut)
        {
            from.Later(Delay(1000), m => m.HandleProposalFailed(proposal.Revision, nothingChanged: !carriedOut && !mayComeLate && answered)); // else nobody knows
        }
    }

    /// <summary>A leader that is alone wants another one to lead. It is not answered.</summary>
    public void GiveWay(SimulatedReplica from, ReplicaEffect.GiveWay effect)
    {
        if (Metadata.Revision != effect.Revision || !from.HasMetadata || (!_isCalm && _random.Next(6) == 0))
        {
            return;
        }

        var view = Metadata.View();
        List<ClusterNode> nodes = [.. view.Nodes.Select(n => n with { Suspected = n.Name != from.Name && _cut.Contains(Pair(from.Name, n.Name)) })];
        if (LeaderWay.Give(view.Assignments[0], from.Name, nodes, view.EpochFloor, Options.MinInSync) is { } to)
        {
            Later(_isCalm || _random.Next(2) == 0 ? Delay(10) : Delay(3000), () =>
            {
                if (Metadata.Alive.TryGetValue(to.Leader!.Value.Node, out var alive) && alive.Life == to.Leader && Metadata.TryChange(effect.Revision, to))
                {
                    Seen.Add("a leader gave way");
                }
            });
        }
    }

    /// <summary>A node sees the newest assignment sooner or later, and not each.</summary>
    private void Watch(SimulatedReplica replica)
    {
        if (replica is { IsRunning: true, HasMetadata: true } && Metadata.Assignment is { } assignment)
        {
            var revision = Metadata.Revision;
            replica.Later(Delay(10), m => m.HandleAssignment(assignment, revision, Now));
        }

        Later(Delay(_random.Next(10) == 0 ? 2000 : 60), () => Watch(replica));
    }

    /// <summary>Leases end some time after their owners do, now and then although they have not.</summary>
    private void Coordinate()
    {
        foreach (var replica in Replicas)
        {
            var isThere = replica is { IsRunning: true, IsPaused: false, HasMetadata: true };
            if (isThere && Metadata.Alive.TryAdd(replica.Name, (replica.Life, replica.Disk.Store)))
            {
                // back before anybody had taken its place, or with a new lease
            }
            else if (!isThere && _random.Next(10) == 0)
            {
                Metadata.Alive.Remove(replica.Name);
            }
        }

        var (view, revision) = (Metadata.View(), Metadata.Revision);
        Later(Delay(_isCalm || _random.Next(5) > 0 ? 0 : 300), () =>
        {
            foreach (var change in _coordinator.Look(view, Now))
            {
                if (Metadata.TryChange(revision, change.To)) // else somebody was quicker
                {
                    Seen.Add($"{change.Reason}");
                }
            }
        });
        Later(TimeSpan.FromMilliseconds(150), Coordinate);
    }
}
