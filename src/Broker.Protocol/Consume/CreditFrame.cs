using System.Buffers;

namespace Broker.Protocol;

/// <summary>CREDIT: adds to what the server may send (docs/protocol.md, section 8.2).</summary>
/// <param name="Messages">Messages to add; may be 0.</param>
/// <param name="Bytes">Bytes of messages to add; may be 0.</param>
public readonly record struct CreditFrame(ulong Messages, ulong Bytes) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out CreditFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new CreditFrame(reader.Number("messages", ProtocolLimits.MaxCredit), reader.Number("bytes", ProtocolLimits.MaxCredit));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.Credit, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number(Messages);
        writer.Number(Bytes);
    }
}
