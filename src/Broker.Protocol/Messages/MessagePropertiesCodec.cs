namespace Broker.Protocol;

/// <summary>Properties as bytes: a bit set of those present, then each in the order of its bit (docs/protocol.md, section 5.2).</summary>
internal static class MessagePropertiesCodec
{
    [Flags]
    internal enum Present : ulong
    {
        ContentType = 1 << 0,
        ContentEncoding = 1 << 1,
        MessageId = 1 << 2,
        CorrelationId = 1 << 3,
        ReplyTo = 1 << 4,
        Type = 1 << 5,
        AppId = 1 << 6,
        Timestamp = 1 << 7,
        Expiration = 1 << 8,
        Priority = 1 << 9,
        GroupKey = 1 << 10,
        Delay = 1 << 11,
        Headers = 1 << 12,
        All = (1 << 13) - 1,
    }

    public static MessageProperties Read(ref PayloadReader reader)
    {
        var present = ReadMask(ref reader);
        return new MessageProperties
        {
            ContentType = Text(ref reader, present, Present.ContentType, "content type"),
            ContentEncoding = Text(ref reader, present, Present.ContentEncoding, "content encoding"),
            MessageId = Text(ref reader, present, Present.MessageId, "message id"),
            CorrelationId = Text(ref reader, present, Present.CorrelationId, "correlation id"),
            ReplyTo = Text(ref reader, present, Present.ReplyTo, "reply to"),
            Type = Text(ref reader, present, Present.Type, "type"),
            AppId = Text(ref reader, present, Present.AppId, "app id"),
            Timestamp = present.HasFlag(Present.Timestamp)
                ? DateTimeOffset.FromUnixTimeMilliseconds((long)reader.Number("timestamp", ProtocolLimits.MaxTimestampMs)) : null,
            Expiration = Duration(ref reader, present, Present.Expiration, "expiration"),
            Priority = present.HasFlag(Present.Priority) ? (byte)reader.Number("priority", byte.MaxValue) : null,
            GroupKey = Text(ref reader, present, Present.GroupKey, "group key"),
            Delay = Duration(ref reader, present, Present.Delay, "delay"),
            Headers = present.HasFlag(Present.Headers) ? FieldTable.Read(ref reader, "headers") : FieldTable.Empty,
        };
    }

    /// <summary>Moves past properties and checks them, and notes what a broker acts on.</summary>
    /// <param name="reader">Stands before them, and behind them afterwards.</param>
    /// <param name="priority">The priority; 0 if there is none.</param>
    /// <param name="headers">The encoded table; empty if there is none.</param>
    /// <returns>Which there are.</returns>
    public static Present Skip(scoped ref PayloadReader reader, out byte priority, out ReadOnlySpan<byte> headers)
    {
        priority = 0;
        headers = default;
        var present = ReadMask(ref reader);
        for (var bit = Present.ContentType; bit <= Present.Headers && !reader.Failed; bit = (Present)((ulong)bit << 1))
        {
            if ((present & bit) == 0)
            {
                continue;
            }

            switch (bit)
            {
                case Present.Timestamp:
                    reader.Number("timestamp", ProtocolLimits.MaxTimestampMs);
                    break;
                case Present.Expiration or Present.Delay:
                    reader.Number("duration", ProtocolLimits.MaxDurationMs);
                    break;
                case Present.Priority:
                    priority = (byte)reader.Number("priority", byte.MaxValue);
                    break;
                case Present.Headers:
                    headers = reader.Peek();
                    FieldTable.Skip(ref reader, "headers");
                    headers = headers[..(reader.Failed ? 0 : headers.Length - reader.Remaining)];
                    break;
                default:
                    reader.Utf8Bytes("property", ProtocolLimits.MaxNameBytes);
                    break;
            }
        }

        return present;
    }

    public static void Write(ref PayloadWriter writer, MessageProperties properties)
    {
        var present = PresentIn(properties);
        if (present == 0)
        {
            return;
        }

        writer.Number((ulong)present);
        Text(ref writer, nameof(properties.ContentType), properties.ContentType);
        Text(ref writer, nameof(properties.ContentEncoding), properties.ContentEncoding);
        Text(ref writer, nameof(properties.MessageId), properties.MessageId);
        Text(ref writer, nameof(properties.CorrelationId), properties.CorrelationId);
        Text(ref writer, nameof(properties.ReplyTo), properties.ReplyTo);
        Text(ref writer, nameof(properties.Type), properties.Type);
        Text(ref writer, nameof(properties.AppId), properties.AppId);
        if (properties.Timestamp is { } timestamp)
        {
            writer.Number(InRange(nameof(properties.Timestamp), timestamp.ToUnixTimeMilliseconds(), ProtocolLimits.MaxTimestampMs));
        }

        Duration(ref writer, nameof(properties.Expiration), properties.Expiration);
        if (properties.Priority is { } priority)
        {
            writer.Number(priority);
        }

        Text(ref writer, nameof(properties.GroupKey), properties.GroupKey);
        Duration(ref writer, nameof(properties.Delay), properties.Delay);
        if (properties.Headers.Count > 0)
        {
            properties.Headers.Write(ref writer);
        }
    }

    private static Present PresentIn(MessageProperties properties)
    {
        Present present = 0;
        present |= properties.ContentType is null ? 0 : Present.ContentType;
        present |= properties.ContentEncoding is null ? 0 : Present.ContentEncoding;
        present |= properties.MessageId is null ? 0 : Present.MessageId;
        present |= properties.CorrelationId is null ? 0 : Present.CorrelationId;
        present |= properties.ReplyTo is null ? 0 : Present.ReplyTo;
        present |= properties.Type is null ? 0 : Present.Type;
        present |= properties.AppId is null ? 0 : Present.AppId;
        present |= properties.Timestamp is null ? 0 : Present.Timestamp;
        present |= properties.Expiration is null ? 0 : Present.Expiration;
        present |= properties.Priority is null ? 0 : Present.Priority;
        present |= properties.GroupKey is null ? 0 : Present.GroupKey;
        present |= properties.Delay is null ? 0 : Present.Delay;
        present |= properties.Headers.Count == 0 ? 0 : Present.Headers;
        return present;
    }

    private static Present ReadMask(ref PayloadReader reader)
    {
        var mask = reader.Flags("properties", (ulong)Present.All);
        if (mask == 0)
        {
            reader.Fail("properties: an empty bit set; leave the bytes out instead");
        }

        return (Present)mask;
    }

    private static string? Text(ref PayloadReader reader, Present present, Present bit, string field) =>
        (present & bit) != 0 ? reader.Name(field) : null;

    private static TimeSpan? Duration(ref PayloadReader reader, Present present, Present bit, string field) =>
        (present & bit) != 0 ? TimeSpan.FromMilliseconds((long)reader.Number(field, ProtocolLimits.MaxDurationMs)) : null;

    private static void Text(ref PayloadWriter writer, string field, string? value)
    {
        if (value is not null)
        {
            writer.Name(field, value);
        }
    }

    private static void Duration(ref PayloadWriter writer, string field, TimeSpan? value)
    {
        if (value is { } duration)
        {
            writer.Number(InRange(field, duration.Ticks / TimeSpan.TicksPerMillisecond, ProtocolLimits.MaxDurationMs));
        }
    }

    private static ulong InRange(string field, long milliseconds, ulong max) => milliseconds >= 0 && (ulong)milliseconds <= max
        ? (ulong)milliseconds
        : throw new ArgumentException($"{milliseconds} ms; 0 to {max} are allowed", field);
}
