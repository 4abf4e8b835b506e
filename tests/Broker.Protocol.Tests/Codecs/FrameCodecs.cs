using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Broker.Protocol.Bbq;

namespace Broker.Protocol.Tests.Codecs;

/// <summary>Every decoder of the protocol. A test checks that no frame type is missing.</summary>
internal static partial class FrameCodecs
{
    private delegate bool TryReadFrame<T>(ReadOnlySpan<byte> payload, out T? frame, out FrameFault fault);

    private delegate bool TryReadRanges(ReadOnlySpan<byte> payload, List<SequenceRange> ranges, out FrameFault fault);

    private delegate void WriteRanges(ReadOnlySpan<SequenceRange> ranges, IBufferWriter<byte> writer);

    public static IReadOnlyList<FrameCodec> All { get; } =
        [.. Control(), .. Publish(), .. Consume(), .. Request(), .. Admin(), .. Parts(), .. Links()];

    public static TheoryData<string> Names => [.. All.Select(static codec => codec.Name)];

    public static FrameCodec Named(string name) => All.Single(codec => codec.Name == name);

    private static FrameCodec[] Parts() =>
    [
        new("MESSAGE", DecodeMessage),
        new("PROPERTIES", DecodeProperties),
        new("BBQ_REQUEST", DecodeBbqRequest),
        new("BBQ_DELIVERY", DecodeBbqDelivery),
    ];

    private static FrameCodec Of<T>(
        string name, FrameType type, TryReadFrame<T> read, Action<T, IBufferWriter<byte>> write, Func<T, JsonObject> describe)
    {
        return new FrameCodec(name, Decode, type);

        bool Decode(ReadOnlySpan<byte> payload, JsonObject? fields, IBufferWriter<byte>? again, out FrameFault fault)
        {
            if (!read(payload, out var frame, out fault))
            {
                return false;
            }

            if (fields is not null)
            {
                Copy(describe(frame!), fields);
            }

            if (again is not null)
            {
                write(frame!, again);
            }

            return true;
        }
    }

    private static FrameCodec OfRanges(string name, FrameType type, TryReadRanges read, WriteRanges write)
    {
        var ranges = new List<SequenceRange>();
        return new FrameCodec(name, Decode, type);

        bool Decode(ReadOnlySpan<byte> payload, JsonObject? fields, IBufferWriter<byte>? again, out FrameFault fault)
        {
            if (!read(payload, ranges, out fault))
            {
                return false;
            }

            fields?["ranges"] = FieldJson.Ranges(ranges);
            if (again is not null)
            {
                write(ranges.ToArray(), again);
            }

            return true;
        }
    }

    private static bool DecodePublish(ReadOnlySpan<byte> payload, JsonObject? fields, IBufferWriter<byte>? again, out FrameFault fault)
    {
        if (!PublishFrame.TryRead(payload, out var frame, out fault))
        {
            return false;
        }

        fields?["sequence"] = FieldJson.Number(frame.Sequence);
        fields?["flags"] = FieldJson.Number((ulong)frame.Flags);
        Describe(frame.Message, fields);
        if (again is not null)
        {
            PublishFrame.Write(again, frame.Sequence, frame.Flags, frame.Message);
        }

        return true;
    }

    private static bool DecodeDeliver(ReadOnlySpan<byte> payload, JsonObject? fields, IBufferWriter<byte>? again, out FrameFault fault)
    {
        if (!DeliverFrame.TryRead(payload, out var frame, out fault))
        {
            return false;
        }

        fields?["delivery_tag"] = FieldJson.Number(frame.Tag);
        fields?["flags"] = FieldJson.Number((ulong)frame.Flags);
        fields?["delivery_count"] = FieldJson.Number(frame.DeliveryCount);
        if (frame.Flags.HasFlag(DeliverFlags.Offset))
        {
            fields?["offset"] = FieldJson.Number(frame.Offset);
        }

        Describe(frame.Message, fields);
        if (again is not null)
        {
            if (frame.Flags.HasFlag(DeliverFlags.Offset))
            {
                DeliverFrame.WriteWithOffset(again, frame.Tag, frame.Flags, frame.Offset, frame.Message);
            }
            else
            {
                DeliverFrame.Write(again, frame.Tag, frame.Flags, frame.DeliveryCount, frame.Message);
            }
        }

        return true;
    }

    private static bool DecodeSettle(ReadOnlySpan<byte> payload, JsonObject? fields, IBufferWriter<byte>? again, out FrameFault fault)
    {
        var ranges = new List<SequenceRange>();
        if (!SettleFrame.TryRead(payload, out var outcome, ranges, out var reason, out fault))
        {
            return false;
        }

        fields?["outcome"] = FieldJson.Number((ulong)outcome);
        fields?["ranges"] = FieldJson.Ranges(ranges);
        fields?["reason"] = reason;
        if (again is not null)
        {
            SettleFrame.Write(again, outcome, ranges.ToArray(), reason);
        }

        return true;
    }

