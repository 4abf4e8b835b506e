using Broker.Actors.Exchanges;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Embedded;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Server;
using Broker.Actors.Tests.Nodes;
using Broker.Actors.Topology;
using Broker.Coordination;
using Broker.Machines.Routing;
using Broker.Machines.Topology;
using static Broker.Actors.Tests.Topology.SharedTopologyTests;

namespace Broker.Actors.Tests.Topology;

/// <summary>An exchange that fails begins anew as it was declared, with all its bindings.</summary>
public sealed class ExchangeRestartTests
{
    [Fact]
    public async Task Exchange_of_a_node_in_a_cluster_has_its_bindings_after_a_failure()
    {
        await using var cluster = await TopologyCluster.StartAsync(1);
        await FailAndGoOnAsync(cluster.A.Services, cluster.A.Faults);
        await cluster.AgreeAsync();
    }

    [Fact]
    public async Task Exchange_of_a_node_by_itself_has_its_bindings_after_a_failure()
    {
        var faults = new List<ActorFault>();
        await using var system = EmbeddedActorSystem.Create("node", new ActorSystemOptions { OnFault = f => { lock (faults) { faults.Add(f); } } });
        var node = new NodeServices(new BrokerServerOptions { NodeId = "node" });
        node.ExchangeRegion = ShardRegion.Start(
            system, new ShardRegionOptions { TypeName = "exchange", ShardCount = 4, EntityProps = exchange => Props.Create(() => new ExchangeActor(exchange, node)) });
        node.QueueRegion = system.ActorOf(Props.Create(() => new StandInQueues(node, new StandInQueues.Script())), "queue");
        node.Topology = system.ActorOf(Props.Create(() => new TopologyActor(node, TopologyStore.None(), () => { })), "topology");
        await FailAndGoOnAsync(node, faults, durable: false);
        lock (faults)
        {
            Assert.Empty(faults);
        }
    }

    [Fact]
    public async Task Exchange_that_is_removed_and_declared_again_at_once_has_what_it_was_told_last()
    {
        await using var cluster = await TopologyCluster.StartAsync(1);
        await cluster.A.DoAsync(Queue("q"));
        for (var i = 0; i < 200; i++)
        {
            // All that another node has done in the meantime is told in one go.
            cluster.A.Metadata.HoldWatches();
            await CommitAsync(new TopologyChange.ExchangeAdded(new ExchangeDefinition("x", ExchangeKind.Direct)));
            await CommitAsync(new TopologyChange.ExchangeRemoved("x"));
            await CommitAsync(new TopologyChange.ExchangeAdded(new ExchangeDefinition("x", ExchangeKind.Fanout)));
            await CommitAsync(new TopologyChange.BindingAdded(new Binding("x", "q", $"{i}")));
            cluster.A.Metadata.ReleaseWatches();
            await cluster.A.DoAsync(Bind("x", "q", "k"));
            Assert.Equal(["q"], cluster.A.Route("x", "any"));
            await cluster.A.DoAsync(new TopologyRequest.Unbind(new Binding("x", "q", "k")));
            Assert.Equal(["q"], cluster.A.Route("x", "any"));
            await cluster.A.DoAsync(new TopologyRequest.DeleteExchange("x", false));
            Assert.Null(cluster.A.Route("x", "any"));
        }

        async Task CommitAsync(TopologyChange change) => Assert.True(
            (await cluster.Store.CommitAsync(new MetadataTransaction { Operations = [TopologyKeys.ToOperation(change, 0, _ => true)] })).Succeeded);
    }

    private static async Task FailAndGoOnAsync(NodeServices node, List<ActorFault> faults, bool durable = true)
    {
        async Task DoAsync(TopologyRequest request) =>
            Assert.Null((await node.Topology.AskAsync<TopologyReply>(request, WireConnection.Timeout)).Fault);
        await DoAsync(new TopologyRequest.DeclareExchange("x", "direct", durable, Passive: false));
        await DoAsync(new TopologyRequest.DeclareExchange("removed", "direct", durable, Passive: false));
        foreach (var name in new[] { "1", "2", "3" })
        {
            await DoAsync(new TopologyRequest.DeclareQueue(name, durable, Passive: false));
        }

        await DoAsync(Bind("x", "1", "k"));
        await DoAsync(Bind("x", "2", "k"));
        foreach (var exchange in new[] { "x", "removed" })
        {
            node.ExchangeRegion.Tell(new ShardEnvelope(exchange, new ExchangeMessage.Bind(0, new Binding(exchange, "1", RoutingKey: null!)))); // a mistake of our own
        }

        var meanwhile = new[] { DoAsync(Bind("x", "3", "k")), DoAsync(new TopologyRequest.Unbind(new Binding("x", "2", "k"))), DoAsync(new TopologyRequest.DeleteExchange("removed", false)) };
        await Task.WhenAll(meanwhile);
        Assert.Equal(["1", "3"], TopologyNode.RouteOf(node, "x", "k"));
        Assert.Null(TopologyNode.RouteOf(node, "removed", "k"));
        await DoAsync(new TopologyRequest.DeclareExchange("removed", "fanout", durable, Passive: false));
        await DoAsync(Bind("removed", "1"));
        Assert.Equal(["1"], TopologyNode.RouteOf(node, "removed", "any"));
        lock (faults)
        {
            Assert.Equal(2, faults.Count);
            faults.Clear();
        }
    }
}
