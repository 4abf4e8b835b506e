using Broker.Protocol;

namespace Broker.Actors.Tests.Nodes;

public sealed class PublishConsumeTests
{
    [Fact]
    public async Task A_published_message_is_confirmed_delivered_and_settled()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "orders", "hello");
        Assert.Equal([1UL], await publisher.ExpectConfirmsAsync(1));

        await using var consumer = await client.SubscribeAsync("orders", flags: SubscribeFlags.ConfirmSettles);
        var delivery = await consumer.ExpectDeliveryAsync();
        Assert.Equal((1UL, "hello", "", "orders"), (delivery.Tag, delivery.Text, delivery.Exchange, delivery.Key));
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 1));
        await consumer.ExpectAsync(FrameType.Settled);
    }

    [Fact]
    public async Task Ten_thousand_messages_keep_their_order()
    {
        const int Count = 10_000;
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        await using var publisher = await client.OpenPublisherAsync();
        await using var consumer = await client.SubscribeAsync("orders", messages: Count, bytes: 1 << 30, flags: SubscribeFlags.NoAck);
        var sending = Task.Run(async () =>
        {
            for (var i = 1; i <= Count; i += 100)
            {
                var first = i;
                await publisher.SendAsync(w =>
                {
                    for (var s = first; s < first + 100; s++)
                    {
                        WireStream.WritePublish(w, (ulong)s, "", "orders", BitConverter.GetBytes(s));
                    }
                });
            }
        });
        for (var i = 1; i <= Count; i++)
        {
            Assert.Equal(i, BitConverter.ToInt32((await consumer.ExpectDeliveryAsync()).Body));
        }

        await sending;
        Assert.Equal(Count, (await publisher.ExpectConfirmsAsync(Count)).Count);
    }
}
