using System.Buffers;

namespace Broker.Protocol.Links;

/// <summary>SHARD_OPEN (docs/cluster.md, "Node links"): the stream is that of a shard.</summary>
/// <param name="Shard">The shard's number, 0 to <see cref="LinkInfo.MaxShard"/>.</param>
public readonly record struct ShardOpenFrame(int Shard) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out ShardOpenFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new ShardOpenFrame((int)reader.Number("shard", LinkInfo.MaxShard));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, (FrameType)LinkFrameType.ShardOpen, this);

    void IFrame.WritePayload(ref PayloadWriter writer) => writer.Number(Shard);
}
