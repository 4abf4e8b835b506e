using System.Globalization;
using System.Text;
using System.Text.Json;
using Broker.Pbm.Session;
using Broker.Protocol;

namespace Broker.Pbm.Messages;

/// <summary>A message as JSON: <c>body</c> if it is UTF-8, else <c>bodyBase64</c>; absent properties are left out.</summary>
internal static class MessageJson
{
    private static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static void Write(Utf8JsonWriter writer, IncomingMessage message)
    {
        writer.WriteStartObject();
        writer.WriteString("exchange", message.Exchange);
        writer.WriteString("routingKey", message.RoutingKey);
        writer.WriteBoolean("redelivered", message.Redelivered);
        writer.WriteNumber("deliveryCount", message.DeliveryCount);
        if (message.Offset is { } offset)
        {
            writer.WriteNumber("offset", offset);
        }

        writer.WriteStartObject("properties");
        WriteProperties(writer, message.Properties);
        writer.WriteEndObject();
        WriteBody(writer, message.Body.Span);
        writer.WriteEndObject();
    }

    private static void WriteBody(Utf8JsonWriter writer, ReadOnlySpan<byte> body)
    {
        try
        {
            writer.WriteString("body", s_strictUtf8.GetString(body));
        }
        catch (DecoderFallbackException)
        {
            writer.WriteBase64String("bodyBase64", body);
        }
    }

    private static void WriteProperties(Utf8JsonWriter writer, MessageProperties properties)
    {
        WriteText(writer, "contentType", properties.ContentType);
        WriteText(writer, "contentEncoding", properties.ContentEncoding);
        WriteText(writer, "messageId", properties.MessageId);
        WriteText(writer, "correlationId", properties.CorrelationId);
        WriteText(writer, "replyTo", properties.ReplyTo);
        WriteText(writer, "type", properties.Type);
        WriteText(writer, "appId", properties.AppId);
        WriteText(writer, "timestamp", properties.Timestamp?.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture));
        WriteNumber(writer, "expirationMs", (long?)properties.Expiration?.TotalMilliseconds);
        WriteNumber(writer, "priority", properties.Priority);
        WriteText(writer, "groupKey", properties.GroupKey);
        WriteNumber(writer, "delayMs", (long?)properties.Delay?.TotalMilliseconds);
        if (properties.Headers.Count > 0)
        {
            writer.WriteStartObject("headers");
            foreach (var header in properties.Headers)
            {
                writer.WritePropertyName(header.Key);
                WriteValue(writer, header.Value);
            }

            writer.WriteEndObject();
        }
    }

    private static void WriteText(Utf8JsonWriter writer, string name, string? value)
    {
        if (value is not null)
        {
            writer.WriteString(name, value);
        }
    }

    private static void WriteNumber(Utf8JsonWriter writer, string name, long? value)
    {
        if (value is not null)
        {
            writer.WriteNumber(name, value.Value);
        }
    }

    private static void WriteValue(Utf8JsonWriter writer, FieldValue value)
    {
        switch (value.Kind)
        {
            case FieldKind.Boolean:
                writer.WriteBooleanValue(value.AsBoolean()!.Value);
                break;
            case FieldKind.Integer:
                writer.WriteNumberValue(value.AsInteger()!.Value);
                break;
            case FieldKind.Double when double.IsFinite(value.AsDouble()!.Value):
                writer.WriteNumberValue(value.AsDouble()!.Value);
                break;
            case FieldKind.Double: // JSON has no infinity
                writer.WriteStringValue(value.ToString());
                break;
            case FieldKind.Text:
                writer.WriteStringValue(value.AsText());
                break;
            case FieldKind.Bytes:
                writer.WriteBase64StringValue(value.AsBytes());
                break;
            case FieldKind.List:
                writer.WriteStartArray();
                foreach (var item in value.AsList()!)
                {
                    WriteValue(writer, item);
                }

                writer.WriteEndArray();
                break;
            default:
                writer.WriteNullValue();
                break;
        }
    }
}
