using System.Buffers;

namespace Broker.Protocol;

/// <summary>DELETE_EXCHANGE (docs/protocol.md, section 9.1).</summary>
/// <param name="RequestId">The client's number for the request; the answer carries it.</param>
/// <param name="Name">The exchange; at most 255 bytes of UTF-8.</param>
/// <param name="Flags">When to refuse.</param>
public readonly record struct DeleteExchangeFrame(ulong RequestId, string Name, DeleteExchangeFlags Flags) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out DeleteExchangeFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new DeleteExchangeFrame(
            reader.Number("request id"), reader.Name("name"), (DeleteExchangeFlags)reader.Flags("flags", (ulong)DeleteExchangeFlags.IfUnused));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.DeleteExchange, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number(RequestId);
        writer.Name(nameof(Name), Name);
        writer.Number((ulong)Flags);
    }
}
