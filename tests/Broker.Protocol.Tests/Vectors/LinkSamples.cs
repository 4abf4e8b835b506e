using Broker.Protocol.Links;

namespace Broker.Protocol.Tests.Vectors;

/// <summary>What the golden vectors of node links hold. They lie in a folder of their own: a client has nothing to do with them.</summary>
internal static class LinkSamples
{
    private const string File = "links/frames";

    public static IEnumerable<Sample> All =>
    [
        Sample.Of(File, "LINK_HELLO", "usual", new LinkHelloFrame(Greeting("node-1", 7_587_883_016_112_640_513)).Write),
        Sample.Of(
            File,
            "LINK_HELLO",
            "longest names, numbers at their edges",
            new LinkHelloFrame(Greeting(new string('n', 255), long.MinValue) with { Cluster = new string('c', 255), Store = Guid.Empty, MaxFrameBytes = 2048 }).Write),
        Sample.Of(File, "LINK_WELCOME", "usual", new LinkWelcomeFrame(Greeting("node-2", 7_587_883_016_112_640_514)).Write),
        Sample.Of(
            File,
            "LINK_WELCOME",
            "numbers at their other edges",
            new LinkWelcomeFrame(Greeting("n", -1) with { Cluster = "", Store = Guid.AllBitsSet, MaxFrameBytes = (1 << 30) + 1024 }).Write),
        Sample.Of(File, "LINK_PING", "first", new LinkPingFrame(1).Write),
        Sample.Of(File, "LINK_PING", "largest", new LinkPingFrame(Varint.Max).Write),
        Sample.Of(File, "LINK_PONG", "after a day", new LinkPongFrame(864_000).Write),
        Sample.Of(File, "LINK_APPLIED", "first", new LinkAppliedFrame(1).Write),
        Sample.Of(File, "LINK_APPLIED", "largest", new LinkAppliedFrame(Varint.Max).Write),
        Sample.Of(File, "SHARD_OPEN", "first", new ShardOpenFrame(0).Write),
        Sample.Of(File, "SHARD_OPEN", "last", new ShardOpenFrame(LinkInfo.MaxShard).Write),
        Sample.Of(File, "SHARD_MESSAGE", "five bytes", w => ShardMessageFrame.Write(w, "hello"u8)),
        Sample.Of(File, "SHARD_MESSAGE", "no bytes", w => ShardMessageFrame.Write(w, [])),
        Sample.Of(File, "ROUTE_OPEN", "last", new RouteOpenFrame(LinkInfo.MaxShard).Write),
        Sample.Of(File, "ROUTE_OPEN", "inboxes", new RouteOpenFrame(LinkInfo.InboxRoute).Write),
        .. Routes.Select(r => Sample.Of(File, "ROUTE_MESSAGE", r.Kind.ToString(), r.Write)),
    ];

    private static IEnumerable<RouteMessage> Routes =>
    [
        new(RouteKind.PeerOpen, 1) { Text = "orders" },
        new(RouteKind.PeerGone, Varint.Max),
        new(RouteKind.Publish, 1) { Number = 7, Text = "ann\nshop", Items = [new RouteItem(12, 0, 0, 1, "one"u8.ToArray()), new RouteItem(13, 0, 0, 0, default)] },
        new(RouteKind.Subscribe, 2)
        {
            Flags = 3, Number = 1 << 20, Items = [new RouteItem(0, 0, 0, 0, FieldTable.Of(("x-priority", FieldValue.From(-5L))).ToBytes())],
        },
        new(RouteKind.Grant, 2) { Number = 100, Second = 65_536 },
        new(RouteKind.Settle, 2) { Flags = 6, Text = "no such customer", Ranges = [new SequenceRange(1, 3), new SequenceRange(7, 7)] },
        new(RouteKind.Cancel, 2),
        new(RouteKind.Get, 3) { Flags = 1, Number = 2048 },
        new(RouteKind.Purge, 4),
        new(RouteKind.Peek, 5) { Number = 1000 },
        new(RouteKind.Start, 6),
        new(RouteKind.Delete, 7) { Flags = 2 },
        new(RouteKind.Pause, 8) { Flags = 1 },
        new(RouteKind.PeekDelayed, 9) { Number = 20 },
        new(RouteKind.Inbox, 1) { Number = 3, Text = "amq.address.ann", Items = [new RouteItem(0, 0, 0, 0, "hi"u8.ToArray())] },
        new(RouteKind.Published, 1)
        {
            Number = 7,
            Refused = [new RouteRefusal(1, 2, new FrameFault(ErrorCode.ResourceExhausted, "refused before")), new RouteRefusal(5, 1, new FrameFault(ErrorCode.ResourceExhausted, "full"))],
        },
        new(RouteKind.Parked, 1) { Number = 7, Fault = new FrameFault(ErrorCode.NoError, "is full") },
        new(RouteKind.Subscribed, 2) { Fault = new FrameFault(ErrorCode.ResourceLocked, "taken") },
        new(RouteKind.Deliver, 2) { Items = [new RouteItem(1, 9, 2, 1, "two"u8.ToArray())] },
        new(RouteKind.Settled, 2),
        new(RouteKind.Cancelled, 2),
        new(RouteKind.Refused, 2) { Fault = new FrameFault(ErrorCode.MessageTooLarge, "too large") },
        new(RouteKind.QueueGone, 2),
        new(RouteKind.Got, 3) { Number = 4, Items = [new RouteItem(1, 5, 0, 0, "three"u8.ToArray())] },
        new(RouteKind.Purged, 4) { Number = 70_000 },
        new(RouteKind.Peeked, 5) { Items = [new RouteItem(0, 1, 0, 1, "four"u8.ToArray())] },
        new(RouteKind.Started, 6) { Number = 5, Second = 2 },
        new(RouteKind.Deleted, 7) { Number = 3 },
        new(RouteKind.NotDone, 7) { Fault = new FrameFault(ErrorCode.PreconditionFailed, "not empty") },
        new(RouteKind.PeerOver, 7) { Fault = new FrameFault(ErrorCode.Unavailable, "not here") },
        new(RouteKind.Paused, 8) { Number = 1 },
        new(RouteKind.Delayed, 9) { Items = [new RouteItem(1_800_000_000_000, 1, 0, 3, "five"u8.ToArray())] },
    ];

    private static LinkGreeting Greeting(string node, long incarnation) => new()
    {
        Cluster = "broker",
        Node = node,
        Incarnation = incarnation,
        Store = new Guid("00112233-4455-6677-8899-aabbccddeeff"),
    };
}
