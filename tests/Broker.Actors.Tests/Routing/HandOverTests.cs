using System.Text;
using Broker.Actors.Tests.Nodes;
using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Actors.Tests.Routing;

/// <summary>What clients see when a shard's leader changes.</summary>
public sealed class HandOverTests
{
    /// <summary>Waited for in vain, and far longer than the way to a leader takes.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    [Fact]
    public async Task What_is_published_while_nobody_leads_waits_for_a_leader()
    {
        await using var world = await RoutingWorld.StartAsync();
        await world.DeclareAsync("orders");
        await using var one = await world.One.ConnectAsync();
        var publisher = await one.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "orders", "early", PublishFlags.Mandatory);
        var confirms = publisher.ExpectConfirmsAsync(2);
        await world.LeadAsync("orders", world.Two, serves: false);
        await publisher.PublishAsync(2, "", "orders", "later"); // goes to a leader that is not ready
        Assert.False(confirms.IsCompleted);
        await world.ServeAsync("orders", world.Two);
        Assert.Equal([1UL, 2UL], await confirms);
        var consumer = await one.SubscribeAsync("orders");
        Assert.Equal(["early", "later"], await consumer.ExpectBodiesAsync(2));
    }

    [Fact]
    public async Task Who_waits_too_long_for_a_leader_hears_it()
    {
        await using var world = await RoutingWorld.StartAsync(s_patience);
        await world.DeclareAsync("orders");
        await using var one = await world.One.ConnectAsync();
        var publisher = await one.OpenPublisherAsync();
        var requests = await one.OpenRequestsAsync();
        await publisher.PublishAsync(1, "", "orders", "lost");
        await requests.GetAsync("orders");
        await requests.SendAsync(w => new PurgeQueueFrame(2, "orders").Write(w));
        var reject = await publisher.ExpectRejectAsync();
        Assert.Equal((1UL, ErrorCode.Unavailable), (reject.Sequence, reject.Code));
        await requests.ExpectRefusalAsync(ErrorCode.Unavailable);
        await requests.ExpectRefusalAsync(ErrorCode.Unavailable);
        await world.LeadAsync("orders", world.Two);
        await publisher.PublishAsync(2, "", "orders", "kept");
        await publisher.ExpectConfirmsAsync(1);
        var consumer = await one.SubscribeAsync("orders");
        Assert.Equal("kept", (await consumer.ExpectDeliveryAsync()).Text);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task After_a_change_of_the_leader_everybody_goes_on(int client)
    {
        await using var world = await RoutingWorld.StartAsync();
        await world.DeclareAsync("orders");
        await world.LeadAsync("orders", world.Two);
        var node = client switch { 1 => world.One, 2 => world.Two, _ => world.Three };
        await using var connection = await node.ConnectAsync();
        var consumer = await connection.SubscribeAsync("orders");
        var publisher = await connection.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "orders", "before");
        await publisher.ExpectConfirmsAsync(1);
        Assert.Equal("before", (await consumer.ExpectDeliveryAsync()).Text);

        await world.LeadAsync("orders", world.Three);
        Assert.Equal(ErrorCode.Unavailable, (await consumer.ExpectCancelledAsync()).Code);
        await publisher.PublishAsync(2, "", "orders", "after");
        await publisher.ExpectConfirmsAsync(1);
        var again = await connection.SubscribeAsync("orders");
        Assert.Equal("after", (await again.ExpectDeliveryAsync()).Text);
    }

    /// <summary>
    /// Before a leader has taken something that came later, it alone knows what it has refused. If the next one took a later message first, a refused one that comes again would pass for a repetition.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task A_producer_of_whom_the_leader_has_refused_something_begins_anew_with_the_next_leader(int client)
    {
        await using var world = await RoutingWorld.StartAsync();
        await world.DeclareAsync("orders", QueueArguments.None with { MaxLength = 1, Overflow = OverflowBehavior.RejectPublish });
        await world.LeadAsync("orders", world.Two);
        var node = client switch { 1 => world.One, 2 => world.Two, _ => world.Three };
        await using var connection = await node.ConnectAsync();
        var (producer, _) = await connection.OpenProducerAsync("p");
        var nameless = await connection.OpenPublisherAsync();
        await producer.PublishAsync(1, "", "orders", "1");
        await producer.ExpectConfirmsAsync(1);
        foreach (var stream in new[] { producer, nameless })
        {
            await stream.PublishAsync(2, "", "orders", "refused");
            Assert.Equal(ErrorCode.ResourceExhausted, (await stream.ExpectRejectAsync()).Code);
        }

        await world.LeadAsync("orders", world.Three);
        if (client == 1)
        {
            await producer.PublishAsync(3, "", "orders", "3"); // only now is there anybody to tell
            Assert.Equal(ErrorCode.Unavailable, (await producer.ExpectRejectAsync()).Code);
        }

        Assert.Equal(ErrorCode.Unavailable, (await producer.ExpectErrorAsync()).Code);
        var (again, _) = await connection.OpenProducerAsync("p");
        await again.PublishAsync(2, "", "orders", "2");
        await again.ExpectConfirmsAsync(1);
        await nameless.PublishAsync(3, "", "orders", "refused"); // it sends nothing again, and goes on
        Assert.Equal(ErrorCode.ResourceExhausted, (await nameless.ExpectRejectAsync()).Code);
        var consumer = await connection.SubscribeAsync("orders");
        Assert.Equal("2", (await consumer.ExpectDeliveryAsync()).Text);
    }

    /// <summary>The producer's stream has sent the second message before it has heard that the first was lost.</summary>
    [Fact]
    public async Task What_follows_a_message_that_was_lost_does_not_come_to_the_next_leader_before_it()
    {
        await using var world = await RoutingWorld.StartAsync(s_patience);
        await world.DeclareAsync("orders");
        Assert.True(world.One.Services.Queues.TryGet("orders", out var queue));
        var producer = new StandInProducer(world.One.System, queue.Actor);
        Assert.Equal(ErrorCode.Unavailable, await producer.PublishAsync(1));
        await world.LeadAsync("orders", world.Two);
        Assert.Equal(ErrorCode.Unavailable, await producer.PublishAsync(2));
        Assert.Null(await new StandInProducer(world.One.System, queue.Actor).PublishAsync(1)); // its next stream
        Assert.Null(await producer.PublishAsync(2, beginsAnew: true)); // one that outlives it
        Assert.Null(await producer.PublishAsync(3));
        await RoutingWorld.EventuallyAsync(() => world.Two.Services.Queues.TryGet("orders", out var there) && there.Status.Ready == 3, "all three at the leader");
    }

    [Fact]
    public async Task A_change_before_a_subscription_was_answered_refuses_it()
    {
        await using var world = await RoutingWorld.StartAsync();
        await world.DeclareAsync("orders");
        await using var one = await world.One.ConnectAsync();
        var consumers = new List<WireStream>();
        for (var i = 0; i < 50; i++) // what follows depends on which of two messages meet in a batch
        {
            consumers.Add(await one.OpenAsync(StreamKind.Consume));
            await consumers[i].SendAsync(w => new SubscribeFrame { Queue = "orders", CreditMessages = 10, CreditBytes = 1000 }.Write(w)); // waits for a leader
        }

        await RoutingWorld.EventuallyAsync(
            () => world.One.Services.Connections.Connections.Sum(c => c.Streams.Values.Count(s => s.Subject.StartsWith("orders", StringComparison.Ordinal))) == consumers.Count,
            "the subscriptions to wait");

        await world.LeadAsync("orders", world.One);
        foreach (var consumer in consumers)
        {
            Assert.Equal(ErrorCode.Unavailable, (await consumer.ExpectErrorAsync()).Code);
        }
    }

    [Fact]
    public async Task A_change_in_the_middle_of_a_flow_answers_every_message_once()
    {
        const int count = 5000;
        await using var world = await RoutingWorld.StartAsync();
        await world.DeclareAsync("orders");
        await world.LeadAsync("orders", world.Two);
        await using var one = await world.One.ConnectAsync();
        var publisher = await one.OpenPublisherAsync();
        var answered = new List<ulong>();
        var rejected = new List<ErrorCode>();
        var sending = Task.Run(async () =>
        {
            for (var i = 1UL; i <= count; i++)
            {
                var sequence = i;
                await publisher.SendAsync(w => WireStream.WritePublish(w, sequence, "", "orders", Encoding.UTF8.GetBytes($"{sequence}")));
                if (i == count / 2)
                {
                    await world.LeadAsync("orders", world.Three);
                }
            }
        });
        while (answered.Count < count)
        {
            var frame = await publisher.ReadAsync();
            Assert.NotNull(frame);
            if (frame.Value.Type == FrameType.Confirm)
            {
                answered.AddRange(WireStream.NumbersOf(frame.Value.Payload));
            }
            else
            {
                Assert.Equal(FrameType.Reject, frame.Value.Type);
                Assert.True(RejectFrame.TryRead(frame.Value.Payload, out var reject, out _));
                answered.Add(reject.Sequence);
                rejected.Add(reject.Code);
            }
        }

        await sending;
        Assert.Equal(Enumerable.Range(1, count).Select(i => (ulong)i), answered.Order());
        Assert.All(rejected, code => Assert.Equal(ErrorCode.Unavailable, code));
    }

    [Fact]
    public async Task Clients_are_told_where_the_leader_listens()
    {
        await using var world = await RoutingWorld.StartAsync();
        await world.DeclareAsync("orders");
        await world.LeadAsync("orders", world.Two);
        world.One.Cluster.Links.Statuses.Single(s => s.Node == "node-2").Addresses = ["two.example:7400"];
        foreach (var (node, expected) in new[] { (world.One, "two.example:7400"), (world.Two, "") })
        {
            await using var connection = await node.ConnectAsync();
            var requests = await connection.OpenRequestsAsync();
            await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = "orders" }.Write(w));
            Assert.Equal(new QueueOkFrame(1, "orders", 0, 0, expected), await requests.ExpectQueueOkAsync());
        }
    }
}
