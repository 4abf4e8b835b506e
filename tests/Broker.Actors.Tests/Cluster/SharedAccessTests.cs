using Broker.Actors.Runtime;
using Broker.Actors.Tests.Links;
using Broker.Actors.Tests.Nodes;
using Broker.Actors.Topology;
using Broker.Machines.Access;
using Broker.Machines.Policies;
using Broker.Machines.Topology;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Tests.Cluster;

/// <summary>Vhosts, permissions and policies on whole nodes of a cluster: said at one node, in force at another.</summary>
[Collection(ClusterCollection.Name)]
public sealed class SharedAccessTests
{
    private const string User = "somebody";

    [Fact]
    public async Task What_is_said_at_one_node_holds_at_the_other_and_reaches_queues_wherever_they_are()
    {
        await using var cluster = new TestCluster { ShardCount = 4, HasReplicas = true };
        await cluster.StartAllAsync("node-1", "node-2", "node-3");
        await cluster.UntilAsync(() => Enumerable.Range(0, 4).All(s => cluster.There.Any(n => n.Cluster.Shards[s].IsServing)), "every shard to be served");
        var (one, two) = (cluster["node-1"], cluster["node-2"]);
        Assert.Null((await one.Services.Topology.AskAsync<TopologyReply>(new TopologyRequest.AddVhost(new VhostDefinition("shop")), TestCluster.Patience)).Fault);
        await one.Services.Access.SetAsync(new Permissions(User, "shop", NamePattern.All, NamePattern.All, NamePattern.All), default);
        await cluster.UntilAsync(() => two.Services.Vhosts.Check("shop") is null && two.Services.Access.PermissionsOf(User, "shop") is not null, "node-2 knows the vhost and who may use it");
        await using var client = await ConnectAsync(two);
        string[] queues = ["a", "b", "c", "d", "e", "f", "g", "h"]; // of all shards, so led by both
        foreach (var queue in queues)
        {
            await FillAsync(client, queue);
        }

        Assert.True(PolicyDefinition.TryParse(FieldTable.Of(("max-length", 1)), isOperator: false, out var definition, out _));
        await one.Services.Policies.SetAsync(new Policy { Vhost = "shop", Name = "one", Pattern = NamePattern.All, ApplyTo = "queues", Definition = definition }, default);
        await cluster.UntilAsync(
            () => queues.All(q => cluster.There.Any(n => n.Services.Queues.TryGet(EntityName.Of("shop", q), out var found) && found is { IsLocal: true, Status.Ready: 1 })),
            "every queue to keep one message");
        await one.Services.Access.SetAsync(new Permissions(User, "shop", NamePattern.Nothing, NamePattern.Nothing, NamePattern.Nothing), default);
        await cluster.UntilAsync(() => two.Services.Access.Rules.Of(User, "shop").ReadQueue("a") is not null, "node-2 knows that it may not any more");
        await using var requests = await client.OpenRequestsAsync();
        await requests.GetAsync("a");
        await requests.ExpectRefusalAsync(ErrorCode.AccessRefused);
        Assert.Null(await VhostRemoval.RunAsync(one.Services.Topology, "shop", TestCluster.Patience, default));
        Assert.Equal((long?)ErrorCode.NotFound, (await client.ClosedAsync()).ErrorCode); // of a connection to another node than that which was asked
        await cluster.UntilAsync(() => cluster.There.All(n => !n.Services.Queues.Queues.Any()), "all queues to be gone at both");
    }

    private static async Task FillAsync(WireConnection client, string queue)
    {
        await client.DeclareQueueAsync(queue, DeclareQueueFlags.Durable);
        await using var publisher = await client.OpenPublisherAsync();
        for (var i = 1UL; i <= 3; i++)
        {
            await publisher.PublishAsync(i, "", queue, $"{i}", PublishFlags.Durable);
            var answer = await publisher.ReadAsync();
            Assert.True(answer?.Type == FrameType.Confirm, answer is { Type: FrameType.Reject } r && RejectFrame.TryRead(r.Payload, out var reject, out _) ? reject.Reason : $"{answer?.Type}");
        }
    }

    private static async Task<WireConnection> ConnectAsync(TestNode node)
    {
        var connection = new WireConnection(await node.Transport.ConnectAsync(new QuicClientOptions
        {
            EndPoint = node.EndPoint, ServerName = "localhost", Tls = LinkCertificates.Dialler(User), ApplicationProtocols = ["broker/1"],
        }));
        await connection.HelloAsync(new HelloFrame { ClientName = "test", Vhost = "shop" });
        return connection;
    }
}