    private static bool DecodeGetOk(ReadOnlySpan<byte> payload, JsonObject? fields, IBufferWriter<byte>? again, out FrameFault fault)
    {
        if (!GetOkFrame.TryRead(payload, out var frame, out fault))
        {
            return false;
        }

        fields?["request_id"] = FieldJson.Number(frame.RequestId);
        fields?["delivery_tag"] = FieldJson.Number(frame.Tag);
        fields?["flags"] = FieldJson.Number((ulong)frame.Flags);
        fields?["delivery_count"] = FieldJson.Number(frame.DeliveryCount);
        fields?["messages_remaining"] = FieldJson.Number(frame.MessagesRemaining);
        Describe(frame.Message, fields);
        if (again is not null)
        {
            GetOkFrame.Write(again, frame.RequestId, frame.Tag, frame.Flags, frame.DeliveryCount, frame.MessagesRemaining, frame.Message);
        }

        return true;
    }

    private static bool DecodeMessage(ReadOnlySpan<byte> payload, JsonObject? fields, IBufferWriter<byte>? again, out FrameFault fault)
    {
        if (!MessageView.TryParse(payload, out var view, out fault))
        {
            return false;
        }

        if (!MessageProperties.TryRead(view.Properties, out var properties, out fault))
        {
            return false;
        }

        if (fields is not null)
        {
            Copy(FieldJson.Message(view), fields);
        }

        if (again is not null)
        {
            MessageWriter.Write(again, Encoding.UTF8.GetString(view.Exchange), Encoding.UTF8.GetString(view.RoutingKey), properties, view.Body);
        }

        return true;
    }

    private static bool DecodeProperties(ReadOnlySpan<byte> payload, JsonObject? fields, IBufferWriter<byte>? again, out FrameFault fault)
    {
        var read = MessageProperties.TryRead(payload, out var properties, out fault);
        Assert.Equal(read, MessageProperties.TryValidate(payload, out _));
        if (!read)
        {
            return false;
        }

        if (fields is not null)
        {
            Copy(FieldJson.Properties(properties), fields);
        }

        if (again is not null)
        {
            // Properties have no encoder of their own: they are written as part of a message.
            var message = new ArrayBufferWriter<byte>();
            MessageWriter.Write(message, "", "", properties, []);
            Assert.True(MessageView.TryParse(message.WrittenSpan, out var view, out _));
            again.Write(view.Properties);
        }

        return true;
    }

    private static bool DecodeBbqRequest(ReadOnlySpan<byte> payload, JsonObject? fields, IBufferWriter<byte>? again, out FrameFault fault)
    {
        if (!BbqRequest.TryRead(payload, out var request, out fault))
        {
            return false;
        }

        fields?["kind"] = FieldJson.Number((ulong)request.Kind);
        if (request.Kind == BbqRequestKind.Publish)
        {
            fields?["exchange"] = FieldJson.Text(request.Exchange);
            fields?["routing_key"] = FieldJson.Text(request.RoutingKey);
            fields?["message"] = FieldJson.Hex(request.Message);
            if (again is not null)
            {
                BbqRequest.WritePublish(again, request.Exchange, request.RoutingKey, request.Message);
            }
        }
        else
        {
            fields?["queue"] = FieldJson.Text(request.Queue);
            if (again is not null)
            {
                BbqRequest.WriteConsume(again, request.Queue);
            }
        }

        return true;
    }

    private static bool DecodeBbqDelivery(ReadOnlySpan<byte> payload, JsonObject? fields, IBufferWriter<byte>? again, out FrameFault fault)
    {
        if (!BbqDelivery.TryRead(payload, out var body, out fault))
        {
            return false;
        }

        fields?["body"] = FieldJson.Hex(body);
        if (again is not null)
        {
            BbqDelivery.Write(again, body);
        }

        return true;
    }

    /// <summary>A message inside a frame is a decoder of its own; here it may be anything.</summary>
    private static void Describe(ReadOnlySpan<byte> message, JsonObject? fields)
    {
        if (fields is not null)
        {
            fields["message"] = MessageView.TryParse(message, out var view, out _) ? FieldJson.Message(view) : FieldJson.Hex(message);
        }
    }

    private static void Copy(JsonObject from, JsonObject to)
    {
        foreach (var (name, value) in from.ToArray())
        {
            from.Remove(name);
            to[name] = value;
        }
    }
}
