using System.Buffers;

namespace Broker.Protocol;

/// <summary>PURGE_QUEUE: drops the messages that wait in a queue; those with consumers stay (docs/protocol.md, section 9.1).</summary>
/// <param name="RequestId">The client's number for the request; the answer carries it.</param>
/// <param name="Name">The queue; at most 255 bytes of UTF-8.</param>
public readonly record struct PurgeQueueFrame(ulong RequestId, string Name) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out PurgeQueueFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new PurgeQueueFrame(reader.Number("request id"), reader.Name("name"));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.PurgeQueue, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number(RequestId);
        writer.Name(nameof(Name), Name);
    }
}
