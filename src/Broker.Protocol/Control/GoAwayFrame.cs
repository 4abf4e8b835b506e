using System.Buffers;

namespace Broker.Protocol;

/// <summary>GOAWAY: finish what is under way, then reconnect, to another node if there is one (docs/protocol.md, section 6).</summary>
/// <param name="Code">Why.</param>
/// <param name="Reason">Why, in words; written cut to 1,024 bytes of UTF-8.</param>
public readonly record struct GoAwayFrame(ErrorCode Code, string Reason) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out GoAwayFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new GoAwayFrame(reader.ErrorCode("code"), reader.Reason("reason"));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.GoAway, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number((ulong)Code);
        writer.Reason(Reason);
    }
}
