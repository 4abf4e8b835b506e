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
        OfLinks<LinkAppliedFrame>(
            "LINK_APPLIED",
            LinkFrameType.Applied,
            LinkAppliedFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject { ["revision"] = FieldJson.Number(frame.Revision) }),
        OfLinks<ShardOpenFrame>(
            "SHARD_OPEN",
            LinkFrameType.ShardOpen,
            ShardOpenFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject { ["shard"] = FieldJson.Number(frame.Shard) }),
        OfLinks<RouteOpenFrame>(
            "ROUTE_OPEN",
            LinkFrameType.RouteOpen,
            RouteOpenFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject { ["shard"] = FieldJson.Number(frame.Shard) }),
        new("ROUTE_MESSAGE", DecodeRouteMessage, (FrameType)LinkFrameType.RouteMessage) { IsOfLinks = true },
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

    private static bool DecodeRouteMessage(ReadOnlySpan<byte> payload, JsonObject? fields, IBufferWriter<byte>? again, out FrameFault fault)
    {
        if (!RouteMessage.TryRead(payload.ToArray(), out var message, out fault))
        {
            return false;
        }

        if (fields is not null)
        {
            Describe(message, fields);
        }

        if (again is not null)
        {
            message.Write(again);
        }

        return true;
    }

    private static void Describe(RouteMessage message, JsonObject fields)
    {
        fields["kind"] = message.Kind.ToString();
        fields["peer"] = FieldJson.Number(message.Peer);
        fields["number"] = FieldJson.Number(message.Number);
        fields["second"] = FieldJson.Number(message.Second);
        fields["flags"] = FieldJson.Number(message.Flags);
        fields["text"] = message.Text;
        fields["fault"] = message.Fault is { } why ? new JsonObject { ["code"] = FieldJson.Number((ulong)why.Code), ["reason"] = why.Reason } : null;
        fields["ranges"] = new JsonArray([.. message.Ranges.Select(r => (JsonNode)new JsonArray(FieldJson.Number(r.First), FieldJson.Number(r.Last)))]);
        fields["items"] = new JsonArray([.. message.Items.Select(i => (JsonNode)new JsonObject
        {
            ["number"] = FieldJson.Number(i.Number),
            ["position"] = FieldJson.Number(i.Position),
            ["delivery_count"] = FieldJson.Number(i.DeliveryCount),
            ["meta"] = FieldJson.Number(i.Meta),
            ["message"] = FieldJson.Hex(i.Bytes.Span),
        })]);
    }

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
