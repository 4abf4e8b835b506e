using System.Buffers;

namespace Broker.Protocol;

/// <summary>
/// CANCEL: send no more. Messages that were delivered stay with the client until it settles them or ends the stream (docs/protocol.md, section 8).
/// </summary>
public readonly record struct CancelFrame : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out CancelFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = default;
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.Cancel, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        // The frame has no fields.
    }
}
