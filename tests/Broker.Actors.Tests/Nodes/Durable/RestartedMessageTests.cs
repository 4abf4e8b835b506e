using System.Buffers;
using Broker.Protocol;
using Broker.Storage.Disks;

namespace Broker.Actors.Tests.Nodes.Durable;

/// <summary>What a durable queue has after a restart: what was confirmed, less what was settled, in the old order.</summary>
public sealed class RestartedMessageTests
{
    private const SubscribeFlags Confirmed = SubscribeFlags.ConfirmSettles;
    private readonly MemoryDisk _disk = new();

    [Fact]
    public async Task Confirmed_messages_come_back_in_order_and_as_never_delivered()
    {
        const int Count = 2000;
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.FillDurableAsync("orders", Enumerable.Range(1, Count).Select(i => $"{i}"));
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var again = await restarted.ConnectAsync();
        await using var consumer = await again.SubscribeAsync("orders", Count);
        Assert.Equal(Enumerable.Range(1, Count).Select(i => $"{i}:Durable:0"), await consumer.ExpectDeliveriesAsync(Count));
    }

    [Fact]
    public async Task Properties_and_flags_are_as_they_were_published()
    {
        var properties = new MessageProperties
        {
            ContentType = "text/plain",
            CorrelationId = "c-1",
            Priority = 7,
            Headers = FieldTable.Of(("name", "value"), ("number", 5L)),
        };
        var encoded = new ArrayBufferWriter<byte>();
        MessageWriter.Write(encoded, "amq.fanout", "any key", properties, "with properties"u8);
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
            await using var requests = await client.OpenRequestsAsync();
            await requests.SendAsync(w => new BindFrame { RequestId = 1, Exchange = "amq.fanout", Destination = "orders", RoutingKey = "" }.Write(w));
            await requests.ExpectAsync(FrameType.Ok);
            await using var publisher = await client.OpenPublisherAsync();
            await publisher.SendAsync(
                w => PublishFrame.Write(w, 1, PublishFlags.Durable, encoded.WrittenSpan),
                w => PublishFrame.Write(w, 2, PublishFlags.None, encoded.WrittenSpan));
            await publisher.ExpectConfirmsAsync(2);
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var again = await restarted.ConnectAsync();
        await using var consumer = await again.SubscribeAsync("orders");
        Assert.True(MessageView.TryParse(encoded.WrittenSpan, out var view, out _));
        var expected = view.Properties.ToArray();
        foreach (var flags in new[] { DeliverFlags.Durable, DeliverFlags.None }) // one that was published as transient is kept too, and stays one
        {
            var delivery = await consumer.ExpectDeliveryAsync();
            Assert.Equal(("amq.fanout", "any key", "with properties", flags), (delivery.Exchange, delivery.Key, delivery.Text, delivery.Flags));
            Assert.Equal(expected, delivery.Properties);
        }
    }

