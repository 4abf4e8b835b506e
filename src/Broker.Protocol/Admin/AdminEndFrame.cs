using System.Buffers;

namespace Broker.Protocol;

/// <summary>ADMIN_END: the answer is complete (docs/protocol.md, section 10).</summary>
/// <param name="RequestId">The request that this answers.</param>
/// <param name="Code"><see cref="ErrorCode.NoError"/> if the command was carried out.</param>
/// <param name="Message">The outcome in words; written cut to 1,024 bytes of UTF-8.</param>
public readonly record struct AdminEndFrame(ulong RequestId, ErrorCode Code, string Message) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out AdminEndFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new AdminEndFrame(reader.Number("request id"), reader.ErrorCode("code"), reader.Reason("message"));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.AdminEnd, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number(RequestId);
        writer.Number((ulong)Code);
        writer.Reason(Message);
    }
}
