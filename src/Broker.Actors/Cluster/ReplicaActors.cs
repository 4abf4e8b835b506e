using Broker.Actors.Runtime;
using Broker.Actors.Server;

namespace Broker.Actors.Cluster;

/// <summary>Starts the replicas of a node: an actor for each shard, whether the node has a replica of it or not.</summary>
internal static class ReplicaActors
{
    /// <summary>After recovery, and before the node joins the cluster.</summary>
    public static void Start(ActorSystem system, NodeServices node)
    {
        var cluster = node.Cluster!;
        if (cluster.Options.Replica is not { } replica)
        {
            return;
        }

        for (var shard = 0; shard < cluster.Replicas.Length; shard++)
        {
            cluster.Replicas[shard] = system.ActorOf(replica(node, shard), $"replica-{shard}");
        }
    }
}
