using System.Text.Json.Nodes;

namespace Broker.Protocol.Tests.Codecs;

internal static partial class FrameCodecs
{
    private static FrameCodec[] Consume() =>
    [
        Of<SubscribeFrame>(
            "SUBSCRIBE",
            FrameType.Subscribe,
            SubscribeFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject
            {
                ["queue"] = frame.Queue,
                ["consumer_tag"] = frame.ConsumerTag,
                ["flags"] = FieldJson.Number((ulong)frame.Flags),
                ["credit_messages"] = FieldJson.Number(frame.CreditMessages),
                ["credit_bytes"] = FieldJson.Number(frame.CreditBytes),
                ["arguments"] = FieldJson.Table(frame.Arguments),
            }),
        Of<SubscribedFrame>(
            "SUBSCRIBED",
            FrameType.Subscribed,
            SubscribedFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject { ["consumer_tag"] = frame.ConsumerTag }),
        new("DELIVER", DecodeDeliver, FrameType.Deliver),
        Of<CreditFrame>(
            "CREDIT",
            FrameType.Credit,
            CreditFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject { ["messages"] = FieldJson.Number(frame.Messages), ["bytes"] = FieldJson.Number(frame.Bytes) }),
        new("SETTLE", DecodeSettle, FrameType.Settle),
        OfRanges("SETTLED", FrameType.Settled, SettledFrame.TryRead, static (ranges, writer) => SettledFrame.Write(writer, ranges)),
        Of<CancelFrame>("CANCEL", FrameType.Cancel, CancelFrame.TryRead, static (frame, writer) => frame.Write(writer), static frame => new JsonObject()),
        Of<CancelledFrame>(
            "CANCELLED",
            FrameType.Cancelled,
            CancelledFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject { ["code"] = FieldJson.Number((long)frame.Code), ["reason"] = frame.Reason }),
    ];
}
