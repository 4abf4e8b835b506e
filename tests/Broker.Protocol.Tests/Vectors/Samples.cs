using System.Buffers;
using System.Text;
using Broker.Protocol.Bbq;

namespace Broker.Protocol.Tests.Vectors;

/// <summary>What the golden vectors hold: each frame with usual values and with those at an edge.</summary>
internal static class Samples
{
    private static readonly string s_longName = new('n', 255);

    public static MessageProperties FullProperties { get; } = new()
    {
        ContentType = "application/json",
        ContentEncoding = "gzip",
        MessageId = "m-1",
        CorrelationId = "c-1",
        ReplyTo = "answers",
        Type = "order.created",
        AppId = "shop",
        Timestamp = DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_123),
        Expiration = TimeSpan.FromSeconds(60),
        Priority = 9,
        GroupKey = "customer-17",
        Delay = TimeSpan.FromMilliseconds(1500),
        Headers = FieldTable.Of(
            ("nothing", FieldValue.Null),
            ("no", false),
            ("yes", true),
            ("smallest", long.MinValue),
            ("largest", long.MaxValue),
            ("half", 0.5),
            ("text", "Grüße"),
            ("bytes", (byte[])[0x00, 0xff]),
            ("list", FieldValue.List(1, "two", FieldValue.List(true)))),
    };

    // After the values that it is made of: static fields are set in the order of the text.
    public static IReadOnlyList<Sample> All { get; } =
        [.. Control(), .. Publish(), .. Consume(), .. Requests(), .. Answers(), .. Admin(), .. Messages(), .. Bbq(), .. LinkSamples.All];

    public static byte[] Message(string exchange, string routingKey, MessageProperties? properties, string body)
    {
        var writer = new ArrayBufferWriter<byte>();
        MessageWriter.Write(writer, exchange, routingKey, properties, Encoding.UTF8.GetBytes(body));
        return writer.WrittenSpan.ToArray();
    }

    private static IEnumerable<Sample> Control() =>
    [
        Sample.Of("control", "HELLO", "defaults", new HelloFrame { ClientName = "example", ClientVersion = "1.0" }.Write),
        Sample.Of(
            "control",
            "HELLO",
            "small limits, longest name",
            new HelloFrame { ClientName = s_longName, Vhost = "staging", MaxFrameBytes = 2048, MaxMessageBytes = 1024 }.Write),
        Sample.Of(
            "control",
            "WELCOME",
            "defaults",
            new WelcomeFrame { NodeId = "node-1", ProductVersion = "0.1.0", ClusterName = "broker", Identity = "client", ConnectionId = 7 }.Write),
        Sample.Of(
            "control",
            "WELCOME",
            "largest limits",
            new WelcomeFrame { NodeId = "n", ConnectionId = Varint.Max, MaxFrameBytes = (1 << 30) + 1024, MaxMessageBytes = 1 << 30 }.Write),
        Sample.Of("control", "GOAWAY", "shutting down", new GoAwayFrame(ErrorCode.ShuttingDown, "maintenance").Write),
        Sample.Of("control", "ERROR", "not found", new ErrorFrame(ErrorCode.NotFound, "no queue 'orders' in vhost '/'").Write),
        Sample.Of("control", "ERROR", "a code that this version does not know", new ErrorFrame((ErrorCode)70_000, "").Write),
    ];

    private static IEnumerable<Sample> Publish() =>
    [
        Sample.Of("publish", "PUBLISHER_OPEN", "no producer id", new PublisherOpenFrame("").Write),
        Sample.Of("publish", "PUBLISHER_OPEN", "producer id", new PublisherOpenFrame("billing-1").Write),
        Sample.Of("publish", "PUBLISHER_READY", "new producer", new PublisherReadyFrame(0).Write),
        Sample.Of("publish", "PUBLISHER_READY", "known producer", new PublisherReadyFrame(16_384).Write),
        Sample.Of(
            "publish", "PUBLISH", "default exchange, no properties", w => PublishFrame.Write(w, 1, PublishFlags.None, Message("", "orders", null, "hello"))),
        Sample.Of(
            "publish",
            "PUBLISH",
            "mandatory and durable, all properties",
            w => PublishFrame.Write(w, 1_000_000, PublishFlags.Mandatory | PublishFlags.Durable, Message("shop", "order.created", FullProperties, "{}"))),
        Sample.Of(
            "publish", "PUBLISH", "largest sequence, empty body", w => PublishFrame.Write(w, Varint.Max, PublishFlags.Durable, Message("", "q", null, ""))),
        Sample.Of("publish", "CONFIRM", "one message", w => ConfirmFrame.Write(w, [new(1, 1)])),
        Sample.Of("publish", "CONFIRM", "three ranges", w => ConfirmFrame.Write(w, [new(1, 100), new(102, 102), new(200, 263)])),
        Sample.Of("publish", "CONFIRM", "up to the largest sequence", w => ConfirmFrame.Write(w, [new(5, 5), new(Varint.Max - 1, Varint.Max)])),
        Sample.Of("publish", "RETURN", "unroutable", new ReturnFrame(42, ErrorCode.Unroutable, "no queue bound").Write),
        Sample.Of("publish", "REJECT", "resource exhausted", new RejectFrame(43, ErrorCode.ResourceExhausted, "queue full").Write),
        Sample.Of("publish", "BLOCKED", "memory", new BlockedFrame("memory watermark").Write),
        Sample.Of("publish", "UNBLOCKED", "no fields", new UnblockedFrame().Write),
    ];

    private static IEnumerable<Sample> Consume() =>
    [
        Sample.Of("consume", "SUBSCRIBE", "usual", new SubscribeFrame { Queue = "orders", CreditMessages = 200, CreditBytes = 1 << 20 }.Write),
        Sample.Of(
            "consume",
            "SUBSCRIBE",
            "all flags, tag and arguments",
            new SubscribeFrame
            {
                Queue = "orders",
                ConsumerTag = "worker-1",
                Flags = SubscribeFlags.Exclusive | SubscribeFlags.NoAck | SubscribeFlags.ConfirmSettles,
                CreditMessages = ProtocolLimits.MaxCredit,
                CreditBytes = ProtocolLimits.MaxCredit,
                Arguments = FieldTable.Of(("priority", 5)),
            }.Write),
        Sample.Of("consume", "SUBSCRIBED", "tag of the server's choice", new SubscribedFrame("c-7-4").Write),
        Sample.Of("consume", "DELIVER", "first delivery", w => DeliverFrame.Write(w, 1, DeliverFlags.None, 0, Message("", "orders", null, "hello"))),
        Sample.Of(
            "consume",
            "DELIVER",
            "redelivered and durable",
            w => DeliverFrame.Write(w, 300, DeliverFlags.Redelivered | DeliverFlags.Durable, 2, Message("shop", "order.created", FullProperties, "{}"))),
        Sample.Of("consume", "CREDIT", "messages and bytes", new CreditFrame(100, 65_536).Write),
        Sample.Of("consume", "CREDIT", "nothing", new CreditFrame(0, 0).Write),
        Sample.Of("consume", "SETTLE", "ack a range", w => SettleFrame.Write(w, SettleOutcome.Ack, [new(1, 64)])),
        Sample.Of("consume", "SETTLE", "requeue two", w => SettleFrame.Write(w, SettleOutcome.Requeue, [new(2, 2), new(4, 4)])),
        Sample.Of("consume", "SETTLE", "reject one", w => SettleFrame.Write(w, SettleOutcome.Reject, [new(3, 3)])),
        Sample.Of("consume", "SETTLE", "reject with a reason", w => SettleFrame.Write(w, SettleOutcome.Reject, [new(5, 6)], "no such customer")),
        Sample.Of("consume", "SETTLED", "two ranges", w => SettledFrame.Write(w, [new(1, 2), new(4, 4)])),
        Sample.Of("consume", "CANCEL", "no fields", new CancelFrame().Write),
        Sample.Of("consume", "CANCELLED", "answer to CANCEL", new CancelledFrame(ErrorCode.NoError, "").Write),
        Sample.Of("consume", "CANCELLED", "queue deleted", new CancelledFrame(ErrorCode.QueueDeleted, "queue 'orders' was deleted").Write),
    ];

    private static IEnumerable<Sample> Requests() =>
    [
        Sample.Of(
            "request",
            "DECLARE_EXCHANGE",
            "durable direct",
            new DeclareExchangeFrame { RequestId = 1, Name = "shop", Type = "direct", Flags = DeclareExchangeFlags.Durable }.Write),
        Sample.Of(
            "request",
            "DECLARE_EXCHANGE",
            "all flags and an argument",
            new DeclareExchangeFrame
            {
                RequestId = 2,
                Name = "audit",
                Type = "fanout",
                Flags = (DeclareExchangeFlags)15,
                Arguments = FieldTable.Of(("alternate-exchange", "lost")),
            }.Write),
        Sample.Of("request", "DELETE_EXCHANGE", "if unused", new DeleteExchangeFrame(3, "shop", DeleteExchangeFlags.IfUnused).Write),
        Sample.Of("request", "DECLARE_QUEUE", "durable", new DeclareQueueFrame { RequestId = 4, Name = "orders", Flags = DeclareQueueFlags.Durable }.Write),
        Sample.Of(
            "request",
            "DECLARE_QUEUE",
            "named by the server, exclusive, auto-delete",
            new DeclareQueueFrame
            {
                RequestId = 5,
                Name = "",
                Flags = DeclareQueueFlags.Exclusive | DeclareQueueFlags.AutoDelete,
                Arguments = FieldTable.Of(("max-length", 1000)),
            }.Write),
        Sample.Of(
            "request", "DELETE_QUEUE", "if unused and empty", new DeleteQueueFrame(6, "orders", DeleteQueueFlags.IfUnused | DeleteQueueFlags.IfEmpty).Write),
        Sample.Of("request", "PURGE_QUEUE", "usual", new PurgeQueueFrame(7, "orders").Write),
        Sample.Of("request", "BIND", "queue", new BindFrame { RequestId = 8, Exchange = "shop", Destination = "orders", RoutingKey = "order.created" }.Write),
        Sample.Of(
            "request",
            "BIND",
            "exchange to exchange",
            new BindFrame
            {
                RequestId = 9,
                Exchange = "shop",
                DestinationKind = DestinationKind.Exchange,
                Destination = "audit",
                Arguments = FieldTable.Of(("note", "all of it")),
            }.Write),
        Sample.Of(
            "request", "UNBIND", "queue", new UnbindFrame { RequestId = 10, Exchange = "shop", Destination = "orders", RoutingKey = "order.created" }.Write),
        Sample.Of("request", "GET", "to be settled", new GetFrame(11, "orders", GetFlags.None).Write),
        Sample.Of("request", "GET", "no-ack", new GetFrame(12, "orders", GetFlags.NoAck).Write),
    ];

    private static IEnumerable<Sample> Answers() =>
    [
        Sample.Of("request", "OK", "largest request id", new OkFrame(Varint.Max).Write),
        Sample.Of("request", "QUEUE_OK", "with messages and consumers", new QueueOkFrame(4, "orders", 70_000, 3).Write),
        Sample.Of("request", "QUEUE_OK", "led by another node", new QueueOkFrame(5, "orders", 0, 0, "b.example:7401").Write),
        Sample.Of("request", "COUNT_OK", "purged", new CountOkFrame(7, 123).Write),
        Sample.Of("request", "GET_OK", "first message", w => GetOkFrame.Write(w, 11, 1, DeliverFlags.None, 0, 99, Message("", "orders", null, "hello"))),
        Sample.Of("request", "GET_EMPTY", "usual", new GetEmptyFrame(12).Write),
        Sample.Of(
            "request",
            "REQUEST_ERROR",
            "conflicting declaration",
            new RequestErrorFrame(4, ErrorCode.PreconditionFailed, "queue 'orders' is not durable").Write),
    ];

    private static IEnumerable<Sample> Admin() =>
    [
        Sample.Of("admin", "ADMIN_REQUEST", "no options", new AdminRequestFrame(1, "queue list", "{}"u8.ToArray()).Write),
        Sample.Of("admin", "ADMIN_ROW", "one row", new AdminRowFrame(1, "{\"name\":\"orders\"}"u8.ToArray()).Write),
        Sample.Of("admin", "ADMIN_END", "done", new AdminEndFrame(1, ErrorCode.NoError, "1 row").Write),
        Sample.Of("admin", "ADMIN_END", "failed", new AdminEndFrame(2, ErrorCode.NotFound, "no command 'queue lits'").Write),
    ];

    private static IEnumerable<Sample> Messages() =>
    [
        new("messages", "MESSAGE", "nothing but an empty routing key", Message("", "", null, "")),
        new("messages", "MESSAGE", "longest names", Message(s_longName, s_longName, null, "body")),
        new("messages", "MESSAGE", "one property", Message("", "orders", new MessageProperties { ContentType = "text/plain" }, "hello")),
        new("messages", "PROPERTIES", "all", Properties(FullProperties)),
        new(
            "messages",
            "PROPERTIES",
            "numbers at their edges",
            Properties(new MessageProperties
            {
                Timestamp = DateTimeOffset.FromUnixTimeMilliseconds((long)ProtocolLimits.MaxTimestampMs),
                Expiration = TimeSpan.Zero,
                Priority = 255,
                Delay = TimeSpan.FromMilliseconds((long)ProtocolLimits.MaxDurationMs),
            })),
        new("messages", "PROPERTIES", "one header", Properties(new MessageProperties { Headers = FieldTable.Of(("x", 1)) })),
        new(
            "messages",
            "PROPERTIES",
            "more headers than a small table",
            Properties(new MessageProperties
            {
                Headers = FieldTable.Of(Enumerable.Range(0, 20).Select(i => KeyValuePair.Create($"h{i}", FieldValue.From(i % 2 == 0)))),
            })),
    ];

    private static IEnumerable<Sample> Bbq() =>
    [
        Sample.Of("bbq", "BBQ_REQUEST", "publish", w => BbqRequest.WritePublish(w, "test-exchange"u8, "route1"u8, "hello world"u8)),
        Sample.Of("bbq", "BBQ_REQUEST", "publish 300 bytes", w => BbqRequest.WritePublish(w, ""u8, "orders"u8, Enumerable.Repeat((byte)'x', 300).ToArray())),
        Sample.Of("bbq", "BBQ_REQUEST", "consume", w => BbqRequest.WriteConsume(w, "test-queue1"u8)),
        Sample.Of("bbq", "BBQ_DELIVERY", "11 bytes", w => BbqDelivery.Write(w, "hello world"u8)),
        Sample.Of("bbq", "BBQ_DELIVERY", "251 bytes", w => BbqDelivery.Write(w, Enumerable.Repeat((byte)'y', 251).ToArray())),
        Sample.Of("bbq", "BBQ_DELIVERY", "empty", w => BbqDelivery.Write(w, [])),
    ];

    private static byte[] Properties(MessageProperties properties)
    {
        Assert.True(MessageView.TryParse(Message("", "", properties, ""), out var view, out _));
        return view.Properties.ToArray();
    }
}
