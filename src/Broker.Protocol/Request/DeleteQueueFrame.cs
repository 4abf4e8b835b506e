using System.Buffers;

namespace Broker.Protocol;

/// <summary>DELETE_QUEUE (docs/protocol.md, section 9.1).</summary>
/// <param name="RequestId">The client's number for the request; the answer carries it.</param>
/// <param name="Name">The queue; at most 255 bytes of UTF-8.</param>
/// <param name="Flags">When to refuse.</param>
public readonly record struct DeleteQueueFrame(ulong RequestId, string Name, DeleteQueueFlags Flags) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out DeleteQueueFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new DeleteQueueFrame(
            reader.Number("request id"),
            reader.Name("name"),
            (DeleteQueueFlags)reader.Flags("flags", (ulong)(DeleteQueueFlags.IfUnused | DeleteQueueFlags.IfEmpty)));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.DeleteQueue, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number(RequestId);
        writer.Name(nameof(Name), Name);
        writer.Number((ulong)Flags);
    }
}
