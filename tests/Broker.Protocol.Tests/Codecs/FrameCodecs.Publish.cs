using System.Text.Json.Nodes;

namespace Broker.Protocol.Tests.Codecs;

internal static partial class FrameCodecs
{
    private static FrameCodec[] Publish() =>
    [
        Of<PublisherOpenFrame>(
            "PUBLISHER_OPEN",
            FrameType.PublisherOpen,
            PublisherOpenFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject { ["producer_id"] = frame.ProducerId, ["flags"] = FieldJson.Number((ulong)frame.Flags) }),
        Of<PublisherReadyFrame>(
            "PUBLISHER_READY",
            FrameType.PublisherReady,
            PublisherReadyFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject { ["last_sequence"] = FieldJson.Number(frame.LastSequence) }),
        new("PUBLISH", DecodePublish, FrameType.Publish),
        OfRanges("CONFIRM", FrameType.Confirm, ConfirmFrame.TryRead, static (ranges, writer) => ConfirmFrame.Write(writer, ranges)),
        Of<ReturnFrame>(
            "RETURN",
            FrameType.Return,
            ReturnFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject
            {
                ["sequence"] = FieldJson.Number(frame.Sequence),
                ["code"] = FieldJson.Number((long)frame.Code),
                ["reason"] = frame.Reason,
            }),
        Of<RejectFrame>(
            "REJECT",
            FrameType.Reject,
            RejectFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject
            {
                ["sequence"] = FieldJson.Number(frame.Sequence),
                ["code"] = FieldJson.Number((long)frame.Code),
                ["reason"] = frame.Reason,
            }),
        Of<BlockedFrame>(
            "BLOCKED",
            FrameType.Blocked,
            BlockedFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject { ["reason"] = frame.Reason }),
        Of<UnblockedFrame>(
            "UNBLOCKED", FrameType.Unblocked, UnblockedFrame.TryRead, static (frame, writer) => frame.Write(writer), static frame => new JsonObject()),
    ];
}
