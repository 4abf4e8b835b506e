using Broker.Actors.Cluster;
using Broker.Actors.Connections;
using Broker.Actors.Exchanges;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Storage;
using Broker.Actors.Topology;

namespace Broker.Actors.Server;

/// <summary>What happens between an actor system and a node that serves: recovery, then the actors of everything that was declared.</summary>
internal static class NodeStart
{
    /// <summary>Brings the node to serve.</summary>
    /// <exception cref="IOException">What is on disk cannot be used as it is, or the cluster does not take the node.</exception>
    public static async Task RunAsync(ActorSystem system, NodeServices node, CancellationToken cancellationToken)
    {
        var membership = node.Cluster is null ? null : await ClusterJoin.CheckAsync(system, node, cancellationToken);
        var store = await RecoverAsync(node, cancellationToken);
        StartRegions(system, node);
        if (node.Storage is { } storage)
        {
            storage.Options.Scheduler.Start(storage.Log);
            storage.Keeper = system.ActorOf(Props.Create(() => new StoreActor(node, storage)), "store");
            storage.Log.Changed = () => storage.Keeper.Tell(StoreMessage.Check.Instance);
        }

        if (membership is not null)
        {
            ReplicaActors.Start(system, node);
        }

        var restored = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var giveUp = cancellationToken.Register(() => restored.TrySetCanceled(cancellationToken));
        node.Topology = system.ActorOf(Props.Create(() => new TopologyActor(node, store, () => restored.TrySetResult())), "topology");
        await restored.Task;
        if (membership is not null)
        {
            await ClusterJoin.RunAsync(system, node, membership, cancellationToken);
        }

        node.Storage?.Report(node.Queues);
        node.IsServing = true;
        foreach (var connection in node.Connections.Connections)
        {
            connection.Actor.Tell(ConnectionActor.NodeServes.Instance);
        }
    }

    private static async Task<TopologyStore> RecoverAsync(NodeServices node, CancellationToken cancellationToken)
    {
        if (node.Storage is not { } storage)
        {
            return TopologyStore.None();
        }

        await storage.RecoverAsync();
        var recovery = storage.Recovery;
        foreach (var mark in recovery.Ledgers.Values.SelectMany(l => l.Producers.Marks))
        {
            node.Producers.Note(mark);
        }

        return await TopologyStore.OpenAsync(storage.Options.Metadata, recovery.Deleted, recovery.Ledgers.Keys, cancellationToken);
    }

    private static void StartRegions(ActorSystem system, NodeServices node)
    {
        node.ExchangeRegion = ShardRegion.Start(system, new ShardRegionOptions
        {
            TypeName = "exchange",
            ShardCount = node.Options.ShardCount,
            EntityProps = name => Props.Create(() => new ExchangeActor(name, node)),
        });
        node.QueueRegion = ShardRegion.Start(system, new ShardRegionOptions
        {
            TypeName = "queue",
            ShardCount = node.Options.ShardCount,
            EntityProps = name => Props.Create(() => new QueueActor(name, node)),
            // A queue whose actor failed has lost what it knew of its consumers: they and its publishers are to hear of it, not to go on with another one.
            EntitySupervision = SupervisorStrategy.Stopping,
        });
    }
}
