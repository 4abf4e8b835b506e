using System.Buffers;

namespace Broker.Protocol;

/// <summary>GET_EMPTY: no message is ready (docs/protocol.md, section 9.3).</summary>
/// <param name="RequestId">The request that this answers.</param>
public readonly record struct GetEmptyFrame(ulong RequestId) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out GetEmptyFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new GetEmptyFrame(reader.Number("request id"));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.GetEmpty, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number(RequestId);
    }
}
