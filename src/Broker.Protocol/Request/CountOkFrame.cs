using System.Buffers;

namespace Broker.Protocol;

/// <summary>COUNT_OK: done to so many messages (docs/protocol.md, section 9.2).</summary>
/// <param name="RequestId">The request that this answers.</param>
/// <param name="Count">How many messages were purged or deleted.</param>
public readonly record struct CountOkFrame(ulong RequestId, ulong Count) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out CountOkFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new CountOkFrame(reader.Number("request id"), reader.Number("count"));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.CountOk, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number(RequestId);
        writer.Number(Count);
    }
}