    [Fact]
    public async Task Delivered_and_unsettled_messages_come_back_in_their_old_places_marked_as_redelivered()
    {
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.FillDurableAsync("orders", "1", "2", "3", "4", "5");
            await using var consumer = await client.SubscribeAsync("orders", messages: 3, flags: Confirmed);
            await consumer.ExpectDeliveriesAsync(3);
            await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(2, 2));
            await consumer.ExpectSettledAsync(1);
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await ExpectAsync(restarted, "1:Redelivered, Durable:1", "3:Redelivered, Durable:1", "4:Durable:0", "5:Durable:0");
    }

    [Theory]
    [InlineData(SettleOutcome.Ack, false)]
    [InlineData(SettleOutcome.Reject, false)]
    [InlineData(SettleOutcome.Requeue, true)]
    public async Task Settlement_that_was_confirmed_stands(SettleOutcome outcome, bool returns)
    {
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.FillDurableAsync("orders", "1", "2", "3");
            await using var consumer = await client.SubscribeAsync("orders", messages: 2, flags: Confirmed);
            await consumer.ExpectDeliveriesAsync(2);
            await consumer.SettleAsync(outcome, new SequenceRange(1, 2));
            await consumer.ExpectSettledAsync(2);
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        string[] back = returns ? ["1:Redelivered, Durable:1", "2:Redelivered, Durable:1"] : [];
        await ExpectAsync(restarted, [.. back, "3:Durable:0"]);
    }

    [Fact]
    public async Task Settlement_without_confirmation_is_carried_out_before_an_orderly_end()
    {
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.FillDurableAsync("orders", "1", "2", "3");
            await using var consumer = await client.SubscribeAsync("orders", messages: 2);
            await consumer.ExpectDeliveriesAsync(2);
            await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 2));
            consumer.Finish();
            await consumer.ExpectEndAsync();
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await ExpectAsync(restarted, "3:Durable:0");
    }

    [Fact]
    public async Task Message_delivered_without_acknowledgement_does_not_come_back()
    {
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.FillDurableAsync("orders", "1", "2", "3", "4");
            await using var consumer = await client.SubscribeAsync("orders", messages: 2, flags: SubscribeFlags.NoAck);
            await consumer.ExpectDeliveriesAsync(2);
            await using var requests = await client.OpenRequestsAsync();
            await requests.GetAsync("orders", noAck: true);
            Assert.Equal("3", (await requests.ExpectGotAsync()).Text);
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await ExpectAsync(restarted, "4:Durable:0");
    }

    [Fact]
    public async Task Message_that_get_has_handed_out_comes_back_unless_it_was_settled()
    {
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.FillDurableAsync("orders", "1", "2", "3", "4", "5");
            await using var requests = await client.OpenRequestsAsync();
            for (var i = 1; i <= 4; i++)
            {
                await requests.GetAsync("orders");
                Assert.Equal($"{i}", (await requests.ExpectGotAsync()).Text);
            }

            await requests.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 1));
            await requests.SettleAsync(SettleOutcome.Reject, new SequenceRange(2, 2));
            await requests.SettleAsync(SettleOutcome.Requeue, new SequenceRange(3, 3));
            await using var admin = await broker.AdministerAsync();
            await admin.ExpectQueueAsync("orders", ready: 2, unsettled: 1);
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await ExpectAsync(restarted, "3:Redelivered, Durable:1", "4:Redelivered, Durable:1", "5:Durable:0");
    }

    [Fact]
    public async Task Purged_messages_do_not_come_back_and_those_that_were_held_do()
    {
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.FillDurableAsync("orders", "1", "2", "3");
            await using var consumer = await client.SubscribeAsync("orders", messages: 1);
            await consumer.ExpectDeliveriesAsync(1);
            await using var requests = await client.OpenRequestsAsync();
            await requests.SendAsync(w => new PurgeQueueFrame(1, "orders").Write(w));
            Assert.Equal(2UL, await requests.ExpectCountAsync());
            await client.FillDurableAsync("orders", "4");
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await ExpectAsync(restarted, "1:Redelivered, Durable:1", "4:Durable:0");
    }

    [Fact]
    public async Task Deliveries_are_counted_over_restarts()
    {
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.FillDurableAsync("orders", "1", "2");
        }

        for (var count = 0; count < 4; count++)
        {
            await using var broker = await BrokerFixture.StartAsync(disk: _disk);
            await using var client = await broker.ConnectAsync();
            await using var consumer = await client.SubscribeAsync("orders", messages: 1);
            var first = await consumer.ExpectDeliveryAsync();
            Assert.Equal(("1", (ulong)(2 * count)), (first.Text, first.Count));
            await consumer.SettleAsync(SettleOutcome.Requeue, new SequenceRange(1, 1));
            await consumer.SendAsync(w => new CreditFrame(1, 0).Write(w));
            Assert.Equal($"1:Redelivered, Durable:{(2 * count) + 1}", (await consumer.ExpectDeliveryAsync()).ToString());
        }

        await using var last = await BrokerFixture.StartAsync(disk: _disk);
        await ExpectAsync(last, "1:Redelivered, Durable:8", "2:Durable:0");
    }

    [Fact]
    public async Task What_a_queue_has_is_told_right_after_a_restart()
    {
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.FillDurableAsync("orders", "1", "22", "333", "4444");
            await using var requests = await client.OpenRequestsAsync();
            await requests.GetAsync("orders", noAck: true);
            await requests.ExpectGotAsync();
        }

        var size = MessageWriter.Size("", "orders", null, 0);
        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var admin = await restarted.AdministerAsync();
        var queue = await admin.QueueAsync("orders");
        Assert.Equal((3, 0, (3 * size) + 9, 0), ((int)queue!["ready"]!, (int)queue["unsettled"]!, (int)queue["bytes"]!, (int)queue["bytesInMemory"]!));
        Assert.Equal(["22", "333", "4444"], (await admin.RunAsync("queue peek", """{"queue":"orders"}""")).Select(r => (string)r["body"]!));
        await using var requestsAgain = await admin.Connection.OpenRequestsAsync();
        await requestsAgain.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = "orders", Flags = DeclareQueueFlags.Passive }.Write(w));
        Assert.Equal(3UL, (await requestsAgain.ExpectQueueOkAsync()).Messages);
        await requestsAgain.GetAsync("orders");
        Assert.Equal(new WireGet(1, 1, DeliverFlags.Durable, 0, 2, "22"), await requestsAgain.ExpectGotAsync());
    }

    [Fact]
    public async Task New_messages_follow_those_from_before_the_restart()
    {
        for (var run = 1; run <= 3; run++)
        {
            await using var broker = await BrokerFixture.StartAsync(disk: _disk);
            await using var client = await broker.ConnectAsync();
            await client.FillDurableAsync("orders", $"{run}.1", $"{run}.2");
        }

        await using var last = await BrokerFixture.StartAsync(disk: _disk);
        await ExpectAsync(last, [.. Enumerable.Range(1, 3).SelectMany(r => new[] { $"{r}.1:Durable:0", $"{r}.2:Durable:0" })]);
    }

    [Fact]
    public async Task Messages_that_moved_from_the_log_into_segments_come_back_like_any_other()
    {
        const int Count = 1200; // of 10 KiB: three times what the log keeps
        static string Body(int i) => $"{i}".PadRight(10 << 10);
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk, storage: s => s with { CheckInterval = TimeSpan.FromMilliseconds(20) }))
        {
            await using var client = await broker.ConnectAsync();
            await client.FillDurableAsync("orders", Enumerable.Range(1, Count).Select(Body));
            await using var admin = await broker.AdministerAsync();
            await WireAdmin.UntilAsync(
                async () => (await admin.RunAsync("store show"))[0], s => (long)s["logBytes"]! <= 5 << 20 && (long)s["messagesCopied"]! > 0, "the log to be back within its bounds");
            await using var consumer = await client.SubscribeAsync("orders", messages: 2, flags: Confirmed);
            await consumer.ExpectBodiesAsync(2);
            await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 1));
            await consumer.ExpectSettledAsync(1);
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var again = await restarted.ConnectAsync();
        await using var all = await again.SubscribeAsync("orders", Count, 1 << 30);
        Assert.Equal($"{Body(2)}:Redelivered, Durable:1", (await all.ExpectDeliveryAsync()).ToString());
        for (var i = 3; i <= Count; i++)
        {
            Assert.Equal($"{Body(i)}:Durable:0", (await all.ExpectDeliveryAsync()).ToString());
        }
    }

    [Fact]
    public async Task Message_that_is_larger_than_a_file_of_the_log_comes_back()
    {
        var bodies = Enumerable.Range(1, 3).Select(i => $"{i}".PadRight(3 << 20)).ToList();
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk, storage: s => s with { CheckInterval = TimeSpan.FromMilliseconds(10) }))
        {
            await using var client = await broker.ConnectAsync();
            await client.FillDurableAsync("orders", bodies);
            await client.FillDurableAsync("orders", "small");
            await using var admin = await broker.AdministerAsync();
            await broker.StoreAtRestAsync(admin); // the log keeps four megabytes, and has had nine
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var again = await restarted.ConnectAsync();
        await using var consumer = await again.SubscribeAsync("orders", bytes: 1 << 30);
        Assert.Equal([.. bodies, "small"], await consumer.ExpectBodiesAsync(4));
    }

    /// <summary>The queue <c>orders</c> has these deliveries, and no other.</summary>
    private static async Task ExpectAsync(BrokerFixture broker, params string[] deliveries)
    {
        await using var client = await broker.ConnectAsync();
        await using var consumer = await client.SubscribeAsync("orders");
        Assert.Equal(deliveries, await consumer.ExpectDeliveriesAsync(deliveries.Length));
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 0, unsettled: deliveries.Length);
    }
}
