using Broker.Actors.Runtime;
using Broker.Actors.Tests.Nodes;
using Broker.Actors.Tests.Runtime;
using Broker.Actors.Topology;
using Broker.Machines.Topology;
using Broker.Protocol;
using static Broker.Actors.Tests.Topology.SharedTopologyTests;

namespace Broker.Actors.Tests.Topology;

/// <summary>A request is answered when every node that counts routes by it.</summary>
public sealed class RouteBarrierTests
{
    [Fact]
    public async Task Bind_is_confirmed_when_all_nodes_route_by_it()
    {
        await using var cluster = await StartAsync(3);
        await cluster.A.DoAsync(Queue("q"));
        for (var i = 0; i < 300; i++)
        {
            var (asked, late) = (cluster.Nodes[i % 3], cluster.Nodes[(i + 1) % 3]);
            late.Metadata.HoldWatches();
            var bind = asked.AskAsync(Bind("amq.direct", "q", $"k{i}"));
            if (i % 10 == 0)
            {
                await WireAdmin.UntilAsync(() => Task.FromResult(asked.Route("amq.direct", $"k{i}")), r => r is ["q"], "the node that was asked to route by it");
                Assert.False(bind.IsCompleted);
            }

            late.Metadata.ReleaseWatches();
            Assert.Null((await bind).Fault);
            Assert.All(cluster.Nodes, n => Assert.Equal(["q"], n.Route("amq.direct", $"k{i}")));
            await cluster.Nodes[(i + 2) % 3].DoAsync(new TopologyRequest.Unbind(new Binding("amq.direct", "q", $"k{i}")));
            Assert.All(cluster.Nodes, n => Assert.Empty(n.Route("amq.direct", $"k{i}")!));
        }
    }

    [Fact]
    public async Task What_is_so_already_is_confirmed_when_all_nodes_know_that_it_is()
    {
        await using var cluster = await StartAsync(3);
        await cluster.A.DoAsync(Queue("q"));
        cluster.Nodes[2].Metadata.HoldWatches();
        var first = cluster.A.AskAsync(Bind("amq.direct", "q", "k"));
        var again = cluster.B.AskAsync(Bind("amq.direct", "q", "k"));
        await WireAdmin.UntilAsync(() => Task.FromResult(cluster.B.Route("amq.direct", "k")), r => r is ["q"], "the second node to route by it");
        await cluster.B.ListAsync();
        Assert.False(first.IsCompleted || again.IsCompleted);
        cluster.Nodes[2].Metadata.ReleaseWatches();
        Assert.Null((await first).Fault);
        Assert.Null((await again).Fault);
        Assert.Equal(["q"], cluster.Nodes[2].Route("amq.direct", "k"));
    }

    [Fact]
    public async Task Queue_is_declared_when_all_nodes_route_to_it_by_its_name()
    {
        await using var cluster = await StartAsync(2);
        cluster.B.Metadata.HoldWatches();
        var declared = cluster.A.AskAsync(Queue("q"));
        await WireAdmin.UntilAsync(() => Task.FromResult(cluster.A.Route("", "q")), r => r is ["q"], "the node that was asked to route by it");
        Assert.False(declared.IsCompleted);
        cluster.B.Metadata.ReleaseWatches();
        Assert.Null((await declared).Fault);
        Assert.Equal(["q"], cluster.B.Route("", "q"));
    }

    [Fact]
    public async Task Node_that_counts_no_more_holds_nobody_up()
    {
        await using var cluster = await StartAsync(3);
        await cluster.A.DoAsync(Queue("q"));
        cluster.Nodes[2].Metadata.HoldWatches();
        var bind = cluster.A.AskAsync(Bind("amq.direct", "q", "k"));
        await WireAdmin.UntilAsync(() => Task.FromResult(cluster.B.Route("amq.direct", "k")), r => r is ["q"], "the second node to route by it");
        Assert.False(bind.IsCompleted);
        cluster.A.Services.Cluster!.Barrier.Await(["b"]);
        Assert.Null((await bind).Fault);
    }

    [Fact]
    public async Task Node_that_never_says_so_makes_it_unavailable_and_it_can_be_asked_for_again()
    {
        var time = new ManualTimeProvider();
        await using var cluster = await StartAsync(2, time);
        var request = new TopologyRequest.Bind(new Binding("amq.direct", "amq.topic", "k", DestinationKind.Exchange));
        cluster.B.Metadata.HoldWatches();
        var bind = cluster.A.Services.Topology.AskAsync<TopologyReply>(request, TimeSpan.FromHours(1));
        await cluster.A.UntilShowsAsync(shown => shown.Contains("amq.topic", StringComparison.Ordinal), "the binding");
        time.Advance(TimeSpan.FromSeconds(9));
        await cluster.A.ListAsync();
        Assert.False(bind.IsCompleted);
        await WireAdmin.UntilAsync(
            async () =>
            {
                time.Advance(TimeSpan.FromSeconds(1)); // the wait begins when the exchanges have answered, which may be now
                await cluster.A.ListAsync();
                return bind.IsCompleted;
            },
            done => done,
            "the request to be given up");
        var fault = (await bind).Fault;
        Assert.Equal(ErrorCode.Unavailable, fault?.Code);
        Assert.Contains("'b'", fault?.Reason, StringComparison.Ordinal);
        cluster.B.Metadata.ReleaseWatches();
        await cluster.A.DoAsync(request);
        Assert.Contains("amq.topic", await cluster.B.ShowAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public void Listener_hears_what_is_and_what_comes_until_it_ends()
    {
        var (barrier, heard) = (new RouteBarrier(), new List<long>());
        using (barrier.Listen(heard.Add))
        {
            Assert.Empty(heard);
            barrier.Advance(5);
            barrier.Advance(4);
            barrier.Advance(6);
        }

        barrier.Advance(7);
        Assert.Equal([5L, 6], heard);
        using var late = barrier.Listen(heard.Add);
        Assert.Equal([5L, 6, 7], heard);
    }

    [Fact]
    public void Those_who_count_and_are_not_that_far_are_behind()
    {
        var moved = 0;
        var barrier = new RouteBarrier { Moved = () => moved++ };
        Assert.Empty(barrier.Behind(10));
        barrier.Await(["b", "c"]);
        barrier.Await(["b", "c"]);
        Assert.Equal(["b", "c"], barrier.Behind(10));
        barrier.Note("b", 10);
        barrier.Note("b", 9);
        barrier.Note("z", 20);
        Assert.Equal(["c"], barrier.Behind(10));
        Assert.Equal(["b", "c"], barrier.Behind(11));
        Assert.Equal(3, moved);
    }

    /// <summary>Nodes that tell each other how far they are, as their links do.</summary>
    private static async Task<TopologyCluster> StartAsync(int nodes, TimeProvider? time = null)
    {
        var cluster = await TopologyCluster.StartAsync(nodes, time);
        foreach (var node in cluster.Nodes)
        {
            var others = cluster.Nodes.Where(n => n != node).ToList();
            others.ForEach(o => node.Services.Cluster!.Barrier.Listen(revision => o.Services.Cluster!.Barrier.Note(node.Services.Options.NodeId, revision)));
            node.Services.Cluster!.Barrier.Await([.. others.Select(o => o.Services.Options.NodeId)]);
        }

        return cluster;
    }
}
