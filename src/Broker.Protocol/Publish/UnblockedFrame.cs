using System.Buffers;

namespace Broker.Protocol;

/// <summary>UNBLOCKED: the server reads this stream again (docs/protocol.md, section 7).</summary>
public readonly record struct UnblockedFrame : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out UnblockedFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = default;
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.Unblocked, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        // The frame has no fields.
    }
}
