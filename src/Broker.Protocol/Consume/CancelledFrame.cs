using System.Buffers;

namespace Broker.Protocol;

/// <summary>CANCELLED: no more messages will come on this stream (docs/protocol.md, section 8).</summary>
/// <param name="Code">Why.</param>
/// <param name="Reason">Why, in words; written cut to 1,024 bytes of UTF-8.</param>
public readonly record struct CancelledFrame(ErrorCode Code, string Reason) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out CancelledFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new CancelledFrame(reader.ErrorCode("code"), reader.Reason("reason"));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.Cancelled, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number((ulong)Code);
        writer.Reason(Reason);
    }
}
