using System.Text.Json.Nodes;

namespace Broker.Protocol.Tests.Codecs;

internal static partial class FrameCodecs
{
    private static FrameCodec[] Control() =>
    [
        Of<HelloFrame>(
            "HELLO",
            FrameType.Hello,
            HelloFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject
            {
                ["version"] = FieldJson.Number(frame.Version),
                ["client_name"] = frame.ClientName,
                ["client_version"] = frame.ClientVersion,
                ["vhost"] = frame.Vhost,
                ["max_frame_payload"] = FieldJson.Number(frame.MaxFrameBytes),
                ["max_message"] = FieldJson.Number(frame.MaxMessageBytes),
            }),
        Of<WelcomeFrame>(
            "WELCOME",
            FrameType.Welcome,
            WelcomeFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject
            {
                ["version"] = FieldJson.Number(frame.Version),
                ["node_id"] = frame.NodeId,
                ["product_version"] = frame.ProductVersion,
                ["cluster_name"] = frame.ClusterName,
                ["identity"] = frame.Identity,
                ["connection_id"] = FieldJson.Number(frame.ConnectionId),
                ["max_frame_payload"] = FieldJson.Number(frame.MaxFrameBytes),
                ["max_message"] = FieldJson.Number(frame.MaxMessageBytes),
            }),
        Of<GoAwayFrame>(
            "GOAWAY",
            FrameType.GoAway,
            GoAwayFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject { ["code"] = FieldJson.Number((long)frame.Code), ["reason"] = frame.Reason }),
        Of<ErrorFrame>(
            "ERROR",
            FrameType.Error,
            ErrorFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject { ["code"] = FieldJson.Number((long)frame.Code), ["reason"] = frame.Reason }),
    ];
}
