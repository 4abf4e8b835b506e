using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Broker.Protocol.Links;

/// <summary>LINK_HELLO (docs/cluster.md, "Node links"): who dials, and what it accepts.</summary>
/// <param name="Greeting">The sender.</param>
public sealed record LinkHelloFrame(LinkGreeting Greeting) : IFrame
{
    /// <summary>Reads a payload. A revision other than this one is an <see cref="ErrorCode.UnsupportedVersion"/> fault whatever follows it.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, [NotNullWhen(true)] out LinkHelloFrame? frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        var greeting = LinkGreeting.Read(ref reader);
        frame = reader.End(out fault) ? new LinkHelloFrame(greeting) : null;
        return frame is not null;
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, (FrameType)LinkFrameType.Hello, this);

    void IFrame.WritePayload(ref PayloadWriter writer) => Greeting.Write(ref writer);
}
