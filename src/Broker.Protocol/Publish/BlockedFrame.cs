using System.Buffers;

namespace Broker.Protocol;

/// <summary>BLOCKED: the server has stopped reading this stream for now. Information only: flow control does the work (docs/protocol.md, section 7).</summary>
/// <param name="Reason">Why, in words; written cut to 1,024 bytes of UTF-8.</param>
public readonly record struct BlockedFrame(string Reason) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out BlockedFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new BlockedFrame(reader.Reason("reason"));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.Blocked, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Reason(Reason);
    }
}
