using System.Text.Json.Nodes;

namespace Broker.Protocol.Tests.Codecs;

internal static partial class FrameCodecs
{
    private static FrameCodec[] Admin() =>
    [
        Of<AdminRequestFrame>(
            "ADMIN_REQUEST",
            FrameType.AdminRequest,
            AdminRequestFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject
            {
                ["request_id"] = FieldJson.Number(frame.RequestId),
                ["command"] = frame.Command,
                ["json"] = FieldJson.Text(frame.Json.Span),
            }),
        Of<AdminRowFrame>(
            "ADMIN_ROW",
            FrameType.AdminRow,
            AdminRowFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject { ["request_id"] = FieldJson.Number(frame.RequestId), ["json"] = FieldJson.Text(frame.Json.Span) }),
        Of<AdminEndFrame>(
            "ADMIN_END",
            FrameType.AdminEnd,
            AdminEndFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject
            {
                ["request_id"] = FieldJson.Number(frame.RequestId),
                ["code"] = FieldJson.Number((long)frame.Code),
                ["message"] = frame.Message,
            }),
    ];
}
