using System.Diagnostics;
using System.Net;
using Broker.Actors.Links;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Embedded;
using Broker.Machines.Cluster;
using Broker.Transport.Ngtcp2;
using Broker.Transport.Tests;

namespace Broker.Actors.Tests.Links;

/// <summary>Links over real QUIC on the loopback address, with real threads and time.</summary>
public sealed class Ngtcp2LinkTests(ITestOutputHelper output)
{
    private static readonly TimeSpan s_longestGap = TimeSpan.FromSeconds(1);

    /// <summary>A machine that stops for a moment makes no node look dead.</summary>
    private static readonly NodeLinkOptions s_patient = new() { SuspicionTimeout = TimeSpan.FromSeconds(25) };

    [Fact]
    public async Task Two_nodes_send_to_each_other()
    {
        await using var one = await RealNode.StartAsync("node-1", 11);
        await using var two = await RealNode.StartAsync("node-2", 22);
        var (toTwo, _) = one.Node.Dial("node-2", two.Node.EndPoint);
        var (toOne, _) = two.Node.Dial("node-1", one.Node.EndPoint);
        var there = new ShardConsumer(two.System, two.Node, 1, 5000);
        var back = new ShardConsumer(one.System, one.Node, 1, 5000);
        _ = new ShardProducer(one.System, toTwo, 1, 5000);
        _ = new ShardProducer(two.System, toOne, 1, 5000);
        await Task.WhenAll(there.AllAsync(), back.AllAsync());
        Assert.Equal((null, null), (there.Disorder, back.Disorder));
        Assert.Equal(new NodeLife("node-1", 11), Assert.Single(there.From));
    }

    [Fact]
    public async Task A_burst_over_all_shards_does_not_make_a_node_look_dead()
    {
        const int shards = 64;
        const int count = (150_000 / shards) + 1;
        await using var one = await RealNode.StartAsync("node-1", 11);
        await using var two = await RealNode.StartAsync("node-2", 22);
        var (link, status) = one.Node.Dial("node-2", two.Node.EndPoint);
        var watcher = new LinkWatcher(one.System, link);
        await watcher.NextAsync<LinkUp>();
        await using var machine = new MachinePauses();
        var start = Stopwatch.GetTimestamp();
        var consumers = Enumerable.Range(0, shards).Select(shard => new ShardConsumer(two.System, two.Node, shard, count)).ToList();
        var producers = Enumerable.Range(0, shards).Select(shard => new ShardProducer(one.System, link, shard, count, size: 1024)).ToList();
        await Task.WhenAll(consumers.Select(consumer => consumer.AllAsync()));
        var took = Stopwatch.GetElapsedTime(start);
        output.WriteLine($"{shards * count} messages of 1 KiB in {took.TotalSeconds:0.00} s, longest time between two signs of life {status.LongestGap.TotalMilliseconds:0} ms");
        Assert.All(consumers, consumer => Assert.Null(consumer.Disorder));
        Assert.All(producers, producer => Assert.Empty(producer.Closed));
        Assert.Empty(watcher.Take());
        Assert.NotNull(status.Life);
        var allowed = s_longestGap + machine.Longest; // both nodes share the processors with whatever else runs here
        Assert.True(status.LongestGap < allowed, $"{status.LongestGap} between two signs of life; {allowed} are allowed");
    }

    [Fact]
    public async Task A_shard_whose_receiver_does_not_take_stops_only_itself()
    {
        await using var one = await RealNode.StartAsync("node-1", 11);
        await using var two = await RealNode.StartAsync("node-2", 22);
        var (link, _) = one.Node.Dial("node-2", two.Node.EndPoint);
        var watcher = new LinkWatcher(one.System, link);
        await watcher.NextAsync<LinkUp>();
        const int count = 10_000;
        var slow = new ShardConsumer(two.System, two.Node, 1, count, holds: true);
        var quick = new ShardConsumer(two.System, two.Node, 2, count);
        var held = new ShardProducer(one.System, link, 1, count, size: 1024);
        _ = new ShardProducer(one.System, link, 2, count, size: 1024);
        await quick.AllAsync();
        Assert.InRange(held.Sent, 1, count - 1);
        slow.Actor.Tell(ShardConsumer.Go);
        await slow.AllAsync();
        Assert.Equal((null, null), (slow.Disorder, quick.Disorder));
        Assert.Empty(watcher.Take());
    }

