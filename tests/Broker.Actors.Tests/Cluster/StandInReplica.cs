using System.Collections.Concurrent;
using Broker.Actors.Cluster;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Machines.Cluster;

namespace Broker.Actors.Tests.Cluster;

/// <summary>What a shard's replica was told on one node, and, where the test wants it, a leader that takes everybody into the in-sync set as if copying took no time.</summary>
internal sealed class StandInReplica
{
    private readonly ConcurrentQueue<ReplicaCommand> _told = new();

    /// <summary>Everything so far, in order.</summary>
    public IReadOnlyList<ReplicaCommand> Told => [.. _told];

    public IEnumerable<ReplicaCommand.Assigned> Assigned => _told.OfType<ReplicaCommand.Assigned>();

    /// <summary>An actor for it.</summary>
    /// <param name="node">The node.</param>
    /// <param name="shard">The shard.</param>
    /// <param name="lifeOf">The present life and store of a node; <c>null</c>: nobody is taken into the in-sync set.</param>
    public Props Props(NodeServices node, int shard, Func<string, (NodeLife Life, Guid Store)?>? lifeOf) =>
        Actors.Runtime.Props.Create(() => new Replica(this, node, shard, lifeOf));

    private sealed class Replica(StandInReplica state, NodeServices node, int shard, Func<string, (NodeLife Life, Guid Store)?>? lifeOf) : Actor
    {
        private static readonly TimeSpan s_again = TimeSpan.FromMilliseconds(50);

        private sealed class Retry
        {
            public static readonly Retry Instance = new();
        }

        protected override void Receive(object message)
        {
            switch (message)
            {
                case ReplicaCommand m:
                    state._told.Enqueue(m);
                    Join();
                    break;
                case ClusterCommand.Propose m: // by the test, to see what becomes of it
                    node.Cluster!.Cluster.Tell(m, Self);
                    break;
                case Retry:
                    Join();
                    break;
            }
        }

        private void Join()
        {
            var view = node.Cluster!.Shards[shard];
            if (lifeOf is null || !node.Cluster.HasJoined || view.Assignment is not { } assignment || assignment.Leader != node.Cluster.Identity.Life)
            {
                return;
            }

            foreach (var name in assignment.Replicas)
            {
                if (lifeOf(name) is { } found && !assignment.InSync.Contains(new ReplicaId(name, found.Store)))
                {
                    var others = assignment.InSync.Where(r => r.Node != name);
                    var to = assignment with { InSync = [.. others, new ReplicaId(name, found.Store)] };
                    node.Cluster.Cluster.Tell(new ClusterCommand.Propose(view.Revision, to, found.Life), Self);
                    Context.Timers.StartSingle(Retry.Instance, Retry.Instance, s_again);
                    return;
                }
            }

            if (assignment.Replicas.Any(r => assignment.InSync.All(i => i.Node != r)))
            {
                Context.Timers.StartSingle(Retry.Instance, Retry.Instance, s_again); // who is to join is not there yet
            }
        }
    }
}
