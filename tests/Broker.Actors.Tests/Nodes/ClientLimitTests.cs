using Broker.Protocol;

namespace Broker.Actors.Tests.Nodes;

public sealed class ClientLimitTests
{
    private static readonly HelloFrame Small = new() { ClientName = "small", MaxMessageBytes = 1024, MaxFrameBytes = 4096 };

    [Fact]
    public async Task A_subscription_ends_before_a_message_that_its_client_does_not_take_and_the_message_stays()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "orders", "first");
        await publisher.PublishAsync(2, "", "orders", new string('x', 5000));
        await publisher.ExpectConfirmsAsync(2);

        await using var small = await broker.ConnectRawAsync("broker/1");
        await small.HelloAsync(Small);
        await using var consumer = await small.SubscribeAsync("orders", flags: SubscribeFlags.ConfirmSettles);
        Assert.Equal("first", (await consumer.ExpectDeliveryAsync()).Text);
        var cancelled = await consumer.ExpectCancelledAsync();
        Assert.Equal(ErrorCode.MessageTooLarge, cancelled.Code);
        Assert.Contains("1024", cancelled.Reason, StringComparison.Ordinal);
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 1));
        Assert.Equal([1UL], await consumer.ExpectSettledAsync(1));

        await using var other = await client.SubscribeAsync("orders");
        var delivery = await other.ExpectDeliveryAsync();
        Assert.Equal((5000, DeliverFlags.None), (delivery.Body.Length, delivery.Flags));
    }

    [Fact]
    public async Task A_subscription_without_acknowledgements_loses_no_message_that_its_client_does_not_take()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "orders", new string('x', 5000));
        await publisher.ExpectConfirmsAsync(1);

        await using var small = await broker.ConnectRawAsync("broker/1");
        await small.HelloAsync(Small);
        await using var consumer = await small.SubscribeAsync("orders", flags: SubscribeFlags.NoAck);
        Assert.Equal(ErrorCode.MessageTooLarge, (await consumer.ExpectCancelledAsync()).Code);
        await using var other = await client.SubscribeAsync("orders");
        Assert.Equal(5000, (await other.ExpectDeliveryAsync()).Body.Length);
    }

    [Fact]
    public async Task Getting_a_message_that_the_client_does_not_take_is_refused_and_the_message_stays()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "orders", new string('x', 5000));
        await publisher.ExpectConfirmsAsync(1);

        await using var small = await broker.ConnectRawAsync("broker/1");
        await small.HelloAsync(Small);
        await using var requests = await small.OpenRequestsAsync();
        await requests.SendAsync(w => new GetFrame(1, "orders", GetFlags.NoAck).Write(w));
        await requests.ExpectRefusalAsync(ErrorCode.MessageTooLarge);
        await using var others = await client.OpenRequestsAsync();
        await others.SendAsync(w => new GetFrame(1, "orders", GetFlags.NoAck).Write(w));
        await others.ExpectGotAsync();
    }
}
