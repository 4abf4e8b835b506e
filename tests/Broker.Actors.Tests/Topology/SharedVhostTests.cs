using Broker.Actors.Tests.Nodes;
using Broker.Actors.Topology;
using Broker.Machines.Topology;
using Broker.Protocol;
using static Broker.Actors.Tests.Topology.SharedTopologyTests;

namespace Broker.Actors.Tests.Topology;

/// <summary>Vhosts that the nodes of a cluster share, and exchanges that go by themselves.</summary>
public sealed class SharedVhostTests
{
    [Fact]
    public async Task Vhost_has_its_own_names_on_all_nodes_and_goes_with_all_that_is_in_it()
    {
        await using var cluster = await TopologyCluster.StartAsync(2);
        await cluster.A.DoAsync(Queue("q"));
        await cluster.B.RefusedAsync(ErrorCode.NotFound, Queue(Of("q")));
        await cluster.A.DoAsync(new TopologyRequest.AddVhost(new VhostDefinition("v", "for tests")));
        await cluster.B.DoAsync(Queue(Of("q")));
        await cluster.A.DoAsync(Exchange(Of("x")));
        await cluster.B.DoAsync(Bind(Of("amq.topic"), Of("q"), "#"));
        await cluster.B.DoAsync(Bind(Of("x"), Of("q"), "k"));
        await cluster.AgreeAsync();
        Assert.Equal([Of("q")], cluster.A.Route(Of("amq.topic"), "any"));
        Assert.Equal([Of("q")], cluster.A.Route(Of(""), "q"));
        Assert.Equal(["q"], cluster.A.Route("", "q"));
        Assert.Equal([new VhostDefinition("/"), new VhostDefinition("v", "for tests")], (await cluster.B.ListAsync()).Vhosts);

        await cluster.A.RefusedAsync(ErrorCode.PreconditionFailed, new TopologyRequest.RemoveVhost("v"));
        await cluster.A.RefusedAsync(ErrorCode.AccessRefused, new TopologyRequest.RemoveVhost("/"));
        Assert.Null(await VhostRemoval.RunAsync(cluster.B.Services.Topology, "v", WireConnection.Timeout, CancellationToken.None));
        Assert.Matches("^q:True:[0-9]+$", await cluster.AgreeAsync());
        await WireAdmin.UntilAsync(() => Task.FromResult(cluster.B.Route(Of("amq.topic"), "any") is null), gone => gone, "the exchange to be gone, which its actor brings about");
        await cluster.A.RefusedAsync(ErrorCode.NotFound, Queue(Of("q")));
        Assert.DoesNotContain((await cluster.Store.ReadAsync(TopologyKeys.Prefix)).Values, v => v.Key.Contains("%1F", StringComparison.Ordinal) || v.Key.Contains("vhosts", StringComparison.Ordinal));
        Assert.Null(await VhostRemoval.RunAsync(cluster.B.Services.Topology, "v", WireConnection.Timeout, CancellationToken.None));
    }

    /// <summary>Whoever is first: either the vhost is gone and the queue was refused, or both are there.</summary>
    [Fact]
    public async Task Declaration_in_a_vhost_and_its_removal_do_not_both_take_place()
    {
        await using var cluster = await TopologyCluster.StartAsync(2);
        for (var i = 0; i < 50; i++)
        {
            await cluster.A.DoAsync(new TopologyRequest.AddVhost(new VhostDefinition("v")));
            var removed = cluster.A.AskAsync(new TopologyRequest.RemoveVhost("v"));
            var declared = (i % 2 == 0 ? cluster.B : cluster.A).AskAsync(Queue(Of("q")));
            var outcome = ((await removed).Fault?.Code, (await declared).Fault?.Code);
            Assert.True(outcome is (null, ErrorCode.NotFound) or (ErrorCode.PreconditionFailed, null), $"{outcome}");
            await cluster.AgreeAsync();
            Assert.Null(await VhostRemoval.RunAsync(cluster.A.Services.Topology, "v", WireConnection.Timeout, CancellationToken.None));
        }
    }

    [Fact]
    public async Task Auto_delete_exchange_goes_when_two_nodes_take_its_last_bindings_at_once()
    {
        await using var cluster = await TopologyCluster.StartAsync(2);
        await cluster.A.DoAsync(Queue("one"));
        await cluster.A.DoAsync(Queue("two"));
        for (var i = 0; i < 50; i++)
        {
            await cluster.A.DoAsync(Exchange("x") with { AutoDelete = true });
            await cluster.A.DoAsync(Bind("x", "one"));
            await cluster.B.DoAsync(Bind("x", "two"));
            var (first, second) = (cluster.A.AskAsync(new TopologyRequest.Unbind(new Binding("x", "one", ""))), cluster.B.AskAsync(new TopologyRequest.Unbind(new Binding("x", "two", ""))));
            Assert.Null((await first).Fault);
            Assert.Null((await second).Fault);
            Assert.DoesNotContain("x:", await cluster.AgreeAsync(), StringComparison.Ordinal);
        }
    }

    private static string Of(string name) => EntityName.Of("v", name);
}
