using System.Text;

namespace Broker.Protocol;

/// <summary>The sizes of a message's parts, known before its first byte is written.</summary>
internal readonly struct MessageLayout
{
    private readonly int _exchangeSize;
    private readonly int _routingKeySize;
    private readonly int _propertiesSize;

    private MessageLayout(int exchangeSize, int routingKeySize, int propertiesSize, int bodySize)
    {
        _exchangeSize = exchangeSize;
        _routingKeySize = routingKeySize;
        _propertiesSize = propertiesSize;
        PrefixSize = Sized(exchangeSize) + Sized(routingKeySize) + Sized(propertiesSize);
        Size = checked(PrefixSize + bodySize);
    }

    /// <summary>Bytes before the body.</summary>
    public int PrefixSize { get; }

    /// <summary>Bytes of the whole message.</summary>
    public int Size { get; }

    public static MessageLayout Of(string exchange, string routingKey, MessageProperties? properties, int bodySize)
    {
        ArgumentNullException.ThrowIfNull(exchange);
        ArgumentNullException.ThrowIfNull(routingKey);
        return new MessageLayout(NameSize(exchange, nameof(exchange)), NameSize(routingKey, nameof(routingKey)), properties?.EncodedSize ?? 0, bodySize);
    }

    public void WritePrefix(Span<byte> destination, string exchange, string routingKey, MessageProperties? properties)
    {
        var offset = Varint.Write(destination, (ulong)_exchangeSize);
        offset += Encoding.UTF8.GetBytes(exchange, destination[offset..]);
        offset += Varint.Write(destination[offset..], (ulong)_routingKeySize);
        offset += Encoding.UTF8.GetBytes(routingKey, destination[offset..]);
        offset += Varint.Write(destination[offset..], (ulong)_propertiesSize);
        if (_propertiesSize > 0)
        {
            properties!.WriteTo(destination.Slice(offset, _propertiesSize));
        }
    }

    private static int Sized(int length) => Varint.SizeOf((ulong)length) + length;

    private static int NameSize(string name, string parameter)
    {
        var size = Encoding.UTF8.GetByteCount(name);
        return size <= ProtocolLimits.MaxNameBytes
            ? size
            : throw new ArgumentException($"{size} bytes of UTF-8; at most {ProtocolLimits.MaxNameBytes} are allowed", parameter);
    }
}
