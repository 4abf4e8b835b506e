using System.Buffers;

namespace Broker.Protocol;

/// <summary>SUBSCRIBED: messages will come as credit allows (docs/protocol.md, section 8).</summary>
/// <param name="ConsumerTag">The consumer's name in lists; the server makes one up if the client gave none; at most 255 bytes of UTF-8.</param>
public readonly record struct SubscribedFrame(string ConsumerTag) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out SubscribedFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new SubscribedFrame(reader.Name("consumer tag"));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.Subscribed, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Name(nameof(ConsumerTag), ConsumerTag);
    }
}
