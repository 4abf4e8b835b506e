using System.Buffers;

namespace Broker.Protocol;

/// <summary>GET: at most one message of a queue, without a subscription (docs/protocol.md, section 9.3).</summary>
/// <param name="RequestId">The client's number for the request; the answer carries it.</param>
/// <param name="Queue">The queue; at most 255 bytes of UTF-8.</param>
/// <param name="Flags">How to get it.</param>
public readonly record struct GetFrame(ulong RequestId, string Queue, GetFlags Flags) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out GetFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new GetFrame(reader.Number("request id"), reader.Name("queue"), (GetFlags)reader.Flags("flags", (ulong)GetFlags.NoAck));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.Get, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number(RequestId);
        writer.Name(nameof(Queue), Queue);
        writer.Number((ulong)Flags);
    }
}
