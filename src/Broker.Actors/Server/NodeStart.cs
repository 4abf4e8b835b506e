using System.Text.Json.Nodes;
using Broker.Actors.Access;
using Broker.Actors.Cluster;
using Broker.Actors.Connections;
using Broker.Actors.Definitions;
using Broker.Actors.Direct;
using Broker.Actors.Exchanges;
using Broker.Actors.Policies;
using Broker.Actors.Queues;
using Broker.Actors.Replication;
using Broker.Actors.Routing;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Storage;
using Broker.Actors.Topology;
using Broker.Actors.Users;

namespace Broker.Actors.Server;

/// <summary>What happens between an actor system and a node that serves: recovery, then the actors of everything that was declared.</summary>
internal static class NodeStart
{
    /// <summary>Brings the node to serve.</summary>
    /// <exception cref="IOException">What is on disk cannot be used as it is, or the cluster does not take the node.</exception>
    public static async Task RunAsync(ActorSystem system, NodeServices node, CancellationToken cancellationToken)
    {
        var membership = node.Cluster is null ? null : await ClusterJoin.CheckAsync(system, node, cancellationToken);
        if (node.Cluster is not null && node.Options.Storage is { Metadata: var metadata })
        {
            system.ActorOf(Props.Create(() => new UserFollower(node, metadata)), "users");
            system.ActorOf(Props.Create(() => new AddressFollower(node, metadata)), "addresses");
            system.ActorOf(Props.Create(() => new RecordFollower(metadata, AccessKeys.Prefix, node.Access.Merge, node.Access.Apply)), "access");
            system.ActorOf(Props.Create(() => new RecordFollower(metadata, PolicyDirectory.Prefix, node.Policies.Merge, node.Policies.Apply)), "policies");
        }

        var topology = await RecoverAsync(node, cancellationToken);
        StartRegions(system, node);
        if (node.Storage is { } storage)
        {
            storage.Options.Scheduler.Start(storage.Log);
            storage.Keeper = system.ActorOf(Props.Create(() => new StoreActor(node, storage)), "store");
            storage.Log.Changed = () => storage.Keeper.Tell(StoreMessage.Check.Instance);
        }

        if (membership is not null)
        {
            await ReplicaActors.StartAsync(system, node);
            await RoutingActor.StartAsync(system, node);
        }

        var restored = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var giveUp = cancellationToken.Register(() => restored.TrySetCanceled(cancellationToken));
        node.Topology = system.ActorOf(topology(() => restored.TrySetResult()), "topology");
        await restored.Task;
        node.Exclusive = ExclusiveQueues.Start(system, node);
        if (membership is null)
        {
            await ExclusiveQueues.DeleteLeftAsync(node, cancellationToken); // in a cluster, their leaders may not be there for long
        }

        if (membership is not null)
        {
            await ClusterJoin.RunAsync(system, node, membership, cancellationToken);
        }

        if (node.Definitions is { } definitions)
        {
            await ImportAsync(node, definitions, cancellationToken);
        }

        node.Storage?.Report(node.Queues);
        node.IsServing = true;
        foreach (var connection in node.Connections.Connections)
        {
            connection.Actor.Tell(ConnectionActor.NodeServes.Instance);
        }
    }

    private static async Task ImportAsync(NodeServices node, JsonObject definitions, CancellationToken cancellationToken)
    {
        var counts = new Dictionary<DefinitionResult, int>();
        await foreach (var row in new DefinitionsImport(node, onlyVhost: null).RunAsync(definitions, cancellationToken))
        {
            counts[row.Result] = counts.GetValueOrDefault(row.Result) + 1;
            if (!row.IsTaken)
            {
                node.Options.OnDefinition?.Invoke(row.ToString(), true);
            }
        }

        var (added, unchanged) = (counts.GetValueOrDefault(DefinitionResult.Added), counts.GetValueOrDefault(DefinitionResult.Unchanged));
        node.Options.OnDefinition?.Invoke($"{added} added, {unchanged} there already, {counts.Values.Sum() - added - unchanged} not taken", false);
    }

    /// <summary>Reads what is on the disk and what is declared.</summary>
    /// <returns>Makes the topology's actor, of what it is to call when all that is there again.</returns>
    private static async Task<Func<Action, Props>> RecoverAsync(NodeServices node, CancellationToken cancellationToken)
    {
        if (node.Storage is not { } storage)
        {
            return restored => Props.Create(() => new TopologyActor(node, TopologyStore.None(), restored));
        }

        await storage.RecoverAsync(node.Cluster is not null);
        var recovery = storage.Recovery;
        foreach (var mark in recovery.Ledgers.Values.SelectMany(l => l.Producers.Marks))
        {
            node.Producers.Note(mark);
        }

        var metadata = storage.Options.Metadata;
        if (node.Cluster is not null)
        {
            var declared = await metadata.ReadAsync(TopologyKeys.Prefix, cancellationToken);
            _ = TopologyKeys.ToChanges(declared.Values).ToList(); // a node that does not understand what is declared does not start
            return restored => Props.Create(() => new SharedTopologyActor(node, metadata, declared, restored));
        }

        var store = await TopologyStore.OpenAsync(metadata, recovery.Deleted, recovery.Ledgers.Keys, cancellationToken);
        return restored => Props.Create(() => new TopologyActor(node, store, restored));
    }

    /// <summary>The queue itself where it lives, and a stand-in everywhere else.</summary>
    private static Func<string, Props> QueueProps(NodeServices node)
    {
        Func<object, QueueActor> queue = name => new QueueActor((string)name, node);
        Func<object, RemoteQueueActor> standIn = name => new RemoteQueueActor((string)name, node);
        return name => node.Cluster is { } cluster && !cluster.Shards[StableHash.ShardOf(name, node.Options.ShardCount)].IsServing
            ? Props.Create(standIn, name)
            : Props.Create(queue, name);
    }

    internal static void StartRegions(ActorSystem system, NodeServices node)
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
            EntityProps = QueueProps(node),
            // A queue whose actor failed has lost what it knew of its consumers: they and its publishers are to hear of it, not to go on with another one.
            EntitySupervision = SupervisorStrategy.Stopping,
        });
    }
}
