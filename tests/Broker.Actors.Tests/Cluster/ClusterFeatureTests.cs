using Broker.Actors.Cluster;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Tests.Links;
using Broker.Actors.Tests.Nodes;
using Broker.Actors.Tests.Nodes.Durable;
using Broker.Coordination;
using Broker.Machines.Cluster;
using Broker.Machines.Direct;
using Broker.Protocol;
using Broker.Transport;
using Broker.Transport.Tests;

namespace Broker.Actors.Tests.Cluster;

/// <summary>What queues and consumers can do, whichever node their clients are connected to and whatever becomes of a leader.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ClusterFeatureTests
{
    private const int Shards = 4;

    [Fact]
    public async Task A_message_finds_an_address_at_whatever_node_its_consumer_is()
    {
        await using var cluster = await StartAsync();
        await using var ann = await ConnectAsync(cluster["node-1"], "ann");
        await using var bob = await ConnectAsync(cluster["node-2"], "bob");
        var reads = await ann.SubscribeDirectAsync("amq.address.ann");
        Assert.Equal(ErrorCode.AccessRefused, (await bob.ExpectRefusedAsync("amq.address.ann")).Code);
        await using var publisher = await bob.OpenPublisherAsync();
        await KnownAtAsync(cluster, "node-2", "amq.address.ann", "node-1");
        await publisher.PublishAsync(1, "amq.address", "ann", "hello", PublishFlags.Mandatory);
        Assert.Equal("hello", (await reads.ExpectDeliveryAsync()).Text);
        await publisher.ExpectConfirmsAsync(1);

        await using var again = await ConnectAsync(cluster["node-3"], "ann"); // she has moved, and her first connection does not know it
        var elsewhere = await again.SubscribeDirectAsync("amq.address.ann");
        Assert.Equal(ErrorCode.ResourceLocked, (await reads.ExpectCancelledAsync()).Code);
        await KnownAtAsync(cluster, "node-2", "amq.address.ann", "node-3");
        await publisher.PublishAsync(2, "amq.address", "ann", "still you?", PublishFlags.Mandatory);
        Assert.Equal("still you?", (await elsewhere.ExpectDeliveryAsync()).Text);
        await publisher.ExpectConfirmsAsync(1);

        await cluster["node-3"].KillAsync();
        await cluster.UntilAsync(() => !cluster["node-2"].Services.Inboxes.TryGet("amq.address.ann", out _), "node-2 knows no way to node-3");
        await publisher.PublishAsync(3, "amq.address", "ann", "gone", PublishFlags.Mandatory);
        Assert.Equal(ErrorCode.Unroutable, (await publisher.ExpectReturnAsync()).Code);
    }

    [Fact]
    public async Task An_answer_comes_back_to_the_node_of_who_has_asked()
    {
        await using var cluster = await StartAsync();
        await using var asking = await ConnectAsync(cluster["node-1"]);
        await using var answering = await ConnectAsync(cluster["node-2"]);
        await asking.DeclareAsync("work");
        var answers = await asking.SubscribeDirectAsync(DirectNames.ReplyTo);
        await using var questions = await asking.OpenPublisherAsync();
        await questions.PublishAsync(1, "", "work", "question", new MessageProperties { ReplyTo = DirectNames.ReplyTo });
        await questions.ExpectConfirmsAsync(1);
        var replyTo = (await (await answering.SubscribeAsync("work")).ExpectDeliveryAsync()).PropertiesOf().ReplyTo!;
        await using var publisher = await answering.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", replyTo, "answer", PublishFlags.Mandatory);
        Assert.Equal("answer", (await answers.ExpectDeliveryAsync()).Text);
        Assert.Equal([1UL], await publisher.ExpectConfirmsAsync(1));

        await asking.DisposeAsync();
        await cluster.UntilAsync(() => !cluster["node-1"].Services.Inboxes.TryGetHere(replyTo, out _), "the inbox is gone");
        await publisher.PublishAsync(2, "", replyTo, "to nobody");
        Assert.Equal([2UL], await publisher.ExpectConfirmsAsync(1)); // dropped
        await publisher.PublishAsync(3, "", replyTo, "to nobody, mandatory", PublishFlags.Mandatory);
        Assert.Equal((3UL, ErrorCode.Unroutable), (await publisher.ExpectReturnAsync()) is var returned ? (returned.Sequence, returned.Code) : default);
    }

    [Fact]
    public async Task A_full_queue_refuses_whoever_publishes_by_way_of_whatever_node()
    {
        await using var cluster = await StartAsync();
        foreach (var name in new[] { "node-1", "node-2", "node-3" })
        {
            await using var client = await ConnectAsync(cluster[name]);
            await client.DeclareAsync($"short {name}", ("x-max-length", 3), ("x-overflow", "reject-publish"));
            await cluster.UntilAsync(() => cluster.There.All(n => n.Services.Queues.TryGet($"short {name}", out var q) && q.IsAvailable), "all nodes know the queue");
        }

        foreach (var name in new[] { "node-1", "node-2", "node-3" }) // of which one leads it
        {
            await using var client = await ConnectAsync(cluster[name]);
            await using var publisher = await client.OpenPublisherAsync();
            await publisher.SendAsync(w =>
            {
                for (var i = 1UL; i <= 5; i++)
                {
                    WireStream.WritePublish(w, i, "", "short node-1", [(byte)('0' + i)]);
                }
            });
            var (confirmed, rejected) = await QueueFeatureTests.OutcomesAsync(publisher, 5);
            Assert.Equal([1UL, 2, 3], confirmed);
            Assert.Equal([(4UL, ErrorCode.ResourceExhausted), (5, ErrorCode.ResourceExhausted)], rejected.Select(r => (r.Sequence, r.Code)));
            await using var requests = await client.OpenRequestsAsync();
            await requests.SendAsync(w => new PurgeQueueFrame(1, "short node-1").Write(w));
            Assert.Equal(3UL, await requests.ExpectCountAsync());
        }
    }

    [Fact]
    public async Task What_was_refused_is_refused_again_by_way_of_whatever_node_and_by_whoever_leads_the_queue()
    {
        await using var cluster = await StartAsync();
        await using (var client = await ConnectAsync(cluster["node-1"]))
        {
            await client.DeclareAsync("short", ("x-max-length", 2), ("x-overflow", "reject-publish"));
            await cluster.UntilAsync(() => cluster.There.All(n => n.Services.Queues.TryGet("short", out var q) && q.IsAvailable), "all nodes know the queue");
            await RepeatAsync(client, "1 2 3 4", "+1 +2 -3 -4");
            await using var requests = await client.OpenRequestsAsync();
            await requests.SendAsync(w => new PurgeQueueFrame(1, "short").Write(w));
            Assert.Equal(2UL, await requests.ExpectCountAsync());
            await RepeatAsync(client, "5", "+5");
        }

        await using (var client = await ConnectAsync(cluster["node-2"]))
        {
            await RepeatAsync(client, "1 2 3 4 5 6 7", "+1 +2 -3 -4 +5 +6 -7");
        }

        await using (var client = await ConnectAsync(cluster["node-3"]))
        {
            await RepeatAsync(client, "2 3 4 5 6 7 8", "+2 -3 -4 +5 +6 -7 -8");
        }

        var lost = Leader(cluster, "short")!;
        await lost.KillAsync();
        await cluster.UntilAsync(() => Leader(cluster, "short") is { } next && next != lost, "another node leads the queue");
        foreach (var node in cluster.There) // of which one leads it
        {
            await cluster.UntilAsync(() => node.Services.Queues.TryGet("short", out var q) && q.IsAvailable, $"the queue is served, and {node.Name} knows where");
            await using var client = await ConnectAsync(node);
            await RepeatAsync(client, "3 4 5 6 7", "-3 -4 +5 +6 -7");
        }
    }

    private static async Task RepeatAsync(WireConnection client, string sequences, string outcomes)
    {
        var numbers = sequences.Split(' ').Select(ulong.Parse).ToList();
        var (publisher, _) = await client.OpenProducerAsync("p");
        await publisher.SendAsync(w => numbers.ForEach(n => WireStream.WritePublish(w, n, "", "short", "x"u8.ToArray(), PublishFlags.Durable)));
        Assert.Equal(outcomes, await ProducerTests.OutcomesAsync(publisher, numbers.Count));
        await publisher.DisposeAsync();
    }

    [Fact]
    public async Task Dead_letters_come_to_another_nodes_queue_once_although_the_leader_is_lost_meanwhile()
    {
        await using var cluster = await StartAsync();
        await using var client = await ConnectAsync(cluster["node-1"]);
        var (work, dead) = TwoShards();
        await client.DeclareAsync(dead, ("x-max-length", 3), ("x-overflow", "reject-publish"));
        await client.DeclareAsync(work, Features.DeadLettersTo(dead));
        await client.SendAsync(work, "1", "2", "3", "4", "5", "6");
        var worker = await client.SubscribeAsync(work, flags: SubscribeFlags.ConfirmSettles);
        await worker.ExpectBodiesAsync(6);
        await worker.SendAsync(w => SettleFrame.Write(w, SettleOutcome.Reject, [new SequenceRange(1, 6)], "all"));
        await worker.ExpectSettledAsync(6);
        await cluster.UntilAsync(() => Leader(cluster, dead)?.Services.Queues.TryGet(dead, out var q) == true && q.Status.Ready == 3, "three are there, and the others wait");

        var lost = Leader(cluster, work)!;
        await lost.KillAsync();
        await cluster.UntilAsync(() => Leader(cluster, work) is { } next && next != lost, "another node leads the queue");
        var left = cluster.There[0];
        await using var reading = await ConnectAsync(left);
        await cluster.UntilAsync(() => left.Services.Queues.TryGet(dead, out var q) && q.IsAvailable && Leader(cluster, dead) is not null, "the target is served");
        var reader = await reading.SubscribeAsync(dead);
        Assert.Equal(["1", "2", "3", "4", "5", "6"], await reader.ExpectBodiesAsync(6));
        await cluster.UntilAsync(() => Leader(cluster, work)!.Services.Queues.TryGet(work, out var q) && q.Status is { Ready: 0, DeadLettersUnderWay: 0 }, "nothing is under way any more");
        Assert.True(Leader(cluster, dead)!.Services.Queues.TryGet(dead, out var target) && target.Status is { Ready: 0, Unsettled: 6 });
    }

    [Fact]
    public async Task Exclusive_queues_of_a_node_that_was_killed_go_when_it_starts_again()
    {
        await using var cluster = await StartAsync();
        var owner = await ConnectAsync(cluster["node-1"]);
        await owner.DeclareAsync("mine", DeclareQueueFlags.Exclusive | DeclareQueueFlags.Durable);
        await cluster.UntilAsync(() => cluster["node-2"].Services.Queues.TryGet("mine", out _), "node-2 knows the queue");
        await using var other = await ConnectAsync(cluster["node-2"]);
        Assert.Equal(ErrorCode.ResourceLocked, (await other.ExpectRefusedAsync("mine", SubscribeFlags.None)).Code);
        await cluster["node-1"].KillAsync();
        await cluster.StartAsync("node-1");
        await cluster.UntilAsync(() => cluster.There.All(n => !n.Services.Queues.TryGet("mine", out _)), "no node knows the queue any more");

        await using var second = await ConnectAsync(cluster["node-1"]);
        await second.DeclareAsync("mine", DeclareQueueFlags.Exclusive | DeclareQueueFlags.Durable);
        await second.DisposeAsync();
        await cluster.UntilAsync(() => cluster.There.All(n => !n.Services.Queues.TryGet("mine", out _)), "the queue has gone with its connection");
    }

    [Fact]
    public async Task Exclusive_queues_of_a_node_that_does_not_come_back_are_deleted_by_others()
    {
        await using var cluster = await StartAsync((_, options) => options with { OwnerGrace = TimeSpan.FromMilliseconds(500) });
        var owner = await ConnectAsync(cluster["node-1"]);
        await owner.DeclareAsync("mine", DeclareQueueFlags.Exclusive | DeclareQueueFlags.Durable);
        await using var other = await ConnectAsync(cluster["node-2"]);
        await other.DeclareAsync("yours", DeclareQueueFlags.Exclusive | DeclareQueueFlags.Durable);
        await cluster.UntilAsync(() => cluster["node-3"].Services.Queues.Owned.Count == 2, "node-3 knows both queues");
        await cluster["node-1"].KillAsync();
        await cluster.Metadata.CommitAsync(new MetadataTransaction { Operations = [MetadataOperation.Delete(ClusterKeys.Nodes + "node-1")] }); // as when its lease ends
        await cluster.UntilAsync(() => cluster.There.All(n => !n.Services.Queues.TryGet("mine", out _)), "the queue is gone");
        Assert.All(cluster.There, n => Assert.True(n.Services.Queues.TryGet("yours", out _)));
    }

    [Fact]
    public async Task A_queue_goes_with_its_last_consumer_at_whatever_node_that_was()
    {
        await using var cluster = await StartAsync();
        foreach (var node in cluster.There)
        {
            await using var client = await ConnectAsync(node);
            await client.DeclareAsync("temporary", DeclareQueueFlags.AutoDelete | DeclareQueueFlags.Durable);
            var consumer = await client.SubscribeAsync("temporary");
            await cluster.UntilAsync(() => cluster.There.All(n => n.Services.Queues.TryGet("temporary", out _)), "all nodes know the queue");
            consumer.Abandon();
            await cluster.UntilAsync(() => cluster.There.All(n => !n.Services.Queues.TryGet("temporary", out _)), $"the queue has gone with its consumer at {node.Name}");
        }
    }

    [Fact]
    public async Task A_queue_is_paused_by_way_of_another_node()
    {
        await using var cluster = await StartAsync();
        await using var client = await ConnectAsync(cluster["node-1"]);
        await client.DeclareAsync("work");
        await cluster.UntilAsync(() => cluster.There.All(n => n.Services.Queues.TryGet("work", out var q) && q.IsAvailable), "all nodes know the queue");
        foreach (var node in cluster.There) // of which one leads it
        {
            await using var admin = await AdministerAsync(node);
            Assert.Equal("paused", (string)(await admin.RunAsync("queue pause", """{"queue":"work"}"""))[0]["state"]!);
            await client.SendAsync("work", node.Name);
            var consumer = await client.SubscribeAsync("work", flags: SubscribeFlags.NoAck);
            Assert.Empty(await admin.RunAsync("queue delayed", """{"queue":"work"}"""));
            Assert.Equal("running", (string)(await admin.RunAsync("queue resume", """{"queue":"work"}"""))[0]["state"]!);
            Assert.Equal(node.Name, (await consumer.ExpectDeliveryAsync()).Text);
            consumer.Abandon();
        }
    }

    [Fact]
    public async Task A_log_is_read_by_way_of_whatever_node_and_outlives_its_leader()
    {
        await using var cluster = await StartAsync();
        await using var client = await ConnectAsync(cluster["node-1"]);
        await client.DeclareAsync("events", ("x-queue-type", "log"));
        await cluster.UntilAsync(() => cluster.There.All(n => n.Services.Queues.TryGet("events", out var q) && q.IsAvailable), "all nodes know the log");
        await client.SendAsync("events", "0", "1", "2", "3", "4");
        foreach (var node in cluster.There) // of which one leads it
        {
            await using var reading = await ConnectAsync(node);
            var reader = await reading.SubscribeAsync("events", FieldTable.Of(("x-stream-offset", FieldValue.From(2L))));
            Assert.Equal(["2", "3", "4"], await reader.ExpectBodiesAsync(3));
            reader.Abandon();
        }

        var lost = Leader(cluster, "events")!;
        await lost.KillAsync();
        await cluster.UntilAsync(() => Leader(cluster, "events") is { } next && next != lost, "another node leads the log");
        var left = cluster.There[0];
        await cluster.UntilAsync(() => left.Services.Queues.TryGet("events", out var q) && q.IsAvailable, "the log is served");
        await using var again = await ConnectAsync(left);
        var all = await again.SubscribeAsync("events", FieldTable.Of(("x-stream-offset", FieldValue.From("first"))));
        Assert.Equal(["0", "1", "2", "3", "4"], await all.ExpectBodiesAsync(5));
    }

    private static async Task<TestCluster> StartAsync(Func<string, BrokerClusterOptions, BrokerClusterOptions>? configure = null)
    {
        var cluster = new TestCluster { ShardCount = Shards, HasReplicas = true };
        cluster.Configure = configure ?? cluster.Configure;
        await cluster.StartAllAsync("node-1", "node-2", "node-3");
        return cluster;
    }

    /// <summary>Names of two queues that are not in the same shard.</summary>
    private static (string First, string Second) TwoShards()
    {
        var second = Enumerable.Range(1, 100).Select(i => $"dead {i}").First(name => StableHash.ShardOf(name, Shards) != StableHash.ShardOf("work", Shards));
        return ("work", second);
    }

    private static TestNode? Leader(TestCluster cluster, string queue) => cluster.There.FirstOrDefault(n => n.Cluster.Shards[StableHash.ShardOf(queue, Shards)].IsServing);

    private static Task<TimeSpan> KnownAtAsync(TestCluster cluster, string node, string address, string at) =>
        cluster.UntilAsync(() => cluster[node].Services.Addresses.NodeOf(address) == at && cluster[node].Services.Inboxes.TryGet(address, out _), $"{node} knows that {address} is at {at}");

    private static Task<WireConnection> ConnectAsync(TestNode node, string user = "client") => ConnectAsync(node, LinkCertificates.Dialler(user));

    private static async Task<WireConnection> ConnectAsync(TestNode node, QuicTlsOptions tls)
    {
        var client = new QuicClientOptions { EndPoint = node.EndPoint, ServerName = "localhost", Tls = tls, ApplicationProtocols = [ProtocolInfo.Alpn] };
        var connection = new WireConnection(await node.Transport.ConnectAsync(client));
        await connection.HelloAsync();
        return connection;
    }

    private static async Task<WireAdmin> AdministerAsync(TestNode node)
    {
        var connection = await ConnectAsync(node, TestCertificates.AdminClient);
        return new WireAdmin(connection, await connection.OpenAsync(StreamKind.Admin));
    }
}
