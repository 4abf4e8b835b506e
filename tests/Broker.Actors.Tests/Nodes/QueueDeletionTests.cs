using Broker.Actors.Server;
using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Actors.Tests.Nodes;

/// <summary>A queue that is deleted under its publishers and consumers.</summary>
public sealed class QueueDeletionTests
{
    [Fact]
    public async Task Consumer_is_told_and_may_settle_what_it_holds()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await ConsumeTests.FillAsync(client, "orders", 5);
        await using var consumer = await client.SubscribeAsync("orders", messages: 2, flags: SubscribeFlags.ConfirmSettles);
        await consumer.ExpectBodiesAsync(2);
        await using var requests = await client.OpenRequestsAsync();
        await requests.SendAsync(w => new DeleteQueueFrame(1, "orders", DeleteQueueFlags.None).Write(w));
        Assert.Equal(3UL, await requests.ExpectCountAsync());
        Assert.Equal(ErrorCode.QueueDeleted, (await consumer.ExpectCancelledAsync()).Code);
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 2));
        Assert.Equal([1UL, 2], await consumer.ExpectSettledAsync(2));
        await consumer.SendAsync(w => new CreditFrame(1, 1).Write(w), w => default(CancelFrame).Write(w));
        consumer.Finish();
        await consumer.ExpectEndAsync();
    }

    [Fact]
    public async Task Settlements_that_cross_with_the_deletion_are_all_answered()
    {
        const int Count = 300;
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        for (var round = 0; round < 10; round++)
        {
            await ConsumeTests.FillAsync(client, "orders", Count);
            var consumer = await client.SubscribeAsync("orders", flags: SubscribeFlags.ConfirmSettles);
            await consumer.ExpectBodiesAsync(Count);
            await using var requests = await client.OpenRequestsAsync();
            await requests.SendAsync(w => new DeleteQueueFrame(1, "orders", DeleteQueueFlags.None).Write(w));
            for (var tag = 1UL; tag <= Count; tag++)
            {
                await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(tag, tag));
            }

            await requests.ExpectCountAsync();
            consumer.Finish();
            var settled = 0;
            var ranges = new List<SequenceRange>();
            while (await consumer.ReadAsync() is { } frame)
            {
                if (frame.Type == FrameType.Settled)
                {
                    Assert.True(SettledFrame.TryRead(frame.Payload, ranges, out _));
                    settled += ranges.Sum(r => (int)(r.Last - r.First + 1));
                    ranges.Clear();
                }
                else
                {
                    Assert.Equal(FrameType.Cancelled, frame.Type);
                }
            }

            Assert.Equal(Count, settled);
        }
    }

    [Fact]
    public async Task Publishers_with_parked_messages_are_told_and_go_on()
    {
        await using var broker = await BrokerFixture.StartAsync(new BrokerLimits { Queue = new QueueLimits { MaxMessages = 1 } });
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        await client.DeclareQueueAsync("other");
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "orders", "taken");
        await publisher.ExpectConfirmsAsync(1);
        await publisher.PublishAsync(2, "", "orders", "parked");
        await publisher.ExpectAsync(FrameType.Blocked);
        await using var requests = await client.OpenRequestsAsync();
        await requests.SendAsync(
            w => new DeleteQueueFrame(1, "orders", DeleteQueueFlags.None).Write(w),
            w => new DeclareQueueFrame { RequestId = 2, Name = "orders" }.Write(w));
        var rejected = await publisher.ExpectRejectAsync();
        Assert.Equal((2UL, ErrorCode.QueueDeleted), (rejected.Sequence, rejected.Code));
        await publisher.ExpectAsync(FrameType.Unblocked);
        Assert.Equal(1UL, await requests.ExpectCountAsync());
        Assert.Equal(new QueueOkFrame(2, "orders", 0, 0), await requests.ExpectQueueOkAsync());

        await publisher.PublishAsync(3, "", "orders", "to the new one");
        await publisher.PublishAsync(4, "", "other", "and another");
        Assert.Equal([3UL, 4], (await publisher.ExpectConfirmsAsync(2)).Order().ToArray());
        await using var consumer = await client.SubscribeAsync("orders");
        Assert.Equal("to the new one", (await consumer.ExpectDeliveryAsync()).Text);
    }

    [Fact]
    public async Task Queue_that_is_declared_again_at_once_takes_what_is_published_after_the_answer()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.BindAsync("logs", "fanout", "", "orders");
        await using var requests = await client.OpenRequestsAsync();
        await using var publisher = await client.OpenPublisherAsync();
        for (var round = 1; round <= 300; round++)
        {
            await requests.SendAsync(
                w => new DeleteQueueFrame(1, "orders", DeleteQueueFlags.None).Write(w),
                w => new DeclareQueueFrame { RequestId = 2, Name = "orders" }.Write(w),
                w => new BindFrame { RequestId = 3, Exchange = "logs", Destination = "orders" }.Write(w));
            await requests.ExpectCountAsync();
            await requests.ExpectQueueOkAsync();
            await requests.ExpectAsync(FrameType.Ok);
            await publisher.PublishAsync((ulong)round, "logs", "", $"{round}");
            Assert.Equal([(ulong)round], await publisher.ExpectConfirmsAsync(1));
            await requests.GetAsync("orders", noAck: true);
            Assert.Equal($"{round}", (await requests.ExpectGotAsync()).Text);
        }
    }

    [Fact]
    public async Task Exchange_that_is_declared_again_at_once_routes()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        await using var requests = await client.OpenRequestsAsync();
        await using var publisher = await client.OpenPublisherAsync();
        for (var round = 1; round <= 300; round++)
        {
            await requests.SendAsync(
                w => new DeclareExchangeFrame { RequestId = 1, Name = "logs", Type = round % 2 == 0 ? "direct" : "fanout" }.Write(w),
                w => new BindFrame { RequestId = 2, Exchange = "logs", Destination = "orders", RoutingKey = "k" }.Write(w));
            await requests.ExpectAsync(FrameType.Ok);
            await requests.ExpectAsync(FrameType.Ok);
            await publisher.PublishAsync((ulong)round, "logs", "k", "body", PublishFlags.Mandatory);
            Assert.Equal([(ulong)round], await publisher.ExpectConfirmsAsync(1));
            await requests.SendAsync(w => new DeleteExchangeFrame(3, "logs", DeleteExchangeFlags.None).Write(w));
            await requests.ExpectAsync(FrameType.Ok);
        }

        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 300, unsettled: 0);
    }
}
