using System.Buffers;
using Broker.Protocol;

namespace Broker.Actors.Tests.Nodes;

/// <summary>Exchanges and bindings of all kinds on a node, frame by frame.</summary>
public sealed class RoutingTests
{
    [Fact]
    public async Task Message_goes_by_topics_headers_and_bindings_between_exchanges_to_each_queue_once()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var requests = await client.OpenRequestsAsync();
        await OkAsync(requests, DeclareExchange("events", "topic"), DeclareExchange("audit", "fanout", DeclareExchangeFlags.Internal | DeclareExchangeFlags.AutoDelete));
        await client.BindAsync("events", "topic", "order.*", "orders");
        await client.BindAsync("events", "topic", "#", "orders", "all");
        await client.DeclareQueueAsync("german");
        await client.DeclareQueueAsync("archive");
        await OkAsync(
            requests,
            Bind("audit", "archive"),
            Bind("events", "audit", "order.#", DestinationKind.Exchange),
            Bind("events", "amq.headers", "order.#", DestinationKind.Exchange),
            Bind("amq.headers", "german", arguments: FieldTable.Of(("x-match", "any"), ("country", "de"), ("language", "de"))));
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.SendAsync(
            Publish(1, "events", "order.new", new MessageProperties { Headers = FieldTable.Of(("language", "de")) }),
            Publish(2, "events", "order.new", new MessageProperties { Headers = FieldTable.Of(("language", "fr")) }),
            Publish(3, "events", "price"));
        await publisher.ExpectConfirmsAsync(3);
        await using var admin = await broker.AdministerAsync();
        foreach (var (queue, ready) in new[] { ("orders", 3), ("all", 3), ("archive", 2), ("german", 1) })
        {
            await admin.ExpectQueueAsync(queue, ready, unsettled: 0);
        }

        await publisher.PublishAsync(4, "audit", "", "nobody may");
        Assert.Equal((4UL, ErrorCode.AccessRefused), await publisher.ExpectRejectAsync() switch { var r => (r.Sequence, r.Code) });
        await requests.SendAsync(w => new DeleteQueueFrame(1, "archive", DeleteQueueFlags.None).Write(w)); // with it the exchange before it, and the binding to that
        await requests.ExpectCountAsync();
        Assert.Equal(["all", "amq.headers", "german", "orders", "orders"], (await admin.RunAsync("binding list")).Select(b => (string)b["destination"]!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task What_no_binding_matches_goes_to_the_alternate_exchange_before_it_is_returned()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var requests = await client.OpenRequestsAsync();
        await OkAsync(requests, w => new DeclareExchangeFrame { RequestId = 1, Name = "x", Type = "direct", Arguments = FieldTable.Of(("alternate-exchange", "lost")) }.Write(w));
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "x", "k", "nowhere", PublishFlags.Mandatory);
        await publisher.ExpectAsync(FrameType.Return);
        await client.BindAsync("lost", "fanout", "", "found");
        await publisher.PublishAsync(2, "x", "k", "found", PublishFlags.Mandatory);
        await publisher.ExpectConfirmsAsync(1);
        await using var consumer = await client.SubscribeAsync("found");
        Assert.Equal("found", (await consumer.ExpectDeliveryAsync()).Text);
    }

    [Fact]
    public async Task Blind_copies_arrive_and_nobody_sees_that_they_are()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        foreach (var queue in new[] { "to", "cc", "bcc" })
        {
            await client.DeclareQueueAsync(queue);
        }

