using System.Buffers;

namespace Broker.Protocol;

/// <summary>Flags of PUBLISHER_OPEN; this revision has none.</summary>
[Flags]
public enum PublisherOpenFlags : ulong
{
    /// <summary>None.</summary>
    None = 0,
}

/// <summary>PUBLISHER_OPEN: the first frame of a publish stream (docs/protocol.md, section 7).</summary>
/// <param name="ProducerId">A lasting name under which a retry of the same sequence is recognised; at most 255 bytes of UTF-8. Empty: none.</param>
/// <param name="Flags">Reserved.</param>
public readonly record struct PublisherOpenFrame(string ProducerId, PublisherOpenFlags Flags = PublisherOpenFlags.None) : IFrame
{
    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out PublisherOpenFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new PublisherOpenFrame(reader.Name("producer id"), (PublisherOpenFlags)reader.Flags("flags", 0));
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.PublisherOpen, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Name(nameof(ProducerId), ProducerId);
        writer.Number((ulong)Flags);
    }
}
