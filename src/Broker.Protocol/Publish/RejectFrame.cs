using System.Buffers;

namespace Broker.Protocol;

/// <summary>REJECT: a message that was not taken, so nothing of it is kept (docs/protocol.md, section 7).</summary>
/// <param name="Sequence">The message.</param>
/// <param name="Code">Why.</param>
/// <param name="Reason">Why, in words; written cut to 1,024 bytes of UTF-8.</param>
public readonly record struct RejectFrame(ulong Sequence, ErrorCode Code, string Reason) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out RejectFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new RejectFrame(reader.Number("sequence", min: 1), reader.ErrorCode("code"), reader.Reason("reason"));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.Reject, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number(Sequence);
        writer.Number((ulong)Code);
        writer.Reason(Reason);
    }
}
