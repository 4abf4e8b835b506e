using Broker.Protocol;

namespace Broker.Actors.Tests.Nodes;

/// <summary>Credit, sharing and cancellation (docs/protocol.md, sections 8.1 and 8.2).</summary>
public sealed class ConsumeTests
{
    [Fact]
    public async Task Deliveries_stop_when_the_messages_of_the_credit_are_used_up()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await FillAsync(client, "orders", 6);
        await using var consumer = await client.SubscribeAsync("orders", messages: 2);
        Assert.Equal(["1", "2"], await consumer.ExpectBodiesAsync(2));
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 2)); // gives no credit by itself
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 4, unsettled: 0);
        await consumer.SendAsync(w => new CreditFrame(1, 0).Write(w));
        Assert.Equal(["3"], await consumer.ExpectBodiesAsync(1));
        await ExpectNothingButCancelledAsync(consumer);
    }

    [Fact]
    public async Task Deliveries_stop_when_the_bytes_of_the_credit_are_used_up()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await FillAsync(client, "orders", 6);
        var size = (ulong)MessageWriter.Size("", "orders", null, 1);
        await using var consumer = await client.SubscribeAsync("orders", messages: 100, bytes: size + 1);
        Assert.Equal(["1", "2"], await consumer.ExpectBodiesAsync(2)); // the second takes the balance below zero
        await consumer.SendAsync(w => new CreditFrame(0, size - 1).Write(w)); // back to zero, which is not enough
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 4, unsettled: 2);
        await consumer.SendAsync(w => new CreditFrame(0, 1).Write(w));
        Assert.Equal(["3"], await consumer.ExpectBodiesAsync(1));
        await ExpectNothingButCancelledAsync(consumer);
    }

    [Fact]
    public async Task No_credit_no_delivery_until_there_is_some()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var idle = await SubscribeEmptyAsync(client, "orders", messages: 0, bytes: 0);
        await using var noBytes = await SubscribeEmptyAsync(client, "orders", messages: 10, bytes: 0);
        await FillAsync(client, "orders", 1);
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 1, unsettled: 0);
        await noBytes.SendAsync(w => new CreditFrame(0, 1).Write(w));
        Assert.Equal(["1"], await noBytes.ExpectBodiesAsync(1));
        await ExpectNothingButCancelledAsync(idle);
    }

    [Fact]
    public async Task Consumers_of_one_queue_take_turns()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var a = await SubscribeEmptyAsync(client, "orders", messages: 100);
        await using var b = await SubscribeEmptyAsync(client, "orders", messages: 100);
        await using var c = await SubscribeEmptyAsync(client, "orders", messages: 100);
        await FillAsync(client, "orders", 30);
        foreach (var consumer in new[] { a, b, c })
        {
            await consumer.ExpectBodiesAsync(10);
            await ExpectNothingButCancelledAsync(consumer);
        }
    }

    [Fact]
    public async Task Exclusive_consumer_shuts_others_out_until_it_ends()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        var exclusive = await SubscribeEmptyAsync(client, "orders", flags: SubscribeFlags.Exclusive);
        var second = await client.OpenAsync(StreamKind.Consume);
        await second.SendAsync(w => new SubscribeFrame { Queue = "orders", CreditMessages = 1, CreditBytes = 1 }.Write(w));
        await second.ExpectFaultAsync(ErrorCode.ResourceLocked);

        await exclusive.SendAsync(w => default(CancelFrame).Write(w));
        await exclusive.ExpectCancelledAsync();
        await using var shared = await client.SubscribeAsync("orders");
        var third = await client.OpenAsync(StreamKind.Consume);
        await third.SendAsync(w => new SubscribeFrame { Queue = "orders", CreditMessages = 1, CreditBytes = 1, Flags = SubscribeFlags.Exclusive }.Write(w));
        await third.ExpectFaultAsync(ErrorCode.ResourceLocked);
    }

    [Fact]
    public async Task Subscription_that_cannot_be_is_a_fault_of_its_stream()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        var absent = await client.OpenAsync(StreamKind.Consume);
        await absent.SendAsync(w => new SubscribeFrame { Queue = "no such queue", CreditMessages = 1, CreditBytes = 1 }.Write(w));
        await absent.ExpectFaultAsync(ErrorCode.NotFound);
        var argument = await client.OpenAsync(StreamKind.Consume);
        await argument.SendAsync(w => new SubscribeFrame { Queue = "orders", CreditMessages = 1, CreditBytes = 1, Arguments = FieldTable.Of(("x-priorities", 1L)) }.Write(w));
        await argument.ExpectFaultAsync(ErrorCode.InvalidArgument);
        var twice = await client.SubscribeAsync("orders");
        await twice.SendAsync(w => new SubscribeFrame { Queue = "orders", CreditMessages = 1, CreditBytes = 1 }.Write(w));
        await twice.ExpectFaultAsync(ErrorCode.ProtocolViolation);
    }

    [Fact]
    public async Task Cancelled_consumer_gets_no_more_and_may_still_settle()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await FillAsync(client, "orders", 3);
        await using var consumer = await client.SubscribeAsync("orders", flags: SubscribeFlags.ConfirmSettles);
        await consumer.ExpectBodiesAsync(3);
        await ExpectNothingButCancelledAsync(consumer);
        await FillAsync(client, "orders", 2);
        await consumer.SendAsync(w => new CreditFrame(10, 10).Write(w), w => default(CancelFrame).Write(w)); // crossed with CANCELLED: no effect
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 2));
        Assert.Equal([1UL, 2], await consumer.ExpectSettledAsync(2));
        await consumer.SettleAsync(SettleOutcome.Requeue, new SequenceRange(3, 3));
        Assert.Equal([3UL], await consumer.ExpectSettledAsync(1));
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 3, unsettled: 0);
        Assert.Equal(0, (int)(await admin.QueueAsync("orders"))!["consumers"]!);
    }

    [Fact]
    public async Task Delivery_without_acknowledgement_is_settled_as_it_leaves()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await FillAsync(client, "orders", 3);
        await using (var consumer = await client.SubscribeAsync("orders", flags: SubscribeFlags.NoAck))
        {
            await consumer.ExpectBodiesAsync(3);
        }

        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 0, unsettled: 0);
    }

    [Fact]
    public async Task Consumer_of_a_queue_with_the_longest_name_gets_a_tag_that_fits()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        var name = new string('q', ProtocolLimits.MaxNameBytes);
        await FillAsync(client, name, 1);
        await using var consumer = await client.SubscribeAsync(name);
        Assert.Equal(["1"], await consumer.ExpectBodiesAsync(1));
    }

    /// <summary>Declares a queue and publishes the texts 1, 2, 3...</summary>
    internal static async Task FillAsync(WireConnection client, string queue, int count)
    {
        await client.DeclareQueueAsync(queue);
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.SendAsync(w =>
        {
            for (var i = 1; i <= count; i++)
            {
                WireStream.WritePublish(w, (ulong)i, "", queue, System.Text.Encoding.UTF8.GetBytes($"{i}"));
            }
        });
        await publisher.ExpectConfirmsAsync(count);
    }

    /// <summary>Cancels, and sees that nothing was under way.</summary>
    private static async Task ExpectNothingButCancelledAsync(WireStream consumer)
    {
        await consumer.SendAsync(w => default(CancelFrame).Write(w));
        Assert.Equal(ErrorCode.NoError, (await consumer.ExpectCancelledAsync()).Code);
    }

    private static async Task<WireStream> SubscribeEmptyAsync(
        WireConnection client, string queue, ulong messages = 10, ulong bytes = 1 << 20, SubscribeFlags flags = SubscribeFlags.None)
    {
        await client.DeclareQueueAsync(queue);
        return await client.SubscribeAsync(queue, messages, bytes, flags);
    }
}
