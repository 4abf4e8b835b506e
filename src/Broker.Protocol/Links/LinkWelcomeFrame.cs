using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Broker.Protocol.Links;

/// <summary>LINK_WELCOME (docs/cluster.md, "Node links"): who accepts; shard streams may be opened from now on.</summary>
/// <param name="Greeting">The sender.</param>
public sealed record LinkWelcomeFrame(LinkGreeting Greeting) : IFrame
{
    /// <summary>Reads a payload. A revision other than this one is an <see cref="ErrorCode.UnsupportedVersion"/> fault whatever follows it.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, [NotNullWhen(true)] out LinkWelcomeFrame? frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        var greeting = LinkGreeting.Read(ref reader);
        frame = reader.End(out fault) ? new LinkWelcomeFrame(greeting) : null;
        return frame is not null;
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, (FrameType)LinkFrameType.Welcome, this);

    void IFrame.WritePayload(ref PayloadWriter writer) => Greeting.Write(ref writer);
}
