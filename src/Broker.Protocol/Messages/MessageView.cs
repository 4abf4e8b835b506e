namespace Broker.Protocol;

/// <summary>
/// The parts of an encoded message (docs/protocol.md, section 5.1): one encoding on the wire, in the log and between nodes. A view; nothing is copied or
/// allocated.
/// </summary>
public readonly ref struct MessageView
{
    private MessageView(ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey, ReadOnlySpan<byte> properties, ReadOnlySpan<byte> body)
    {
        Exchange = exchange;
        RoutingKey = routingKey;
        Properties = properties;
        Body = body;
    }

    /// <summary>UTF-8 name of the exchange that it was published to; empty is the default exchange.</summary>
    public ReadOnlySpan<byte> Exchange { get; }

    /// <summary>UTF-8 routing key.</summary>
    public ReadOnlySpan<byte> RoutingKey { get; }

    /// <summary>Encoded properties, empty if there are none; see <see cref="MessageProperties"/>. Not looked at beyond their length.</summary>
    public ReadOnlySpan<byte> Properties { get; }

    /// <summary>The application's bytes.</summary>
    public ReadOnlySpan<byte> Body { get; }

    /// <summary>
    /// Finds the parts and checks lengths and the UTF-8 of both names. Whether the whole message is within the negotiated limit is for the caller to check.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> message, out MessageView view, out FrameFault fault)
    {
        var reader = new PayloadReader(message);
        view = new MessageView(
            reader.Utf8Bytes("exchange", ProtocolLimits.MaxNameBytes),
            reader.Utf8Bytes("routing key", ProtocolLimits.MaxNameBytes),
            reader.Bytes("properties", ProtocolLimits.MaxPropertiesBytes),
            reader.Rest());
        return reader.End(out fault);
    }
}
