using System.Buffers;

namespace Broker.Protocol;

/// <summary>The start of each stream that a client opens: its kind as a varint (docs/protocol.md, section 3).</summary>
public static class StreamHeader
{
    /// <summary>Writes the kind.</summary>
    public static void Write(IBufferWriter<byte> writer, StreamKind kind)
    {
        ArgumentNullException.ThrowIfNull(writer);
        var size = Varint.Write(writer.GetSpan(Varint.MaxSize), (ulong)kind);
        writer.Advance(size);
    }

    /// <summary>Reads the kind. Whether the number is one of <see cref="StreamKind"/> is for the caller to check.</summary>
    /// <param name="buffer">Bytes from the start of the stream.</param>
    /// <param name="kind">The number found.</param>
    /// <param name="consumed">The position after it, or the start if it is not complete.</param>
    /// <returns><c>false</c> if more bytes are needed.</returns>
    public static bool TryRead(in ReadOnlySequence<byte> buffer, out StreamKind kind, out SequencePosition consumed)
    {
        Span<byte> head = stackalloc byte[Varint.MaxSize];
        var available = (int)Math.Min(buffer.Length, Varint.MaxSize);
        buffer.Slice(0, available).CopyTo(head);
        if (!Varint.TryRead(head[..available], out var value, out var read))
        {
            kind = default;
            consumed = buffer.Start;
            return false;
        }

        kind = (StreamKind)value;
        consumed = buffer.GetPosition(read);
        return true;
    }
}
