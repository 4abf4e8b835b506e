using System.Buffers;

namespace Broker.Protocol.Links;

/// <summary>ROUTE_OPEN (docs/cluster.md, "Routing"): the stream carries what publishers, consumers and requests of one node have with the queues of a shard that the other node leads.</summary>
/// <param name="Shard">The shard's number, 0 to <see cref="LinkInfo.MaxShard"/>, or <see cref="LinkInfo.InboxRoute"/>.</param>
public readonly record struct RouteOpenFrame(int Shard) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out RouteOpenFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new RouteOpenFrame((int)reader.Number("shard", LinkInfo.InboxRoute));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, (FrameType)LinkFrameType.RouteOpen, this);

    void IFrame.WritePayload(ref PayloadWriter writer) => writer.Number(Shard);
}
