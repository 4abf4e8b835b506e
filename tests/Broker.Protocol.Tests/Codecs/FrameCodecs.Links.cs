using System.Buffers;
using System.Text.Json.Nodes;
using Broker.Protocol.Links;

namespace Broker.Protocol.Tests.Codecs;

internal static partial class FrameCodecs
{
    private static FrameCodec[] Links() =>
    [
        OfLinks<LinkHelloFrame>(
            "LINK_HELLO", LinkFrameType.Hello, LinkHelloFrame.TryRead, static (frame, writer) => frame.Write(writer), static frame => Describe(frame.Greeting)),
        OfLinks<LinkWelcomeFrame>(
            "LINK_WELCOME", LinkFrameType.Welcome, LinkWelcomeFrame.TryRead, static (frame, writer) => frame.Write(writer), static frame => Describe(frame.Greeting)),
        OfLinks<LinkPingFrame>(
            "LINK_PING",
            LinkFrameType.Ping,
            LinkPingFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject { ["number"] = FieldJson.Number(frame.Number) }),
        OfLinks<LinkPongFrame>(
            "LINK_PONG",
            LinkFrameType.Pong,
            LinkPongFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject { ["number"] = FieldJson.Number(frame.Number) }),
        OfLinks<ShardOpenFrame>(
            "SHARD_OPEN",
            LinkFrameType.ShardOpen,
            ShardOpenFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject { ["shard"] = FieldJson.Number(frame.Shard) }),
        new("SHARD_MESSAGE", DecodeShardMessage, (FrameType)LinkFrameType.ShardMessage) { IsOfLinks = true },
    ];

    private static FrameCodec OfLinks<T>(
        string name, LinkFrameType type, TryReadFrame<T> read, Action<T, IBufferWriter<byte>> write, Func<T, JsonObject> describe) =>
        Of(name, (FrameType)type, read, write, describe) with { IsOfLinks = true };

    private static JsonObject Describe(LinkGreeting greeting) => new()
    {
        ["version"] = FieldJson.Number(greeting.Version),
        ["cluster"] = greeting.Cluster,
        ["node"] = greeting.Node,
        ["incarnation"] = FieldJson.Number(greeting.Incarnation),
        ["store"] = greeting.Store.ToString(),
        ["max_frame_payload"] = FieldJson.Number(greeting.MaxFrameBytes),
    };

    private static bool DecodeShardMessage(ReadOnlySpan<byte> payload, JsonObject? fields, IBufferWriter<byte>? again, out FrameFault fault)
    {
        fault = default;
        fields?["message"] = FieldJson.Hex(payload);
        if (again is not null)
        {
            ShardMessageFrame.Write(again, payload);
        }

        return true;
    }
}
