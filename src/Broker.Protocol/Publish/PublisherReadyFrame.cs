using System.Buffers;

namespace Broker.Protocol;

/// <summary>PUBLISHER_READY: messages may come (docs/protocol.md, section 7).</summary>
/// <param name="LastSequence">The highest sequence that the server knows of this producer; 0 if none or if the producer has no id.</param>
public readonly record struct PublisherReadyFrame(ulong LastSequence) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out PublisherReadyFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new PublisherReadyFrame(reader.Number("last sequence"));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.PublisherReady, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number(LastSequence);
    }
}
