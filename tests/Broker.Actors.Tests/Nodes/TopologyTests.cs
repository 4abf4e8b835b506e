using System.Buffers;
using Broker.Protocol;

namespace Broker.Actors.Tests.Nodes;

/// <summary>docs/protocol.md, section 9.1: what requests do, repeated and in conflict.</summary>
public sealed class TopologyTests
{
    [Fact]
    public async Task Repeating_a_request_has_no_effect()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var requests = await client.OpenRequestsAsync();
        for (var round = 0; round < 2; round++)
        {
            await requests.SendAsync(DeclareExchange("logs", "fanout"));
            await requests.ExpectAsync(FrameType.Ok);
            await requests.SendAsync(DeclareQueue("a"));
            Assert.Equal(new QueueOkFrame(1, "a", 0, 0), await requests.ExpectQueueOkAsync());
            await requests.SendAsync(Bind("logs", "a"));
            await requests.ExpectAsync(FrameType.Ok);
        }

        foreach (var (exchange, queue) in new[] { ("logs", "a"), ("logs", "a"), ("absent", "a"), ("logs", "absent") })
        {
            await requests.SendAsync(Unbind(exchange, queue));
            await requests.ExpectAsync(FrameType.Ok);
        }

        for (var round = 0; round < 2; round++)
        {
            await requests.SendAsync(w => new DeleteQueueFrame(1, "a", DeleteQueueFlags.None).Write(w));
            Assert.Equal(0UL, await requests.ExpectCountAsync());
            await requests.SendAsync(w => new DeleteExchangeFrame(1, "logs", DeleteExchangeFlags.None).Write(w));
            await requests.ExpectAsync(FrameType.Ok);
        }
    }

    public static TheoryData<string, ErrorCode> Refusals => new()
    {
        { "exchange of another type", ErrorCode.PreconditionFailed },
        { "exchange of an unknown type", ErrorCode.InvalidArgument },
        { "exchange without a name", ErrorCode.PreconditionFailed },
        { "exchange in the reserved range", ErrorCode.AccessRefused },
        { "durable exchange that is transient", ErrorCode.PreconditionFailed },
        { "transient exchange that is durable", ErrorCode.PreconditionFailed },
        { "exchange with an argument", ErrorCode.InvalidArgument },
        { "passive exchange that is absent", ErrorCode.NotFound },
        { "queue in the reserved range", ErrorCode.AccessRefused },
        { "queue with a control character", ErrorCode.InvalidArgument },
        { "durable queue that is transient", ErrorCode.PreconditionFailed },
        { "transient queue that is durable", ErrorCode.PreconditionFailed },
        { "exclusive queue that is for everybody", ErrorCode.PreconditionFailed },
        { "queue with an argument", ErrorCode.InvalidArgument },
        { "passive queue that is absent", ErrorCode.NotFound },
        { "binding of an absent queue", ErrorCode.NotFound },
        { "binding to an absent exchange", ErrorCode.NotFound },
        { "binding to the default exchange", ErrorCode.AccessRefused },
        { "binding of an absent exchange", ErrorCode.NotFound },
        { "binding of the default exchange", ErrorCode.AccessRefused },
        { "binding with a wrong argument", ErrorCode.InvalidArgument },
        { "deletion of a built-in exchange", ErrorCode.AccessRefused },
        { "deletion of a bound exchange if unused", ErrorCode.PreconditionFailed },
        { "deletion of a filled queue if empty", ErrorCode.PreconditionFailed },
        { "deletion of a consumed queue if unused", ErrorCode.PreconditionFailed },
        { "purge of an absent queue", ErrorCode.NotFound },
        { "get from an absent queue", ErrorCode.NotFound },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task Refusal_ends_its_request_and_not_the_stream(string what, ErrorCode code)
    {
        var argument = FieldTable.Of(("x-max-length", -1L));
        Action<IBufferWriter<byte>> request = what switch
        {
            "exchange of another type" => DeclareExchange("logs", "direct"),
            "exchange of an unknown type" => DeclareExchange("other", "Fanout"),
            "exchange without a name" => DeclareExchange("", "fanout"),
            "exchange in the reserved range" => DeclareExchange("amq.mine", "fanout"),
            "durable exchange that is transient" => w => new DeclareExchangeFrame { RequestId = 1, Name = "logs", Type = "fanout", Flags = DeclareExchangeFlags.Durable }.Write(w),
            "transient exchange that is durable" => DeclareExchange("lasting", "fanout"),
            "exchange with an argument" => w => new DeclareExchangeFrame { RequestId = 1, Name = "other", Type = "direct", Arguments = argument }.Write(w),
            "passive exchange that is absent" => w => new DeclareExchangeFrame { RequestId = 1, Name = "other", Type = "direct", Flags = DeclareExchangeFlags.Passive }.Write(w),
            "queue in the reserved range" => DeclareQueue("amq.mine"),
            "queue with a control character" => DeclareQueue("a\nb"),
            "durable queue that is transient" => DeclareQueue("filled", DeclareQueueFlags.Durable),
            "transient queue that is durable" => DeclareQueue("kept"),
            "exclusive queue that is for everybody" => DeclareQueue("filled", DeclareQueueFlags.Exclusive),
            "queue with an argument" => w => new DeclareQueueFrame { RequestId = 1, Name = "other", Arguments = argument }.Write(w),
            "passive queue that is absent" => DeclareQueue("other", DeclareQueueFlags.Passive),
            "binding of an absent queue" => Bind("logs", "other"),
            "binding to an absent exchange" => Bind("other", "filled"),
            "binding to the default exchange" => Bind("", "filled"),
            "binding of an absent exchange" => w => new BindFrame { RequestId = 1, Exchange = "logs", Destination = "filled", DestinationKind = DestinationKind.Exchange }.Write(w),
            "binding of the default exchange" => w => new BindFrame { RequestId = 1, Exchange = "logs", Destination = "", DestinationKind = DestinationKind.Exchange }.Write(w),
            "binding with a wrong argument" => w => new BindFrame { RequestId = 1, Exchange = "amq.match", Destination = "filled", Arguments = FieldTable.Of(("x-match", 1L)) }.Write(w),
            "deletion of a built-in exchange" => w => new DeleteExchangeFrame(1, "amq.direct", DeleteExchangeFlags.None).Write(w),
            "deletion of a bound exchange if unused" => w => new DeleteExchangeFrame(1, "logs", DeleteExchangeFlags.IfUnused).Write(w),
            "deletion of a filled queue if empty" => w => new DeleteQueueFrame(1, "filled", DeleteQueueFlags.IfEmpty).Write(w),
            "deletion of a consumed queue if unused" => w => new DeleteQueueFrame(1, "consumed", DeleteQueueFlags.IfUnused).Write(w),
            "purge of an absent queue" => w => new PurgeQueueFrame(1, "other").Write(w),
            "get from an absent queue" => w => new GetFrame(1, "other", GetFlags.None).Write(w),
            _ => throw new ArgumentOutOfRangeException(nameof(what), what, "no such case"),
        };
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.BindAsync("logs", "fanout", "", "filled");
        await client.DeclareQueueAsync("consumed");
        await client.SubscribeAsync("consumed");
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "filled", "body");
        await publisher.ExpectConfirmsAsync(1);

        await using var requests = await client.OpenRequestsAsync();
        await requests.SendAsync(
            w => new DeclareExchangeFrame { RequestId = 1, Name = "lasting", Type = "fanout", Flags = DeclareExchangeFlags.Durable }.Write(w),
            DeclareQueue("kept", DeclareQueueFlags.Durable));
        await requests.ExpectAsync(FrameType.Ok);
        await requests.ExpectAsync(FrameType.QueueOk);
        await requests.SendAsync(request);
        Assert.NotEmpty(await requests.ExpectRefusalAsync(code));
        await requests.SendAsync(DeclareQueue("filled", DeclareQueueFlags.Passive));
        Assert.Equal(new QueueOkFrame(1, "filled", 1, 0), await requests.ExpectQueueOkAsync());
    }

    [Fact]
    public async Task Durable_declaration_may_be_repeated_and_a_passive_one_does_not_compare_flags()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var requests = await client.OpenRequestsAsync();
        for (var round = 0; round < 2; round++)
        {
            await requests.SendAsync(w => new DeclareExchangeFrame { RequestId = 1, Name = "logs", Type = "fanout", Flags = DeclareExchangeFlags.Durable }.Write(w));
            await requests.ExpectAsync(FrameType.Ok);
            await requests.SendAsync(DeclareQueue("kept", DeclareQueueFlags.Durable));
            Assert.Equal(new QueueOkFrame(1, "kept", 0, 0), await requests.ExpectQueueOkAsync());
            await requests.SendAsync(Bind("logs", "kept"));
            await requests.ExpectAsync(FrameType.Ok);
        }

        await requests.SendAsync(w => new DeclareExchangeFrame { RequestId = 1, Name = "logs", Type = "fanout", Flags = DeclareExchangeFlags.Passive }.Write(w));
        await requests.ExpectAsync(FrameType.Ok);
        await requests.SendAsync(DeclareQueue("kept", DeclareQueueFlags.Passive));
        await requests.ExpectQueueOkAsync();
        foreach (var flags in new[] { DeclareExchangeFlags.Durable, DeclareExchangeFlags.None }) // a built-in one is there in either case
        {
            await requests.SendAsync(w => new DeclareExchangeFrame { RequestId = 1, Name = "amq.direct", Type = "direct", Flags = flags }.Write(w));
            await requests.ExpectAsync(FrameType.Ok);
        }
    }

    [Fact]
    public async Task Requests_for_one_name_that_come_at_once_are_carried_out_one_after_the_other()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        var streams = new List<WireStream>();
        for (var i = 0; i < 20; i++)
        {
            var stream = await client.OpenRequestsAsync();
            await stream.SendAsync(
                DeclareQueue("contended", DeclareQueueFlags.Durable),
                w => new DeleteQueueFrame(2, "contended", DeleteQueueFlags.None).Write(w),
                DeclareQueue("contended", DeclareQueueFlags.Durable));
            streams.Add(stream);
        }

        foreach (var stream in streams)
        {
            await stream.ExpectQueueOkAsync();
            Assert.Equal(0UL, await stream.ExpectCountAsync());
            await stream.ExpectQueueOkAsync();
        }

        await client.FillDurableAsync("contended", "1");
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("contended", ready: 1, unsettled: 0);
    }

    [Fact]
    public async Task Answers_come_in_the_order_of_the_requests()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var requests = await client.OpenRequestsAsync();
        await requests.SendAsync(w =>
        {
            for (var i = 0; i < 500; i++)
            {
                var id = (ulong)(1000 - i);
                switch (i % 3)
                {
                    case 0:
                        new DeclareQueueFrame { RequestId = id, Name = $"q{i}" }.Write(w);
                        break;
                    case 1:
                        new GetFrame(id, $"q{i - 1}", GetFlags.None).Write(w);
                        break;
                    default:
                        new PurgeQueueFrame(id, "nowhere").Write(w);
                        break;
                }
            }
        });
        for (var i = 0; i < 500; i++)
        {
            var payload = await requests.ExpectAsync((i % 3) switch { 0 => FrameType.QueueOk, 1 => FrameType.GetEmpty, _ => FrameType.RequestError });
            Assert.True(new PrefixReader(payload).Number == (ulong)(1000 - i), $"answer {i} is not that of request {i}");
        }
    }

    [Fact]
    public async Task Queue_without_a_name_gets_one_from_the_server()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var requests = await client.OpenRequestsAsync();
        await requests.SendAsync(DeclareQueue(""), DeclareQueue(""));
        var first = (await requests.ExpectQueueOkAsync()).Name;
        var second = (await requests.ExpectQueueOkAsync()).Name;
        Assert.StartsWith("amq.gen-", first, StringComparison.Ordinal);
        Assert.NotEqual(first, second);

        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", first, "hello");
        await using var consumer = await client.SubscribeAsync(first);
        Assert.Equal("hello", (await consumer.ExpectDeliveryAsync()).Text);
        await requests.SendAsync(w => new DeleteQueueFrame(1, first, DeleteQueueFlags.None).Write(w));
        await requests.ExpectCountAsync();
    }

    [Fact]
    public async Task Declaration_tells_messages_and_consumers_and_purge_drops_the_ready_ones()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        await using var publisher = await client.OpenPublisherAsync();
        for (var i = 1; i <= 5; i++)
        {
            await publisher.PublishAsync((ulong)i, "", "orders", "body");
        }

        await publisher.ExpectConfirmsAsync(5);
        await using var consumer = await client.SubscribeAsync("orders", messages: 2);
        await consumer.ExpectBodiesAsync(2);
        await using var requests = await client.OpenRequestsAsync();
        await requests.SendAsync(DeclareQueue("orders"));
        Assert.Equal(new QueueOkFrame(1, "orders", 3, 1), await requests.ExpectQueueOkAsync());
        await requests.SendAsync(w => new PurgeQueueFrame(2, "orders").Write(w));
        Assert.Equal(3UL, await requests.ExpectCountAsync());
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 0, unsettled: 2);
    }

    private static Action<IBufferWriter<byte>> DeclareExchange(string name, string type) => w => new DeclareExchangeFrame { RequestId = 1, Name = name, Type = type }.Write(w);

    private static Action<IBufferWriter<byte>> DeclareQueue(string name, DeclareQueueFlags flags = DeclareQueueFlags.None) =>
        w => new DeclareQueueFrame { RequestId = 1, Name = name, Flags = flags }.Write(w);

    private static Action<IBufferWriter<byte>> Bind(string exchange, string queue) => w => new BindFrame { RequestId = 1, Exchange = exchange, Destination = queue }.Write(w);

    private static Action<IBufferWriter<byte>> Unbind(string exchange, string queue) => w => new UnbindFrame { RequestId = 1, Exchange = exchange, Destination = queue }.Write(w);

    /// <summary>The request id, which begins every answer.</summary>
    private readonly ref struct PrefixReader
    {
        public PrefixReader(ReadOnlySpan<byte> payload)
        {
            Varint.TryRead(payload, out var number, out _);
            Number = number;
        }

        public ulong Number { get; }
    }
}
