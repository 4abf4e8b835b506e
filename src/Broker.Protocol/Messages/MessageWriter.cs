using System.Buffers;

namespace Broker.Protocol;

/// <summary>Encodes messages (docs/protocol.md, section 5.1).</summary>
public static class MessageWriter
{
    /// <summary>Bytes that <see cref="Write"/> will write.</summary>
    /// <exception cref="ArgumentException">A name or the properties are over their limit.</exception>
    public static int Size(string exchange, string routingKey, MessageProperties? properties, int bodySize) =>
        MessageLayout.Of(exchange, routingKey, properties, bodySize).Size;

    /// <summary>Writes one message.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="exchange">The exchange; empty for the default exchange. At most 255 bytes of UTF-8.</param>
    /// <param name="routingKey">The routing key. At most 255 bytes of UTF-8.</param>
    /// <param name="properties">Properties; <c>null</c> for none. At most 64 KiB encoded.</param>
    /// <param name="body">The application's bytes.</param>
    /// <exception cref="ArgumentException">A name or the properties are over their limit.</exception>
    public static void Write(IBufferWriter<byte> writer, string exchange, string routingKey, MessageProperties? properties, ReadOnlySpan<byte> body)
    {
        ArgumentNullException.ThrowIfNull(writer);
        var layout = MessageLayout.Of(exchange, routingKey, properties, body.Length);
        layout.WritePrefix(writer.GetSpan(layout.PrefixSize), exchange, routingKey, properties);
        writer.Advance(layout.PrefixSize);
        writer.Write(body);
    }
}
