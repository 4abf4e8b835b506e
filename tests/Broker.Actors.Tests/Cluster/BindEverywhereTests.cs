using Broker.Actors.Runtime;
using Broker.Actors.Tests.Links;
using Broker.Actors.Tests.Nodes;
using Broker.Actors.Topology;
using Broker.Machines.Topology;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Tests.Cluster;

/// <summary>What was bound at one node is in force for the next publish at every other, without a retry.</summary>
[Collection(ClusterCollection.Name)]
public sealed class BindEverywhereTests
{
    private const int Rounds = 200;

    [Fact]
    public async Task Publish_at_another_node_sees_what_was_declared_and_bound_before()
    {
        await using var cluster = new TestCluster { ShardCount = 4, HasReplicas = true };
        await cluster.StartAllAsync("node-1", "node-2", "node-3");
        var clients = new List<(WireConnection Connection, WireStream Requests, WireStream Publisher)>();
        foreach (var node in cluster.There)
        {
            var connection = await ConnectAsync(node);
            clients.Add((connection, await connection.OpenRequestsAsync(), await connection.OpenPublisherAsync()));
        }

        await clients[0].Connection.DeclareQueueAsync("q");
        for (var i = 1; i <= Rounds; i++)
        {
            var (binds, publishes) = (clients[i % 3].Requests, clients[(i + 1 + (i % 2)) % 3].Publisher);
            var key = $"key {i}";
            await binds.SendAsync(w => new BindFrame { RequestId = 1, Exchange = "amq.topic", Destination = "q", RoutingKey = key }.Write(w));
            await binds.ExpectAsync(FrameType.Ok);
            await ConfirmedAsync(publishes, (ulong)(2 * i) - 1, "amq.topic", key);

            if (i % 10 == 0)
            {
                await binds.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = key }.Write(w));
                await binds.ExpectAsync(FrameType.QueueOk);
                await ConfirmedAsync(publishes, (ulong)(2 * i), "", key);
            }
        }

        foreach (var client in clients)
        {
            await client.Connection.DisposeAsync();
        }
    }

    [Fact]
    public async Task Node_that_is_gone_or_cut_off_holds_nobody_up_for_longer_than_it_takes_to_suspect_it()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        await DoAsync(cluster["node-1"], new TopologyRequest.DeclareQueue("q", Durable: true, Passive: false));
        await cluster.CutAsync("node-1", "node-3"); // node 3 still hears of it from the store
        await DoAsync(cluster["node-1"], new TopologyRequest.Bind(new Binding("amq.fanout", "q", "while it is cut off")));
        cluster.Heal("node-1", "node-3");
        await cluster["node-3"].KillAsync();
        await DoAsync(cluster["node-1"], new TopologyRequest.Bind(new Binding("amq.fanout", "q", "while it is gone")));
        Assert.Equal(["while it is cut off", "while it is gone"], await BindingsAsync(cluster["node-2"]));
    }

    private static async Task<IEnumerable<string>> BindingsAsync(TestNode node) =>
        (await node.Services.Topology.AskAsync<TopologyListing>(new TopologyRequest.List(), TestCluster.Patience)).Bindings.Select(b => b.RoutingKey);

    private static async Task DoAsync(TestNode node, TopologyRequest request) => Assert.Null((await node.Services.Topology.AskAsync<TopologyReply>(request, TestCluster.Patience)).Fault);

    private static async Task ConfirmedAsync(WireStream publisher, ulong sequence, string exchange, string key)
    {
        await publisher.PublishAsync(sequence, exchange, key, key, PublishFlags.Mandatory); // RETURN if it is not routed
        await publisher.ExpectConfirmsAsync(1);
    }

    private static async Task<WireConnection> ConnectAsync(TestNode node)
    {
        var client = new QuicClientOptions { EndPoint = node.EndPoint, ServerName = "localhost", Tls = LinkCertificates.Dialler("client"), ApplicationProtocols = [ProtocolInfo.Alpn] };
        var connection = new WireConnection(await node.Transport.ConnectAsync(client));
        await connection.HelloAsync();
        return connection;
    }
}
