namespace Broker.Protocol;

/// <summary>
/// What an application says about its message (docs/protocol.md, section 5.2). Immutable. Every text is at most 255 bytes of UTF-8, all properties together
/// at most
/// 64 KiB encoded; <c>null</c> means absent. The broker itself acts on <see cref="Expiration"/>, <see cref="Priority"/>, <see cref="GroupKey"/> and
/// <see cref="Delay"/> where a queue has that feature, and carries everything else unchanged.
/// </summary>
public sealed record MessageProperties
{
    /// <summary>MIME type of the body.</summary>
    public string? ContentType { get; init; }

    /// <summary>Encoding of the body, such as <c>gzip</c>.</summary>
    public string? ContentEncoding { get; init; }

    /// <summary>The application's id of the message.</summary>
    public string? MessageId { get; init; }

    /// <summary>What this message answers or belongs to.</summary>
    public string? CorrelationId { get; init; }

    /// <summary>Where to send answers.</summary>
    public string? ReplyTo { get; init; }

    /// <summary>The application's type of message.</summary>
    public string? Type { get; init; }

    /// <summary>The application that sent it.</summary>
    public string? AppId { get; init; }

    /// <summary>When it was made; milliseconds are kept, the rest is cut. From 1970 to the end of 9999.</summary>
    public DateTimeOffset? Timestamp { get; init; }

    /// <summary>How long it may wait in a queue; milliseconds are kept. Zero to 100 years.</summary>
    public TimeSpan? Expiration { get; init; }

    /// <summary>Urgency: 0 to 255, higher first.</summary>
    public byte? Priority { get; init; }

    /// <summary>Messages of one group keep their order where a queue shares work by group.</summary>
    public string? GroupKey { get; init; }

    /// <summary>How long to hold it back; milliseconds are kept. Zero to 100 years.</summary>
    public TimeSpan? Delay { get; init; }

    /// <summary>The application's own fields. Default: none.</summary>
    public FieldTable Headers { get; init; } = FieldTable.Empty;

    /// <summary>Bytes of the encoding; 0 if nothing is present.</summary>
    /// <exception cref="ArgumentException">A property is over its limit.</exception>
    internal int EncodedSize
    {
        get
        {
            var measure = PayloadWriter.Measure();
            MessagePropertiesCodec.Write(ref measure, this);
            return measure.Length <= ProtocolLimits.MaxPropertiesBytes
                ? measure.Length
                : throw new ArgumentException($"properties of {measure.Length} bytes; at most {ProtocolLimits.MaxPropertiesBytes} are allowed");
        }
    }

    /// <summary>Reads encoded properties. No bytes at all are no properties.</summary>
    public static bool TryRead(ReadOnlySpan<byte> encoded, out MessageProperties properties, out FrameFault fault)
    {
        properties = s_none;
        fault = default;
        if (encoded.IsEmpty)
        {
            return true;
        }

        var reader = new PayloadReader(encoded);
        var result = MessagePropertiesCodec.Read(ref reader);
        if (!reader.End(out fault))
        {
            return false;
        }

        properties = result;
        return true;
    }

    /// <summary>
    /// Checks encoded properties as <see cref="TryRead"/> does, without making an object of them; a server does this once, when a message comes in.
    /// </summary>
    public static bool TryValidate(ReadOnlySpan<byte> encoded, out FrameFault fault) => PropertiesView.TryParse(encoded, out _, out fault);

    internal void WriteTo(Span<byte> destination)
    {
        var writer = PayloadWriter.To(destination);
        MessagePropertiesCodec.Write(ref writer, this);
    }

    private static readonly MessageProperties s_none = new();
}
