using System.Buffers;

namespace Broker.Protocol.Links;

/// <summary>LINK_PONG (docs/cluster.md, "Node links"): the answer to a LINK_PING and to all before it.</summary>
/// <param name="Number">That of the last LINK_PING which is answered.</param>
public readonly record struct LinkPongFrame(ulong Number) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out LinkPongFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new LinkPongFrame(reader.Number("number", min: 1));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, (FrameType)LinkFrameType.Pong, this);

    void IFrame.WritePayload(ref PayloadWriter writer) => writer.Number(Number);
}
