using System.Text.Json.Nodes;

namespace Broker.Protocol.Tests.Codecs;

internal static partial class FrameCodecs
{
    private static FrameCodec[] Request() =>
    [
        Of<DeclareExchangeFrame>(
            "DECLARE_EXCHANGE",
            FrameType.DeclareExchange,
            DeclareExchangeFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject
            {
                ["request_id"] = FieldJson.Number(frame.RequestId),
                ["name"] = frame.Name,
                ["type"] = frame.Type,
                ["flags"] = FieldJson.Number((ulong)frame.Flags),
                ["arguments"] = FieldJson.Table(frame.Arguments),
            }),
        Of<DeleteExchangeFrame>(
            "DELETE_EXCHANGE",
            FrameType.DeleteExchange,
            DeleteExchangeFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject
            {
                ["request_id"] = FieldJson.Number(frame.RequestId),
                ["name"] = frame.Name,
                ["flags"] = FieldJson.Number((ulong)frame.Flags),
            }),
        Of<DeclareQueueFrame>(
            "DECLARE_QUEUE",
            FrameType.DeclareQueue,
            DeclareQueueFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject
            {
                ["request_id"] = FieldJson.Number(frame.RequestId),
                ["name"] = frame.Name,
                ["flags"] = FieldJson.Number((ulong)frame.Flags),
                ["arguments"] = FieldJson.Table(frame.Arguments),
            }),
        Of<DeleteQueueFrame>(
            "DELETE_QUEUE",
            FrameType.DeleteQueue,
            DeleteQueueFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject
            {
                ["request_id"] = FieldJson.Number(frame.RequestId),
                ["name"] = frame.Name,
                ["flags"] = FieldJson.Number((ulong)frame.Flags),
            }),
        Of<PurgeQueueFrame>(
            "PURGE_QUEUE",
            FrameType.PurgeQueue,
            PurgeQueueFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject { ["request_id"] = FieldJson.Number(frame.RequestId), ["name"] = frame.Name }),
        Of<BindFrame>(
            "BIND",
            FrameType.Bind,
            BindFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject
            {
                ["request_id"] = FieldJson.Number(frame.RequestId),
                ["exchange"] = frame.Exchange,
                ["destination_kind"] = FieldJson.Number((ulong)frame.DestinationKind),
                ["destination"] = frame.Destination,
                ["routing_key"] = frame.RoutingKey,
                ["arguments"] = FieldJson.Table(frame.Arguments),
            }),
        Of<UnbindFrame>(
            "UNBIND",
            FrameType.Unbind,
            UnbindFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject
            {
                ["request_id"] = FieldJson.Number(frame.RequestId),
                ["exchange"] = frame.Exchange,
                ["destination_kind"] = FieldJson.Number((ulong)frame.DestinationKind),
                ["destination"] = frame.Destination,
                ["routing_key"] = frame.RoutingKey,
                ["arguments"] = FieldJson.Table(frame.Arguments),
            }),
        Of<GetFrame>(
            "GET",
            FrameType.Get,
            GetFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject
            {
                ["request_id"] = FieldJson.Number(frame.RequestId),
                ["queue"] = frame.Queue,
                ["flags"] = FieldJson.Number((ulong)frame.Flags),
            }),
        Of<OkFrame>(
            "OK",
            FrameType.Ok,
            OkFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject { ["request_id"] = FieldJson.Number(frame.RequestId) }),
        Of<QueueOkFrame>(
            "QUEUE_OK",
            FrameType.QueueOk,
            QueueOkFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject
            {
                ["request_id"] = FieldJson.Number(frame.RequestId),
                ["name"] = frame.Name,
                ["messages"] = FieldJson.Number(frame.Messages),
                ["consumers"] = FieldJson.Number(frame.Consumers),
                ["leader"] = frame.Leader,
            }),
        Of<CountOkFrame>(
            "COUNT_OK",
            FrameType.CountOk,
            CountOkFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject { ["request_id"] = FieldJson.Number(frame.RequestId), ["count"] = FieldJson.Number(frame.Count) }),
        new("GET_OK", DecodeGetOk, FrameType.GetOk),
        Of<GetEmptyFrame>(
            "GET_EMPTY",
            FrameType.GetEmpty,
            GetEmptyFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject { ["request_id"] = FieldJson.Number(frame.RequestId) }),
        Of<RequestErrorFrame>(
            "REQUEST_ERROR",
            FrameType.RequestError,
            RequestErrorFrame.TryRead,
            static (frame, writer) => frame.Write(writer),
            static frame => new JsonObject
            {
                ["request_id"] = FieldJson.Number(frame.RequestId),
                ["code"] = FieldJson.Number((long)frame.Code),
                ["reason"] = frame.Reason,
            }),
    ];
}
