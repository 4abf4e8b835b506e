using System.Buffers;

namespace Broker.Protocol;

/// <summary>PUBLISH: one message (docs/protocol.md, section 7). A view into the payload; nothing is copied or allocated.</summary>
public readonly ref struct PublishFrame
{
    private const PublishFlags KnownFlags = PublishFlags.Mandatory | PublishFlags.Durable;

    private PublishFrame(ulong sequence, PublishFlags flags, ReadOnlySpan<byte> message)
    {
        Sequence = sequence;
        Flags = flags;
        Message = message;
    }

    /// <summary>The publisher's number for the message: at least 1, ascending on the stream.</summary>
    public ulong Sequence { get; }

    /// <summary>How to treat the message.</summary>
    public PublishFlags Flags { get; }

    /// <summary>The encoded message; see <see cref="MessageView"/>. Its structure has not been looked at.</summary>
    public ReadOnlySpan<byte> Message { get; }

    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out PublishFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new PublishFrame(reader.Number("sequence", min: 1), (PublishFlags)reader.Flags("flags", (ulong)KnownFlags), reader.Rest());
        return reader.End(out fault);
    }

    /// <summary>Writes a whole frame around a message that is encoded already.</summary>
    public static void Write(IBufferWriter<byte> writer, ulong sequence, PublishFlags flags, ReadOnlySpan<byte> message)
    {
        ArgumentNullException.ThrowIfNull(writer);
        FrameWriter.Write(writer, FrameType.Publish, [sequence, (ulong)flags], message);
    }

    /// <summary>Writes a whole frame and encodes the message on the way, without a copy in between.</summary>
    /// <returns>The encoded message's size in bytes.</returns>
    /// <exception cref="ArgumentException">A name or the properties are over their limit.</exception>
    public static int Write(
        IBufferWriter<byte> writer,
        ulong sequence,
        PublishFlags flags,
        string exchange,
        string routingKey,
        MessageProperties? properties,
        ReadOnlySpan<byte> body)
    {
        ArgumentNullException.ThrowIfNull(writer);
        var layout = MessageLayout.Of(exchange, routingKey, properties, body.Length);
        var span = FrameWriter.WriteFields(writer, FrameType.Publish, [sequence, (ulong)flags], layout.Size, layout.PrefixSize, out var size);
        layout.WritePrefix(span[size..], exchange, routingKey, properties);
        writer.Advance(size + layout.PrefixSize);
        writer.Write(body);
        return layout.Size;
    }
}
