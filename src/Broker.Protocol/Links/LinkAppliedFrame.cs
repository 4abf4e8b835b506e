using System.Buffers;

namespace Broker.Protocol.Links;

/// <summary>LINK_APPLIED (docs/cluster.md, "Node links"): the sender routes by everything that was declared up to a revision of the metadata.</summary>
/// <param name="Revision">The revision; at least 1.</param>
public readonly record struct LinkAppliedFrame(ulong Revision) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out LinkAppliedFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new LinkAppliedFrame(reader.Number("revision", min: 1));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, (FrameType)LinkFrameType.Applied, this);

    void IFrame.WritePayload(ref PayloadWriter writer) => writer.Number(Revision);
}
