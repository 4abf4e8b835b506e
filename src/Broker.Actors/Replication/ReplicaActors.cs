using System.Globalization;
using Broker.Actors.Cluster;
using Broker.Actors.Links;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Storage;

namespace Broker.Actors.Replication;

/// <summary>
/// Parent of the replicas of a node of a cluster: one for every shard, as which of them the node has is the cluster's decision. A replica that fails is not started again: what it knew of its
/// log is in doubt, so the node's log ends, and with it the node's part in the cluster, until it starts anew from what is on the disk.
/// </summary>
internal sealed class ReplicaActors(NodeServices node, NodeStorage storage, ClusterServices cluster, TaskCompletionSource started) : Actor
{
    protected override SupervisorStrategy SupervisorStrategy => SupervisorStrategy.Stopping;

    /// <summary>Starts them. After recovery, and before the node joins.</summary>
    public static Task StartAsync(ActorSystem system, NodeServices node)
    {
        if (node is not { Cluster: { } cluster, Storage: { } storage })
        {
            return Task.CompletedTask;
        }

        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        system.ActorOf(Props.Create(() => new ReplicaActors(node, storage, cluster, started)), "replica");
        return started.Task;
    }

    protected override void PreStart()
    {
        var mailbox = 4 * ShardCost.MailboxFor(cluster.Options.Links.ReceiveRoomBytes); // of so many nodes at once
        for (var number = 0; number < cluster.Replicas.Length; number++)
        {
            var shard = number;
            storage.Recovery.Shards.TryGetValue(shard, out var recovered);
            var props = cluster.Options.Replica?.Invoke(node, shard) ?? Props.Create(() => new ReplicaActor(node, storage, cluster, shard, recovered));
            var replica = Context.ActorOf(props.WithMailbox(mailbox), shard.ToString(CultureInfo.InvariantCulture));
            Context.Watch(replica);
            cluster.Replicas[shard] = replica;
        }

        started.TrySetResult();
    }

    protected override void Receive(object message)
    {
        if (message is Terminated ended)
        {
            storage.Log.Fail($"this node's replica of shard {ended.Actor.Path.Name} has failed");
        }
        else
        {
            Unhandled(message);
        }
    }
}
