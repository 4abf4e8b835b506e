using System.Buffers;

namespace Broker.Protocol;

/// <summary>OK: done (docs/protocol.md, section 9.2).</summary>
/// <param name="RequestId">The request that this answers.</param>
public readonly record struct OkFrame(ulong RequestId) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out OkFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new OkFrame(reader.Number("request id"));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.Ok, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number(RequestId);
    }
}
