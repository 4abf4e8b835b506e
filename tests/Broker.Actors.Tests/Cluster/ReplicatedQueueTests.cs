using Broker.Actors.Cluster;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Tests.Links;
using Broker.Actors.Tests.Nodes;
using Broker.Machines.Topology;
using Broker.Protocol;
using Broker.Storage.Disks;
using Broker.Storage.Records;
using Broker.Transport;

namespace Broker.Actors.Tests.Cluster;

/// <summary>Durable queues whose shards are replicated: on whole nodes, with everything but the topology, which is told to the leaders by the test.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ReplicatedQueueTests
{
    private const string Queue = "orders";
    private const int Shards = 4;
    private static int Shard => StableHash.ShardOf(Queue, Shards);

    [Fact]
    public async Task What_was_confirmed_is_there_when_its_leader_is_gone()
    {
        await using var cluster = await StartAsync(3);
        var first = await ServingAsync(cluster);
        await PublishAsync(first, 1, 500);

        await first.KillAsync();
        var second = await ServingAsync(cluster, not: first);

        Assert.Equal(Bodies(1, 500), await ConsumeAsync(second, 500));
    }

    [Fact]
    public async Task A_node_that_comes_back_has_what_it_missed()
    {
        await using var cluster = await StartAsync(3);
        var first = await ServingAsync(cluster);
        var follower = cluster.There.First(n => n != first);
        await PublishAsync(first, 1, 100);
        await follower.KillAsync();
        await PublishAsync(first, 101, 300);

        await cluster.StartAsync(follower.Name);
        await InSyncAsync(cluster, 3);
        foreach (var other in cluster.There.Where(n => n.Name != follower.Name).ToList())
        {
            if (other != first)
            {
                await other.KillAsync();
            }
        }

        await InSyncAsync(cluster, 2);
        await first.KillAsync();
        await cluster.StartAsync(first.Name);
        var last = await ServingAsync(cluster);
        Assert.Equal(Bodies(1, 400), await ConsumeAsync(last, 400));
    }

    [Fact]
    public async Task A_segment_that_no_checkpoint_names_goes_with_the_start_also_if_nothing_comes_to_its_queue()
    {
        await using var cluster = await StartAsync(3);
        var first = await ServingAsync(cluster);
        await PublishAsync(first, 1, 100);
        var follower = cluster.There.First(n => n != first);
        await cluster.UntilAsync(async () => await CommittedAsync(follower) == await CommittedAsync(first), "the follower knows that all is committed");
        var (log, before) = (follower.Services.Storage!.Log, follower.Services.Storage.Log.SyncedPosition);
        follower.Cluster.Replicas[Shard].Tell(new ReplicaCommand.Checkpoint(ShardEntity.Of(Shard), 0));
        await cluster.UntilAsync(() => log.SyncedPosition > before, "that is on the disk");
        await follower.StopAsync();
        var path = follower.Services.Storage.Segments.PathOf(1000, segment: 7);
        follower.Disk.CreateFolder(path[..path.LastIndexOf('/')]);
        follower.Disk.Create(path).Dispose(); // as a copy leaves it

        await cluster.StartAsync(follower.Name);
        await InSyncAsync(cluster, 3);
        await cluster.UntilAsync(() => !follower.Disk.Exists(path), "the segment is gone");
    }

    [Fact]
    public async Task A_node_whose_log_fails_lets_others_lead()
    {
        await using var cluster = await StartAsync(3);
        var first = await ServingAsync(cluster);
        await PublishAsync(first, 1, 100);

        first.Services.Storage!.Log.Fail("the disk is broken");
        var second = await ServingAsync(cluster, not: first);

        Assert.Contains(first.Events, e => e.Kind == "resigned");
        Assert.DoesNotContain(first.Name, (await cluster.ShardAsync(Shard)).Leader!.Value.Node);
        Assert.Equal(Bodies(1, 100), await ConsumeAsync(second, 100));
    }

    [Fact]
    public async Task When_all_disks_in_sync_are_lost_an_order_saves_what_another_replica_has()
    {
        await using var cluster = await StartAsync(3);
        var first = await ServingAsync(cluster);
        var behind = cluster.There.First(n => n != first);
        var other = cluster.There.First(n => n != first && n != behind);
        await PublishAsync(first, 1, 100);
        await InSyncAsync(cluster, 3);
        await behind.KillAsync();
        await PublishAsync(first, 101, 100); // which two nodes have, and lose
        await first.KillAsync();
        await other.KillAsync();
        await first.Metadata.ExpireAsync();
        await other.Metadata.ExpireAsync();

        behind = await cluster.StartAsync(behind.Name);
        await cluster.StartAsync(first.Name, disk: new MemoryDisk());
        await cluster.StartAsync(other.Name, disk: new MemoryDisk());
        await cluster.UntilAsync(async () => (await cluster.ShardAsync(Shard)).Leader is null, "nobody leads");
        Assert.Null(await behind.DoAsync(new ClusterCommand.OrderElection(Shard, behind.Name)));

        Assert.Equal(behind.Name, (await ServingAsync(cluster)).Name);
        await InSyncAsync(cluster, 3);
        await PublishAsync(behind, 201, 10);
        Assert.Equal([.. Bodies(1, 100), .. Bodies(201, 10)], await ConsumeAsync(behind, 110));
    }

    private static async Task<TestCluster> StartAsync(int nodes)
    {
        var cluster = new TestCluster { ShardCount = Shards, HasReplicas = true };
        await cluster.StartAllAsync([.. Enumerable.Range(1, nodes).Select(n => $"node-{n}")]);
        return cluster;
    }

    private static IEnumerable<string> Bodies(int first, int count) => Enumerable.Range(first, count).Select(i => $"message {i}");

    /// <summary>The node that serves the queue, with the queue.</summary>
    private static async Task<TestNode> ServingAsync(TestCluster cluster, TestNode? not = null)
    {
        TestNode? found = null;
        await cluster.UntilAsync(() => (found = cluster.There.FirstOrDefault(n => n != not && n.Cluster.Shards[Shard].IsServing)) is not null, "a node serves the queue");
        await found!.Services.QueueRegion.AskAsync<QueueReply.Started>(
            new ShardEnvelope(Queue, new QueueMessage.Start(1, new QueueDefinition(Queue, Durable: true, 1000))), TestCluster.Patience);
        return found;
    }

    private static async Task<ulong> CommittedAsync(TestNode node) =>
        (await node.Cluster.Replicas[Shard].AskAsync<ReplicaStatus>(new ReplicaCommand.Describe(), TestCluster.Patience)).Committed;

    private static Task<TimeSpan> InSyncAsync(TestCluster cluster, int count) =>
        cluster.UntilAsync(async () => (await cluster.ShardAsync(Shard)).InSync.Count == count, $"{count} replicas are in sync");

    private static async Task<WireConnection> ConnectAsync(TestNode node)
    {
        var client = new QuicClientOptions { EndPoint = node.EndPoint, ServerName = "localhost", Tls = LinkCertificates.Dialler("client"), ApplicationProtocols = [ProtocolInfo.Alpn] };
        var connection = new WireConnection(await node.Transport.ConnectAsync(client));
        await connection.HelloAsync();
        return connection;
    }

    private static async Task PublishAsync(TestNode node, int first, int count)
    {
        await using var connection = await ConnectAsync(node);
        var publisher = await connection.OpenPublisherAsync();
        for (var i = 0; i < count; i++)
        {
            await publisher.PublishAsync((ulong)i + 1, "", Queue, $"message {first + i}", PublishFlags.Durable);
        }

        await publisher.ExpectConfirmsAsync(count);
    }

    private static async Task<List<string>> ConsumeAsync(TestNode node, int count)
    {
        await using var connection = await ConnectAsync(node);
        var consumer = await connection.SubscribeAsync(Queue);
        return await consumer.ExpectBodiesAsync(count);
    }
}
