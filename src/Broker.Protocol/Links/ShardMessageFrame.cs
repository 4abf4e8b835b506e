using System.Buffers;

namespace Broker.Protocol.Links;

/// <summary>SHARD_MESSAGE (docs/cluster.md, "Node links"): one message of the shard. The whole payload is the message's, so there is nothing to read and nothing that can be malformed.</summary>
public static class ShardMessageFrame
{
    /// <summary>Writes the whole frame.</summary>
    public static void Write(IBufferWriter<byte> writer, ReadOnlySpan<byte> message)
    {
        ArgumentNullException.ThrowIfNull(writer);
        FrameWriter.Write(writer, (FrameType)LinkFrameType.ShardMessage, [], message);
    }
}
