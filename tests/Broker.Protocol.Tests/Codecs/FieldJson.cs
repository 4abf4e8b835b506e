using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Broker.Protocol.Tests.Codecs;

/// <summary>Decoded fields as JSON that any language reads alike: integers over 2^53-1 as strings, bytes as hex.</summary>
internal static class FieldJson
{
    private const ulong MaxSafeInteger = (1UL << 53) - 1;

    public static JsonNode Number(ulong value) =>
        value <= MaxSafeInteger ? JsonValue.Create(value) : JsonValue.Create(value.ToString(CultureInfo.InvariantCulture));

    public static JsonNode Number(long value) =>
        value >= 0 ? Number((ulong)value)
        : value >= -(long)MaxSafeInteger ? JsonValue.Create(value)
        : JsonValue.Create(value.ToString(CultureInfo.InvariantCulture));

    public static JsonNode Hex(ReadOnlySpan<byte> bytes) => JsonValue.Create(Convert.ToHexStringLower(bytes));

    public static JsonNode Text(ReadOnlySpan<byte> utf8) => JsonValue.Create(Encoding.UTF8.GetString(utf8));

    public static JsonArray Ranges(List<SequenceRange> ranges) =>
        new([.. ranges.Select(static range => new JsonArray(Number(range.First), Number(range.Last)))]);

    public static JsonArray Table(FieldTable table) => new([.. table.Select(static entry =>
    {
        var item = Value(entry.Value);
        item.Insert(0, "name", entry.Key);
        return item;
    })]);

    public static JsonObject Message(ReadOnlySpan<byte> message)
    {
        Assert.True(MessageView.TryParse(message, out var view, out var fault), fault.Reason);
        return Message(view);
    }

    public static JsonObject Message(MessageView view)
    {
        var fields = new JsonObject { ["exchange"] = Text(view.Exchange), ["routing_key"] = Text(view.RoutingKey) };
        if (MessageProperties.TryRead(view.Properties, out var properties, out _))
        {
            fields["properties"] = Properties(properties);
        }

        fields["body"] = Hex(view.Body);
        return fields;
    }

    public static JsonObject Properties(MessageProperties properties)
    {
        var fields = new JsonObject();
        Add("content_type", properties.ContentType);
        Add("content_encoding", properties.ContentEncoding);
        Add("message_id", properties.MessageId);
        Add("correlation_id", properties.CorrelationId);
        Add("reply_to", properties.ReplyTo);
        Add("type", properties.Type);
        Add("app_id", properties.AppId);
        Add("timestamp_ms", properties.Timestamp is { } timestamp ? Number(timestamp.ToUnixTimeMilliseconds()) : null);
        Add("expiration_ms", properties.Expiration is { } expiration ? Number((long)expiration.TotalMilliseconds) : null);
        Add("priority", properties.Priority is { } priority ? Number((ulong)priority) : null);
        Add("group_key", properties.GroupKey);
        Add("delay_ms", properties.Delay is { } delay ? Number((long)delay.TotalMilliseconds) : null);
        Add("headers", properties.Headers.Count > 0 ? Table(properties.Headers) : null);
        return fields;

        void Add(string name, JsonNode? value)
        {
            if (value is not null)
            {
                fields[name] = value;
            }
        }
    }

    private static JsonObject Value(FieldValue value) => value.Kind switch
    {
        FieldKind.Null => new JsonObject { ["type"] = "null" },
        FieldKind.Boolean => new JsonObject { ["type"] = "boolean", ["value"] = value.AsBoolean() },
        FieldKind.Integer => new JsonObject { ["type"] = "integer", ["value"] = Number(value.AsInteger().GetValueOrDefault()) },
        FieldKind.Double => new JsonObject { ["type"] = "double", ["value"] = value.ToString() },
        FieldKind.Text => new JsonObject { ["type"] = "text", ["value"] = value.AsText() },
        FieldKind.Bytes => new JsonObject { ["type"] = "bytes", ["value"] = Hex(value.AsBytes()) },
        _ => new JsonObject { ["type"] = "list", ["value"] = new JsonArray([.. value.AsList()!.Select(Value)]) },
    };
}
