using System.Buffers;
using System.Buffers.Binary;

namespace Broker.Protocol.Bbq;

/// <summary>The length prefix of <c>bbq</c>: eight bytes, little-endian, then so many bytes (docs/protocol.md, section 15).</summary>
public static class BbqFraming
{
    /// <summary>The TLS application protocol (RFC 7301).</summary>
    public const string Alpn = "bbq";

    /// <summary>Bytes of the prefix.</summary>
    public const int PrefixSize = 8;

    /// <summary>Reads one prefixed payload from the start of a buffer.</summary>
    /// <param name="buffer">Bytes of the stream, from the last <paramref name="consumed"/> on.</param>
    /// <param name="maxLength">Longest payload to take, in bytes; a longer one is a <see cref="ErrorCode.FrameTooLarge"/> fault.</param>
    /// <param name="partial">Gathers a payload that comes in pieces. One per stream; dispose it when the payload is done with.</param>
    /// <param name="payload">With <see cref="FrameReadStatus.Frame"/>, the payload: valid until the buffer is advanced or <paramref name="partial"/> is
    /// disposed.</param>
    /// <param name="consumed">Where to advance the stream to (examined: the buffer's end).</param>
    /// <param name="fault">With <see cref="FrameReadStatus.Fault"/>, what is wrong.</param>
    public static FrameReadStatus TryRead(
        in ReadOnlySequence<byte> buffer,
        int maxLength,
        PartialFrame partial,
        out ReadOnlySpan<byte> payload,
        out SequencePosition consumed,
        out FrameFault fault)
    {
        ArgumentNullException.ThrowIfNull(partial);
        payload = default;
        fault = default;
        var rest = buffer;
        if (!partial.IsPending)
        {
            if (buffer.Length < PrefixSize)
            {
                consumed = buffer.Start;
                return FrameReadStatus.NeedMore;
            }

            Span<byte> prefix = stackalloc byte[PrefixSize];
            buffer.Slice(0, PrefixSize).CopyTo(prefix);
            var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
            rest = buffer.Slice(PrefixSize);
            if (length > (ulong)maxLength)
            {
                consumed = buffer.Start;
                fault = new FrameFault(ErrorCode.FrameTooLarge, $"{length} bytes announced; at most {maxLength} are allowed");
                return FrameReadStatus.Fault;
            }

            if ((ulong)rest.FirstSpan.Length >= length)
            {
                payload = rest.FirstSpan[..(int)length];
                consumed = rest.GetPosition((long)length);
                return FrameReadStatus.Frame;
            }

            partial.Begin(default, (int)length);
        }

        var take = Math.Min(partial.Missing, rest.Length);
        foreach (var segment in rest.Slice(0, take))
        {
            partial.Append(segment.Span);
        }

        consumed = rest.GetPosition(take);
        if (!partial.IsComplete)
        {
            return FrameReadStatus.NeedMore;
        }

        payload = partial.Payload;
        return FrameReadStatus.Frame;
    }

    internal static int WritePrefix(Span<byte> destination, int length)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(destination, (ulong)length);
        return PrefixSize;
    }

    internal static int WriteBytes(Span<byte> destination, ReadOnlySpan<byte> bytes)
    {
        var size = BincodeVarint.Write(destination, (ulong)bytes.Length);
        bytes.CopyTo(destination[size..]);
        return size + bytes.Length;
    }

    internal static int SizeOf(int length) => BincodeVarint.SizeOf((ulong)length) + length;
}
