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
        Sample.Of(File, "SHARD_OPEN", "first", new ShardOpenFrame(0).Write),
        Sample.Of(File, "SHARD_OPEN", "last", new ShardOpenFrame(LinkInfo.MaxShard).Write),
        Sample.Of(File, "SHARD_MESSAGE", "five bytes", w => ShardMessageFrame.Write(w, "hello"u8)),
        Sample.Of(File, "SHARD_MESSAGE", "no bytes", w => ShardMessageFrame.Write(w, [])),
    ];

    private static LinkGreeting Greeting(string node, long incarnation) => new()
    {
        Cluster = "broker",
        Node = node,
        Incarnation = incarnation,
        Store = new Guid("00112233-4455-6677-8899-aabbccddeeff"),
    };
}
