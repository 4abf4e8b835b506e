using System.Globalization;
using Broker.Actors.Links;
using Broker.Actors.Runtime;
using Broker.Actors.Server;

namespace Broker.Actors.Replication;

/// <summary>Starts the replicas of a node of a cluster.</summary>
internal static class ReplicaActors
{
    /// <summary>Starts one for every shard: which of them the node has is the cluster's decision. After recovery, and before the node joins.</summary>
    public static void Start(ActorSystem system, NodeServices node)
    {
        if (node is not { Cluster: { } cluster, Storage: { } storage })
        {
            return;
        }

        var mailbox = 4 * ShardCost.MailboxFor(cluster.Options.Links.ReceiveRoomBytes); // of so many nodes at once
        for (var number = 0; number < cluster.Replicas.Length; number++)
        {
            var shard = number;
            storage.Recovery.Shards.TryGetValue(shard, out var recovered);
            cluster.Replicas[shard] = system.ActorOf(
                Props.Create(() => new ReplicaActor(node, storage, cluster, shard, recovered)).WithMailbox(mailbox), string.Create(CultureInfo.InvariantCulture, $"replica-{shard}"));
        }
    }
}
