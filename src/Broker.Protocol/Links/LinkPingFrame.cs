using System.Buffers;

namespace Broker.Protocol.Links;

/// <summary>LINK_PING (docs/cluster.md, "Node links"): a sign of life is wanted.</summary>
/// <param name="Number">Counts up from 1 within a connection.</param>
public readonly record struct LinkPingFrame(ulong Number) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out LinkPingFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new LinkPingFrame(reader.Number("number", min: 1));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, (FrameType)LinkFrameType.Ping, this);

    void IFrame.WritePayload(ref PayloadWriter writer) => writer.Number(Number);
}
