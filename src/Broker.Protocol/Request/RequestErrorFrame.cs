using System.Buffers;

namespace Broker.Protocol;

/// <summary>REQUEST_ERROR: the request was not carried out; the stream goes on (docs/protocol.md, section 9.2).</summary>
/// <param name="RequestId">The request that this answers.</param>
/// <param name="Code">Why.</param>
/// <param name="Reason">Why, in words; written cut to 1,024 bytes of UTF-8.</param>
public readonly record struct RequestErrorFrame(ulong RequestId, ErrorCode Code, string Reason) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out RequestErrorFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new RequestErrorFrame(reader.Number("request id"), reader.ErrorCode("code"), reader.Reason("reason"));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.RequestError, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number(RequestId);
        writer.Number((ulong)Code);
        writer.Reason(Reason);
    }
}