    [Fact]
    public async Task A_restarted_node_is_another_life()
    {
        await using var one = await RealNode.StartAsync("node-1", 11);
        var first = await RealNode.StartAsync("node-2", 22);
        var endPoint = first.Node.EndPoint;
        var (link, _) = one.Node.Dial("node-2", endPoint);
        var watcher = new LinkWatcher(one.System, link);
        Assert.Equal(22, (await watcher.NextAsync<LinkUp>()).Life.Incarnation);
        await first.DisposeAsync();
        Assert.Equal(22, (await watcher.NextAsync<LinkDown>()).Life.Incarnation);
        await using var second = await RealNode.StartAsync("node-2", 23, endPoint);
        Assert.Equal(23, (await watcher.NextAsync<LinkUp>()).Life.Incarnation);
        Assert.Empty(watcher.Take());
    }

    [Fact]
    public async Task A_node_whose_process_ends_is_missed_long_before_its_silence_would_tell()
    {
        await using var one = await RealNode.StartAsync("node-1", 11);
        await using var two = await RealNode.StartAsync("node-2", 22);
        var (link, _) = one.Node.Dial("node-2", two.Node.EndPoint);
        var watcher = new LinkWatcher(one.System, link);
        await watcher.NextAsync<LinkUp>();
        await ((Ngtcp2Listener)two.Node.Listener).AbandonAsync();

        var start = Stopwatch.GetTimestamp();
        var down = await watcher.NextAsync<LinkDown>();
        var took = Stopwatch.GetElapsedTime(start);
        output.WriteLine($"missed after {took.TotalMilliseconds:0} ms");
        Assert.True(down.IsGone, down.Reason);
        Assert.True(took < TimeSpan.FromSeconds(5), $"it took {took}");
    }

    [Fact]
    public async Task A_node_that_is_refused_is_told_why()
    {
        await using var one = await RealNode.StartAsync("node-1", 11);
        await using var two = await RealNode.StartAsync("node-2", 22);
        var refused = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var (_, status) = one.Node.Dial("node-3", two.Node.EndPoint);
        var expected = "InvalidArgument: node 'node-2' answers where node 'node-3' was dialled";
        using var timer = new Timer(
            _ =>
            {
                if (status.Problem is { } problem)
                {
                    refused.TrySetResult(problem);
                }
            },
            null,
            TimeSpan.Zero,
            TimeSpan.FromMilliseconds(20));
        Assert.Equal(expected, await refused.Task.WaitAsync(TimeSpan.FromSeconds(30)));
    }

    /// <summary>A node with an actor system and a transport of its own.</summary>
    private sealed class RealNode : IAsyncDisposable
    {
        private readonly Ngtcp2Transport _transport;
        private readonly List<ActorFault> _faults;

        private RealNode(ActorSystem system, Ngtcp2Transport transport, List<ActorFault> faults, LinkNode node)
        {
            System = system;
            _transport = transport;
            _faults = faults;
            Node = node;
        }

        public ActorSystem System { get; }

        public LinkNode Node { get; }

        public static async Task<RealNode> StartAsync(string name, long incarnation, IPEndPoint? endPoint = null)
        {
            if (!Ngtcp2Transport.IsSupported(out var reason))
            {
                Assert.Skip(reason);
            }

            var faults = new List<ActorFault>();
            var system = EmbeddedActorSystem.Create(name, new ActorSystemOptions { OnFault = fault => Add(faults, fault) });
            var transport = new Ngtcp2Transport();
            return new RealNode(system, transport, faults, await LinkNode.ListenAsync(system, transport, name, incarnation, endPoint ?? new IPEndPoint(IPAddress.Loopback, 0), options: s_patient));
        }

        public async ValueTask DisposeAsync()
        {
            await System.DisposeAsync();
            await _transport.DisposeAsync();
            lock (_faults)
            {
                Assert.Empty(_faults);
            }
        }

        private static void Add(List<ActorFault> faults, ActorFault fault)
        {
            lock (faults)
            {
                faults.Add(fault);
            }
        }
    }
}
