using System.Text;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Tests.Nodes;
using Broker.Protocol;

namespace Broker.Actors.Tests.Routing;

/// <summary>What clients see of a queue that another node leads than the one that they are connected to.</summary>
public sealed class RoutedQueueTests
{
    private static QueueStatus StatusOf(RoutingNode node, string queue = "orders")
    {
        Assert.True(node.Services.Queues.TryGet(queue, out var local) && local.IsLocal);
        return local.Status;
    }

    private static async Task<RoutingWorld> LedByTwoAsync(TimeSpan? patience = null)
    {
        var world = await RoutingWorld.StartAsync(patience);
        await world.DeclareAsync("orders");
        await world.LeadAsync("orders", world.Two);
        return world;
    }

    private static async Task PublishAsync(WireStream publisher, int count, ulong first = 1)
    {
        for (var done = 0; done < count; done += 100)
        {
            var (from, to) = (done, Math.Min(count, done + 100));
            await publisher.SendAsync(w =>
            {
                for (var i = from; i < to; i++)
                {
                    WireStream.WritePublish(w, first + (ulong)i, "", "orders", Encoding.UTF8.GetBytes($"{first + (ulong)i}"));
                }
            });
        }
    }

    [Fact]
    public async Task Ten_thousand_messages_go_through_two_wrong_nodes_in_order()
    {
        const int count = 10_000;
        await using var world = await LedByTwoAsync();
        await using var one = await world.One.ConnectAsync();
        await using var three = await world.Three.ConnectAsync();
        var consumer = await three.SubscribeAsync("orders", messages: 2 * count, bytes: 1 << 30);
        var publisher = await one.OpenPublisherAsync();
        var confirms = publisher.ExpectConfirmsAsync(count);
        var sending = PublishAsync(publisher, count);
        for (var i = 1; i <= count; i++)
        {
            Assert.Equal($"{i}", (await consumer.ExpectDeliveryAsync()).Text);
        }

        await sending;
        Assert.Equal(Enumerable.Range(1, count).Select(i => (ulong)i), (await confirms).Order());
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, count));
        await RoutingWorld.EventuallyAsync(() => StatusOf(world.Two) is { Unsettled: 0, Ready: 0, Acknowledged: count }, "all to be acknowledged at the leader");
    }

    [Fact]
    public async Task A_consumer_gets_what_it_has_credit_for()
    {
        await using var world = await LedByTwoAsync();
        await using var one = await world.One.ConnectAsync();
        var publisher = await one.OpenPublisherAsync();
        await PublishAsync(publisher, 10);
        await publisher.ExpectConfirmsAsync(10);
        var consumer = await one.SubscribeAsync("orders", messages: 4);
        Assert.Equal(["1", "2", "3", "4"], await consumer.ExpectBodiesAsync(4));
        await RoutingWorld.EventuallyAsync(() => StatusOf(world.Two) is { Unsettled: 4, Ready: 6 }, "four at the consumer");
        await consumer.SendAsync(w => new CreditFrame(2, 0).Write(w));
        Assert.Equal(["5", "6"], await consumer.ExpectBodiesAsync(2));
        Assert.Equal(4, StatusOf(world.Two).Ready);
    }

    [Fact]
    public async Task Settlements_take_effect_at_the_leader()
    {
        await using var world = await LedByTwoAsync();
        await using var one = await world.One.ConnectAsync();
        var publisher = await one.OpenPublisherAsync();
        await PublishAsync(publisher, 3);
        await publisher.ExpectConfirmsAsync(3);
        var consumer = await one.SubscribeAsync("orders", messages: 3, flags: SubscribeFlags.ConfirmSettles);
        await consumer.ExpectBodiesAsync(3);
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 1));
        await consumer.SettleAsync(SettleOutcome.Requeue, new SequenceRange(3, 3));
        Assert.Equal([1UL, 3UL], await consumer.ExpectSettledAsync(2));
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(7, 7));
        Assert.Equal(ErrorCode.UnknownDeliveryTag, (await consumer.ExpectErrorAsync()).Code);
        await RoutingWorld.EventuallyAsync(() => StatusOf(world.Two) is { Unsettled: 0, Ready: 2 }, "what was not acknowledged to be back");
    }

    [Fact]
    public async Task What_a_consumer_held_is_delivered_again_when_its_stream_ends()
    {
        await using var world = await LedByTwoAsync();
        await using var one = await world.One.ConnectAsync();
        await using var three = await world.Three.ConnectAsync();
        var publisher = await one.OpenPublisherAsync();
        await PublishAsync(publisher, 3);
        await publisher.ExpectConfirmsAsync(3);
        var first = await one.SubscribeAsync("orders");
        await first.ExpectBodiesAsync(3);
        first.Abandon();
        var second = await three.SubscribeAsync("orders");
        Assert.Equal(["1:Redelivered:1", "2:Redelivered:1", "3:Redelivered:1"], await second.ExpectDeliveriesAsync(3));
    }

    [Fact]
    public async Task A_broken_link_ends_subscriptions_and_gives_their_messages_back()
    {
        await using var world = await LedByTwoAsync();
        await using var one = await world.One.ConnectAsync();
        await using var two = await world.Two.ConnectAsync();
        var publisher = await one.OpenPublisherAsync();
        await PublishAsync(publisher, 2);
        await publisher.ExpectConfirmsAsync(2);
        var consumer = await one.SubscribeAsync("orders");
        await consumer.ExpectBodiesAsync(2);
        await world.Two.BreakLinksAsync();
        var cancelled = await consumer.ExpectCancelledAsync();
        Assert.Equal(ErrorCode.Unavailable, cancelled.Code);
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 1));
        Assert.Equal(ErrorCode.Unavailable, (await consumer.ExpectErrorAsync()).Code); // and not UNKNOWN_DELIVERY_TAG, nor silence
        var local = await two.SubscribeAsync("orders");
        Assert.Equal(["1:Redelivered:1", "2:Redelivered:1"], await local.ExpectDeliveriesAsync(2));
        await PublishAsync(publisher, 1, first: 3); // waits until the link is there again
        await publisher.ExpectConfirmsAsync(1);
        Assert.Equal("3", (await local.ExpectDeliveryAsync()).Text);
    }

    [Fact]
    public async Task Single_messages_purges_and_questions_are_answered_by_the_leader()
    {
        await using var world = await LedByTwoAsync();
        await using var one = await world.One.ConnectAsync();
        var publisher = await one.OpenPublisherAsync();
        await PublishAsync(publisher, 5);
        await publisher.ExpectConfirmsAsync(5);
        var requests = await one.OpenRequestsAsync();
        await requests.GetAsync("orders");
        Assert.Equal(new WireGet(1, 1, DeliverFlags.None, 0, 4, "1"), await requests.ExpectGotAsync());
        await requests.SettleAsync(SettleOutcome.Requeue, new SequenceRange(1, 1));
        await RoutingWorld.EventuallyAsync(() => StatusOf(world.Two).Ready == 5, "the message to be back");
        Assert.True(world.One.Services.Queues.TryGet("orders", out var queue));
        var peeked = await queue.Actor.AskAsync<QueueReply.Peeked>(new QueueMessage.Peek(2), TimeSpan.FromSeconds(20), default);
        Assert.Equal([1UL, 2UL], peeked.Entries.Select(e => e.Position));
        await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 2, Name = "orders", Flags = DeclareQueueFlags.Passive }.Write(w));
        Assert.Equal(5UL, (await requests.ExpectQueueOkAsync()).Messages);
        await requests.SendAsync(w => new PurgeQueueFrame(3, "orders").Write(w));
        Assert.Equal(5UL, await requests.ExpectCountAsync());
        await requests.GetAsync("orders");
        await requests.ExpectAsync(FrameType.GetEmpty);
    }

    [Fact]
    public async Task A_queue_is_deleted_by_way_of_another_node()
    {
        await using var world = await LedByTwoAsync();
        await using var one = await world.One.ConnectAsync();
        await using var three = await world.Three.ConnectAsync();
        var near = await one.SubscribeAsync("orders");
        var far = await three.SubscribeAsync("orders");
        var requests = await one.OpenRequestsAsync();
        await requests.SendAsync(w => new DeleteQueueFrame { RequestId = 1, Name = "orders", Flags = DeleteQueueFlags.IfUnused }.Write(w));
        await requests.ExpectRefusalAsync(ErrorCode.PreconditionFailed);
        await requests.SendAsync(w => new DeleteQueueFrame { RequestId = 2, Name = "orders" }.Write(w));
        await requests.ExpectCountAsync();
        Assert.Equal(ErrorCode.QueueDeleted, (await near.ExpectCancelledAsync()).Code);
        Assert.Equal(ErrorCode.QueueDeleted, (await far.ExpectCancelledAsync()).Code);
        world.Two.Tell("orders", new QueueMessage.Forget());
        world.Three.Tell("orders", new QueueMessage.Forget());
        foreach (var node in new[] { world.One, world.Two, world.Three })
        {
            await RoutingWorld.EventuallyAsync(() => !node.Services.Queues.TryGet("orders", out _), $"the queue to be unknown on {node.Name}");
        }
    }

    [Fact]
    public async Task Forgetting_a_queue_tells_its_consumers()
    {
        await using var world = await LedByTwoAsync();
        await using var one = await world.One.ConnectAsync();
        await using var two = await world.Two.ConnectAsync();
        var near = await one.SubscribeAsync("orders");
        var local = await two.SubscribeAsync("orders");
        world.One.Tell("orders", new QueueMessage.Forget());
        Assert.Equal(ErrorCode.QueueDeleted, (await near.ExpectCancelledAsync()).Code);
        world.Two.Tell("orders", new QueueMessage.Forget());
        Assert.Equal(ErrorCode.QueueDeleted, (await local.ExpectCancelledAsync()).Code);
        await RoutingWorld.EventuallyAsync(() => !world.Two.Services.Queues.TryGet("orders", out _), "the queue to be unknown");
    }

    [Fact]
    public async Task A_consumer_that_does_not_read_holds_only_itself()
    {
        await using var world = await LedByTwoAsync();
        await using var one = await world.One.ConnectAsync();
        await using var publishing = await world.Two.ConnectAsync();
        _ = await one.SubscribeAsync("orders", messages: 100_000, bytes: 1 << 30); // and never reads
        var publisher = await publishing.OpenPublisherAsync();
        var body = new byte[10_000];
        for (var i = 1UL; i <= 1000; i++)
        {
            var sequence = i;
            await publisher.SendAsync(w => WireStream.WritePublish(w, sequence, "", "orders", body));
        }

        await publisher.ExpectConfirmsAsync(1000);
        var reader = await one.SubscribeAsync("orders", messages: 100_000, bytes: 1 << 30);
        await reader.ExpectBodiesAsync(100);
        Assert.InRange(StatusOf(world.Two).Unsettled, 100, 1000);
    }

    [Fact]
    public async Task A_large_message_arrives_as_it_is()
    {
        await using var world = await LedByTwoAsync();
        await using var one = await world.One.ConnectAsync();
        var publisher = await one.OpenPublisherAsync();
        var body = new byte[3 << 20];
        new Random(7).NextBytes(body);
        await publisher.SendAsync(w => WireStream.WritePublish(w, 1, "", "orders", body));
        await publisher.ExpectConfirmsAsync(1);
        var consumer = await one.SubscribeAsync("orders", bytes: 8 << 20);
        Assert.Equal(body, (await consumer.ExpectDeliveryAsync()).Body);
    }
}