        await using var publisher = await client.OpenPublisherAsync();
        var headers = FieldTable.Of(("CC", FieldValue.List("cc")), ("BCC", FieldValue.List("bcc")));
        await publisher.SendAsync(Publish(1, "", "to", new MessageProperties { Headers = headers }), Publish(2, "", "to", new MessageProperties { Headers = FieldTable.Of(("BCC", "bcc")) }));
        Assert.Equal((2UL, ErrorCode.InvalidArgument), await publisher.ExpectRejectAsync() switch { var r => (r.Sequence, r.Code) });
        foreach (var queue in new[] { "to", "cc", "bcc" })
        {
            await using var consumer = await client.SubscribeAsync(queue);
            Assert.True(MessageProperties.TryRead((await consumer.ExpectDeliveryAsync()).Properties, out var properties, out _));
            Assert.Equal(FieldTable.Of(("CC", FieldValue.List("cc"))), properties.Headers);
        }
    }

    [Fact]
    public async Task Exclusive_queue_is_locked_to_other_connections_for_everything()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var owner = await broker.ConnectAsync();
        await using var other = await broker.ConnectAsync();
        await owner.DeclareQueueAsync("mine", DeclareQueueFlags.Exclusive);
        await owner.DeclareQueueAsync("mine", DeclareQueueFlags.Exclusive);
        await using var requests = await other.OpenRequestsAsync();
        Action<IBufferWriter<byte>>[] all =
        [
            w => new DeclareQueueFrame { RequestId = 1, Name = "mine", Flags = DeclareQueueFlags.Exclusive }.Write(w),
            w => new DeclareQueueFrame { RequestId = 1, Name = "mine", Flags = DeclareQueueFlags.Passive }.Write(w),
            Bind("amq.fanout", "mine"),
            w => new PurgeQueueFrame(1, "mine").Write(w),
            w => new GetFrame(1, "mine", GetFlags.None).Write(w),
            w => new DeleteQueueFrame(1, "mine", DeleteQueueFlags.None).Write(w),
        ];
        foreach (var request in all)
        {
            await requests.SendAsync(request);
            Assert.Contains("exclusive", await requests.ExpectRefusalAsync(ErrorCode.ResourceLocked), StringComparison.Ordinal);
        }

        await using var mine = await owner.OpenRequestsAsync();
        await OkAsync(mine, Bind("amq.fanout", "mine"));
        await requests.SendAsync(w => new UnbindFrame { RequestId = 1, Exchange = "amq.fanout", Destination = "mine" }.Write(w));
        await requests.ExpectRefusalAsync(ErrorCode.ResourceLocked);
        await mine.SendAsync(w => new DeleteQueueFrame(1, "mine", DeleteQueueFlags.None).Write(w));
        await mine.ExpectCountAsync();
    }

    [Fact]
    public async Task Names_that_look_like_those_of_another_vhost_are_not_found()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "v\u001fq", "x", PublishFlags.Mandatory);
        await publisher.ExpectAsync(FrameType.Return);
        await publisher.PublishAsync(2, "v\u001fx", "k", "x");
        Assert.Equal(ErrorCode.NotFound, (await publisher.ExpectRejectAsync()).Code);
        await using var requests = await client.OpenRequestsAsync();
        await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = "v\u001fq" }.Write(w));
        await requests.ExpectRefusalAsync(ErrorCode.InvalidArgument);
    }

    private static async Task OkAsync(WireStream requests, params Action<IBufferWriter<byte>>[] all)
    {
        foreach (var request in all)
        {
            await requests.SendAsync(request);
            await requests.ExpectAsync(FrameType.Ok);
        }
    }

    private static Action<IBufferWriter<byte>> DeclareExchange(string name, string type, DeclareExchangeFlags flags = DeclareExchangeFlags.None) =>
        w => new DeclareExchangeFrame { RequestId = 1, Name = name, Type = type, Flags = flags }.Write(w);

    private static Action<IBufferWriter<byte>> Bind(string exchange, string destination, string key = "", DestinationKind kind = DestinationKind.Queue, FieldTable? arguments = null) =>
        w => new BindFrame { RequestId = 1, Exchange = exchange, Destination = destination, RoutingKey = key, DestinationKind = kind, Arguments = arguments ?? FieldTable.Empty }.Write(w);

    private static Action<IBufferWriter<byte>> Publish(ulong sequence, string exchange, string key, MessageProperties? properties = null) => w =>
    {
        var message = new ArrayBufferWriter<byte>();
        MessageWriter.Write(message, exchange, key, properties, "body"u8);
        PublishFrame.Write(w, sequence, PublishFlags.None, message.WrittenSpan);
    };
}
