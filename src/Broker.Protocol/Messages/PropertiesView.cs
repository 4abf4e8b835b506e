namespace Broker.Protocol;

/// <summary>What a broker wants to know of a message's properties (docs/protocol.md, section 5.2) before it decodes any of them. A view; nothing is copied or allocated.</summary>
public readonly ref struct PropertiesView
{
    private readonly MessagePropertiesCodec.Present _present;
    private readonly ReadOnlySpan<byte> _headers;

    private PropertiesView(MessagePropertiesCodec.Present present, byte priority, ReadOnlySpan<byte> headers)
    {
        _present = present;
        Priority = priority;
        _headers = headers;
    }

    /// <summary>The priority; 0 if there is none.</summary>
    public byte Priority { get; }

    /// <summary>Whether there are headers.</summary>
    public bool HasHeaders => !_headers.IsEmpty;

    /// <summary>Whether there is a property that a queue may act on: message id, expiration, group key or delay.</summary>
    public bool IsSpecial => (_present & (MessagePropertiesCodec.Present.MessageId | MessagePropertiesCodec.Present.Expiration
        | MessagePropertiesCodec.Present.GroupKey | MessagePropertiesCodec.Present.Delay)) != 0;

    /// <summary>Checks encoded properties wholly. No bytes at all are no properties.</summary>
    public static bool TryParse(ReadOnlySpan<byte> encoded, out PropertiesView view, out FrameFault fault)
    {
        view = default;
        fault = default;
        if (encoded.IsEmpty)
        {
            return true;
        }

        var reader = new PayloadReader(encoded);
        var present = MessagePropertiesCodec.Skip(ref reader, out var priority, out var headers);
        if (!reader.End(out fault))
        {
            return false;
        }

        view = new PropertiesView(present, priority, headers);
        return true;
    }

    /// <summary>Whether there is a header of this name.</summary>
    /// <param name="name">The name in UTF-8.</param>
    public bool HasHeader(ReadOnlySpan<byte> name)
    {
        if (_headers.IsEmpty)
        {
            return false;
        }

        var reader = new PayloadReader(_headers);
        for (var count = (int)reader.Number("headers"); count > 0; count--)
        {
            if (reader.Bytes("name", ProtocolLimits.MaxNameBytes).SequenceEqual(name))
            {
                return true;
            }

            FieldValueCodec.Skip(ref reader);
        }

        return false;
    }
}
