using System.Diagnostics;
using Broker.Actors.Queues;
using Broker.Actors.Runtime.Sharding;
using Broker.Machines.Cluster;
using Broker.Machines.Queues;
using Broker.Machines.Topology;
using Broker.Transport.InMemory;

namespace Broker.Actors.Tests.Routing;

/// <summary>Three nodes with links between them.</summary>
internal sealed class RoutingWorld : IAsyncDisposable
{
    private readonly InMemoryTransport _transport = new();
    private readonly List<RoutingNode> _nodes = [];
    private long _revision;
    private ulong _lastQueue;

    public RoutingNode One => _nodes[0];

    public RoutingNode Two => _nodes[1];

    public RoutingNode Three => _nodes[2];

    public static async Task<RoutingWorld> StartAsync(TimeSpan? patience = null)
    {
        var world = new RoutingWorld();
        string[] names = ["node-1", "node-2", "node-3"];
        foreach (var name in names)
        {
            world._nodes.Add(await RoutingNode.StartAsync(world._transport, name, patience ?? TimeSpan.FromSeconds(15)));
        }

        foreach (var node in world._nodes)
        {
            foreach (var other in names.Where(n => n != node.Name))
            {
                node.Dial(other);
            }
        }

        return world;
    }

    /// <summary>Declares a queue on all nodes; nobody leads it yet.</summary>
    public async Task DeclareAsync(string queue, QueueArguments? arguments = null)
    {
        var definition = new QueueDefinition(queue, Durable: false, ++_lastQueue) { Arguments = arguments ?? QueueArguments.None };
        foreach (var node in _nodes)
        {
            node.Definitions[queue] = definition;
            node.Tell(queue, new QueueMessage.Start(0, definition));
            await EventuallyAsync(() => node.Services.Queues.TryGet(queue, out var q) && q.IsAvailable, $"{queue} on {node.Name}");
        }
    }

    /// <summary>The cluster agrees on a leader, and it serves, if it is to.</summary>
    public async Task LeadAsync(string queue, RoutingNode? leader, bool serves = true)
    {
        var shard = StableHash.ShardOf(queue, RoutingNode.ShardCount);
        var epoch = ++_revision;
        NodeLife? life = leader is null ? null : RoutingNode.LifeOf(leader.Name);
        var assignment = new ShardAssignment(shard, epoch, life, [new ReplicaId("node-1", Guid.Empty)], ["node-1"]);
        foreach (var node in _nodes)
        {
            if (node != leader)
            {
                node.Cluster.Shards.SetServing(shard, 0);
            }

            node.Cluster.Shards.SetAssignment(assignment, epoch);
        }

        if (serves && leader is not null)
        {
            await ServeAsync(queue, leader);
        }
    }

    /// <summary>The leader is ready.</summary>
    public async Task ServeAsync(string queue, RoutingNode leader)
    {
        leader.Cluster.Shards.SetServing(StableHash.ShardOf(queue, RoutingNode.ShardCount), _revision);
        foreach (var node in _nodes)
        {
            await EventuallyAsync(
                () => node.Services.Queues.TryGet(queue, out var q) && q.IsAvailable && q.IsLocal == (node == leader), $"{queue} on {node.Name} to be led by {leader.Name}");
        }
    }

    /// <summary>Looks again and again.</summary>
    public static async Task EventuallyAsync(Func<bool> holds, string what)
    {
        var since = Stopwatch.GetTimestamp();
        while (!holds())
        {
            Assert.True(Stopwatch.GetElapsedTime(since) < TimeSpan.FromSeconds(30), $"waited 30 s for {what}");
            await Task.Delay(5);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        await _transport.DisposeAsync();
    }
}
