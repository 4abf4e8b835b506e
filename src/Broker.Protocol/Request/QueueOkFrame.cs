using System.Buffers;

namespace Broker.Protocol;

/// <summary>QUEUE_OK: the queue as it is now (docs/protocol.md, section 9.2).</summary>
/// <param name="RequestId">The request that this answers.</param>
/// <param name="Name">The queue's name, the server's choice if the request left it empty; at most 255 bytes of UTF-8.</param>
/// <param name="Messages">Messages that wait.</param>
/// <param name="Consumers">Consumers subscribed.</param>
/// <param name="Leader">Where the node that leads the queue listens, <c>host:port</c>; empty if it is this node, or not known. At most 255 bytes of UTF-8.</param>
public readonly record struct QueueOkFrame(ulong RequestId, string Name, ulong Messages, ulong Consumers, string Leader = "") : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out QueueOkFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new QueueOkFrame(reader.Number("request id"), reader.Name("name"), reader.Number("messages"), reader.Number("consumers"), reader.Name("leader"));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.QueueOk, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number(RequestId);
        writer.Name(nameof(Name), Name);
        writer.Number(Messages);
        writer.Number(Consumers);
        writer.Name(nameof(Leader), Leader);
    }
}
