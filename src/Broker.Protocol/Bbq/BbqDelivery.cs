using System.Buffers;

namespace Broker.Protocol.Bbq;

/// <summary>The answer to a consume: the body as bincode bytes, behind the length prefix (docs/protocol.md, section 15).</summary>
public static class BbqDelivery
{
    /// <summary>Writes a delivery with its length prefix.</summary>
    public static void Write(IBufferWriter<byte> writer, ReadOnlySpan<byte> body)
    {
        ArgumentNullException.ThrowIfNull(writer);
        var span = writer.GetSpan(BbqFraming.PrefixSize + BincodeVarint.MaxSize);
        var size = BbqFraming.WritePrefix(span, BbqFraming.SizeOf(body.Length));
        size += BincodeVarint.Write(span[size..], (ulong)body.Length);
        writer.Advance(size);
        writer.Write(body);
    }

    /// <summary>Reads a payload, without its length prefix.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out ReadOnlySpan<byte> body, out FrameFault fault)
    {
        var reader = new BbqPayloadReader(payload);
        body = reader.Bytes("body");
        return reader.End(out fault);
    }
}
