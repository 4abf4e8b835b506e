using Broker.Actors.Server;
using Broker.Protocol;

namespace Broker.Actors.Tests.Nodes;

/// <summary>Routing, outcomes and confirms (docs/protocol.md, section 7).</summary>
public sealed class PublishTests
{
    [Fact]
    public async Task Direct_exchange_routes_by_key_and_fanout_to_all()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.BindAsync("levels", "direct", "error", "errors", "all");
        await client.BindAsync("levels", "direct", "info", "all");
        await client.BindAsync("copies", "fanout", "ignored", "errors", "all");
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "levels", "error", "1");
        await publisher.PublishAsync(2, "levels", "info", "2");
        await publisher.PublishAsync(3, "levels", "debug", "3");
        await publisher.PublishAsync(4, "copies", "whatever", "4");
        await publisher.PublishAsync(5, "", "errors", "5");
        await publisher.PublishAsync(6, "amq.direct", "error", "6");
        await publisher.ExpectConfirmsAsync(6);

        await using var errors = await client.SubscribeAsync("errors");
        await using var all = await client.SubscribeAsync("all");
        Assert.Equal(["1", "4", "5"], await errors.ExpectBodiesAsync(3));
        Assert.Equal(["1", "2", "4"], await all.ExpectBodiesAsync(3));
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("errors", ready: 0, unsettled: 3);
        await admin.ExpectQueueAsync("all", ready: 0, unsettled: 3);
    }

    [Fact]
    public async Task Route_that_was_used_follows_bind_and_unbind()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.BindAsync("logs", "fanout", "", "a");
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "logs", "k", "1");
        await publisher.ExpectConfirmsAsync(1);
        await client.BindAsync("logs", "fanout", "", "b");
        await publisher.PublishAsync(2, "logs", "k", "2");
        await publisher.ExpectConfirmsAsync(1);
        await using var requests = await client.OpenRequestsAsync();
        await requests.SendAsync(w => new UnbindFrame { RequestId = 1, Exchange = "logs", Destination = "a" }.Write(w));
        await requests.ExpectAsync(FrameType.Ok);
        await publisher.PublishAsync(3, "logs", "k", "3");
        await publisher.ExpectConfirmsAsync(1);
        await requests.SendAsync(w => new DeleteExchangeFrame(2, "logs", DeleteExchangeFlags.None).Write(w));
        await requests.ExpectAsync(FrameType.Ok);
        await publisher.PublishAsync(4, "logs", "k", "4");
        Assert.Equal(ErrorCode.NotFound, (await publisher.ExpectRejectAsync()).Code);

        await using var a = await client.SubscribeAsync("a");
        await using var b = await client.SubscribeAsync("b");
        Assert.Equal(["1", "2"], await a.ExpectBodiesAsync(2));
        Assert.Equal(["2", "3"], await b.ExpectBodiesAsync(2));
    }

    [Fact]
    public async Task Each_sequence_gets_its_own_outcome()
    {
        await using var broker = await BrokerFixture.StartAsync(new BrokerLimits { MaxMessageBytes = 1024 });
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        await using var publisher = await client.OpenPublisherAsync();

        await publisher.PublishAsync(10, "", "nowhere", "dropped");
        Assert.Equal([10UL], await publisher.ExpectConfirmsAsync(1));
        await using var admin = await broker.AdministerAsync();
        Assert.Equal(1, (int)(await admin.RunAsync("cluster show"))[0]["unroutable"]!);

        await publisher.PublishAsync(20, "", "nowhere", "returned", PublishFlags.Mandatory);
        Assert.True(ReturnFrame.TryRead(await publisher.ExpectAsync(FrameType.Return), out var returned, out _));
        Assert.Equal((20UL, ErrorCode.Unroutable), (returned.Sequence, returned.Code));

        await publisher.PublishAsync(30, "no such exchange", "k", "refused", PublishFlags.Mandatory);
        var refused = await publisher.ExpectRejectAsync();
        Assert.Equal((30UL, ErrorCode.NotFound), (refused.Sequence, refused.Code));

        await publisher.SendAsync(w => WireStream.WritePublish(w, 40, "", "orders", new byte[1024]));
        var large = await publisher.ExpectRejectAsync();
        Assert.Equal((40UL, ErrorCode.MessageTooLarge), (large.Sequence, large.Code));

        await publisher.PublishAsync(50, "", "orders", "taken", PublishFlags.Mandatory | PublishFlags.Durable);
        Assert.Equal([50UL], await publisher.ExpectConfirmsAsync(1));
        await using var consumer = await client.SubscribeAsync("orders");
        var delivery = await consumer.ExpectDeliveryAsync();
        Assert.Equal(("taken", DeliverFlags.Durable), (delivery.Text, delivery.Flags));
    }

    [Theory]
    [InlineData(5UL, 5UL)]
    [InlineData(5UL, 4UL)]
    public async Task Sequences_must_ascend(ulong first, ulong second)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(first, "", "nowhere", "a");
        Assert.Equal([first], await publisher.ExpectConfirmsAsync(1));
        await publisher.PublishAsync(second, "", "nowhere", "b");
        await publisher.ExpectFaultAsync(ErrorCode.ProtocolViolation);
    }

    [Fact]
    public async Task Confirms_are_ranges_over_several_queues()
    {
        const int Count = 3000;
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.BindAsync("logs", "fanout", "", "a", "b", "c");
        await client.BindAsync("one", "direct", "k", "a");
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.SendAsync(w =>
        {
            for (var i = 1; i <= Count; i++)
            {
                WireStream.WritePublish(w, (ulong)(2 * i), i % 3 == 0 ? "one" : "logs", "k", BitConverter.GetBytes(i));
            }
        });
        var confirmed = await publisher.ExpectConfirmsAsync(Count);
        Assert.Equal(Enumerable.Range(1, Count).Select(i => (ulong)(2 * i)), confirmed.Order());
        foreach (var (queue, expected) in new[] { ("a", Count), ("b", Count * 2 / 3), ("c", Count * 2 / 3) })
        {
            await using var consumer = await client.SubscribeAsync(queue, messages: Count, flags: SubscribeFlags.NoAck);
            var last = 0;
            for (var i = 0; i < expected; i++)
            {
                var number = BitConverter.ToInt32((await consumer.ExpectDeliveryAsync()).Body);
                Assert.True(number > last, $"{number} came after {last} from queue {queue}");
                last = number;
            }
        }
    }

    [Fact]
    public async Task Large_message_passes_windows_that_are_smaller()
    {
        var body = new byte[5 << 20];
        new Random(3).NextBytes(body);
        await using var broker = await BrokerFixture.StartAsync(listener: l => l with { StreamReceiveWindow = 64 << 10, SendBufferSize = 64 << 10 });
        await using var client = await broker.ConnectAsync(client: c => c with { StreamReceiveWindow = 64 << 10 });
        await client.DeclareQueueAsync("orders");
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.SendAsync(w => WireStream.WritePublish(w, 1, "", "orders", body));
        await publisher.ExpectConfirmsAsync(1);
        await using var consumer = await client.SubscribeAsync("orders", messages: 1, bytes: 1);
        var delivery = await consumer.ExpectDeliveryAsync();
        Assert.True(delivery.Body.AsSpan().SequenceEqual(body), "the body has changed");
    }

    [Fact]
    public async Task Nothing_is_left_of_ten_thousand_messages_that_were_acknowledged()
    {
        const int Count = 10_000;
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.SendAsync(w =>
        {
            for (var i = 1; i <= Count; i++)
            {
                WireStream.WritePublish(w, (ulong)i, "", "orders", new byte[100]);
            }
        });
        await publisher.ExpectConfirmsAsync(Count);
        await using var consumer = await client.SubscribeAsync("orders", messages: Count, bytes: 1 << 30);
        await consumer.ExpectBodiesAsync(Count);
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, Count));
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 0, unsettled: 0);
        var queue = (await admin.QueueAsync("orders"))!;
        Assert.Equal((0, Count, Count), ((int)queue["bytes"]!, (int)queue["delivered"]!, (int)queue["acknowledged"]!));
        var node = Assert.Single(await admin.RunAsync("cluster show"));
        Assert.Equal(0, (int)node["messageBytes"]!);
    }
}
