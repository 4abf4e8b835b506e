using Broker.Protocol;

namespace Broker.Actors.Tests.Nodes;

/// <summary>Settlement, and what happens to messages that were not settled (docs/protocol.md, section 8.3).</summary>
public sealed class SettleTests
{
    [Fact]
    public async Task Acknowledged_and_rejected_messages_go_and_requeued_ones_return_to_their_place()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await ConsumeTests.FillAsync(client, "orders", 6);
        await using var consumer = await client.SubscribeAsync("orders", messages: 5, flags: SubscribeFlags.ConfirmSettles);
        await consumer.ExpectBodiesAsync(5);
        await consumer.SettleAsync(SettleOutcome.Requeue, new SequenceRange(2, 2), new SequenceRange(4, 4));
        Assert.Equal([2UL, 4], await consumer.ExpectSettledAsync(2));
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 1), new SequenceRange(3, 3));
        await consumer.SettleAsync(SettleOutcome.Reject, new SequenceRange(5, 5));
        Assert.Equal([1UL, 3, 5], await consumer.ExpectSettledAsync(3));

        await using var next = await client.SubscribeAsync("orders");
        var deliveries = new List<(string, bool, ulong)>();
        for (var i = 0; i < 3; i++)
        {
            var delivery = await next.ExpectDeliveryAsync();
            deliveries.Add((delivery.Text, delivery.Flags.HasFlag(DeliverFlags.Redelivered), delivery.Count));
        }

        Assert.Equal([("2", true, 1UL), ("4", true, 1UL), ("6", false, 0UL)], deliveries);
    }

    [Theory]
    [InlineData(3UL, 3UL)]
    [InlineData(1UL, 3UL)]
    [InlineData(1UL, (1UL << 62) - 1)]
    public async Task Unknown_tag_ends_the_stream_and_settles_nothing(ulong first, ulong last)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await ConsumeTests.FillAsync(client, "orders", 2);
        var consumer = await client.SubscribeAsync("orders");
        await consumer.ExpectBodiesAsync(2);
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(first, last));
        await consumer.ExpectFaultAsync(ErrorCode.UnknownDeliveryTag);
        await using var next = await client.SubscribeAsync("orders");
        Assert.Equal(["1", "2"], await next.ExpectBodiesAsync(2));
    }

    [Fact]
    public async Task Tag_is_settled_once()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await ConsumeTests.FillAsync(client, "orders", 2);
        var consumer = await client.SubscribeAsync("orders", flags: SubscribeFlags.ConfirmSettles);
        await consumer.ExpectBodiesAsync(2);
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 1));
        await consumer.ExpectSettledAsync(1);
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 2));
        await consumer.ExpectFaultAsync(ErrorCode.UnknownDeliveryTag);
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 1, unsettled: 0);
    }

    [Theory]
    [InlineData("FIN")]
    [InlineData("abandon")]
    [InlineData("close")]
    [InlineData("dispose")]
    public async Task Unsettled_messages_go_back_in_order_when_their_stream_ends(string how)
    {
        const int Count = 500;
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        var leaving = await broker.ConnectAsync();
        await ConsumeTests.FillAsync(client, "orders", Count);
        var consumer = await leaving.SubscribeAsync("orders", messages: 200);
        await consumer.ExpectBodiesAsync(200);
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(50, 99));
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 300, unsettled: 150);
        switch (how)
        {
            case "FIN":
                consumer.Finish();
                break;
            case "abandon":
                consumer.Abandon();
                break;
            case "close":
                await leaving.Quic.CloseAsync(0);
                break;
            default:
                await leaving.DisposeAsync();
                break;
        }

        await admin.ExpectQueueAsync("orders", ready: 450, unsettled: 0);
        await using var next = await client.SubscribeAsync("orders");
        for (var i = 1; i <= Count; i++)
        {
            if (i is < 50 or > 99)
            {
                var delivery = await next.ExpectDeliveryAsync();
                Assert.Equal(($"{i}", i <= 200), (delivery.Text, delivery.Flags.HasFlag(DeliverFlags.Redelivered)));
            }
        }

        await leaving.DisposeAsync();
    }
}
