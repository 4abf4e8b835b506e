using System.Buffers;

namespace Broker.Protocol;

/// <summary>Writes frames: type varint, length varint, payload (docs/protocol.md, section 4).</summary>
internal static class FrameWriter
{
    /// <summary>
    /// Up to here a message is copied into the header's span in one go; beyond, in the pieces that the writer offers, so that no segment of the message's
    /// size is asked for.
    /// </summary>
    private const int OnePieceBytes = 4096;

    public static int HeaderSize(FrameType type, int payloadSize) => Varint.SizeOf((ulong)type) + Varint.SizeOf((ulong)payloadSize);

    public static int WriteHeader(Span<byte> destination, FrameType type, int payloadSize)
    {
        var size = Varint.Write(destination, (ulong)type);
        return size + Varint.Write(destination[size..], (ulong)payloadSize);
    }

    public static void Write<T>(IBufferWriter<byte> writer, FrameType type, in T frame)
        where T : IFrame
    {
        ArgumentNullException.ThrowIfNull(writer);
        var measure = PayloadWriter.Measure();
        frame.WritePayload(ref measure);

        var total = HeaderSize(type, measure.Length) + measure.Length;
        var span = writer.GetSpan(total)[..total];
        var header = WriteHeader(span, type, measure.Length);
        var payload = PayloadWriter.To(span[header..]);
        frame.WritePayload(ref payload);
        writer.Advance(total);
    }

    /// <summary>Writes a frame whose payload is some varints followed by a message.</summary>
    public static void Write(IBufferWriter<byte> writer, FrameType type, ReadOnlySpan<ulong> fields, ReadOnlySpan<byte> message)
    {
        var onePiece = message.Length <= OnePieceBytes;
        var span = WriteFields(writer, type, fields, message.Length, onePiece ? message.Length : 0, out var size);
        if (onePiece)
        {
            message.CopyTo(span[size..]);
            writer.Advance(size + message.Length);
        }
        else
        {
            writer.Advance(size);
            writer.Write(message);
        }
    }

    /// <summary>Writes header and fields into a span of the writer, without advancing it.</summary>
    public static Span<byte> WriteFields(IBufferWriter<byte> writer, FrameType type, ReadOnlySpan<ulong> fields, int messageSize, int extraSpan, out int size)
    {
        var fieldsSize = 0;
        foreach (var field in fields)
        {
            fieldsSize += Varint.SizeOf(field);
        }

        var span = writer.GetSpan((2 * Varint.MaxSize) + fieldsSize + extraSpan);
        size = WriteHeader(span, type, fieldsSize + messageSize);
        foreach (var field in fields)
        {
            size += Varint.Write(span[size..], field);
        }

        return span;
    }
}
