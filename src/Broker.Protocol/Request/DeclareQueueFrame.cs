using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Broker.Protocol;

/// <summary>DECLARE_QUEUE: make a queue, or check that it is as described (docs/protocol.md, section 9.1).</summary>
public sealed record DeclareQueueFrame : IFrame
{
    private const DeclareQueueFlags KnownFlags =
        DeclareQueueFlags.Durable | DeclareQueueFlags.Exclusive | DeclareQueueFlags.AutoDelete | DeclareQueueFlags.Passive;

    /// <summary>The client's number for the request; the answer carries it.</summary>
    public required ulong RequestId { get; init; }

    /// <summary>The queue; at most 255 bytes of UTF-8. Empty: the server makes a name up.</summary>
    public required string Name { get; init; }

    /// <summary>What it is to be.</summary>
    public DeclareQueueFlags Flags { get; init; }

    /// <summary>Arguments; a server refuses names that it does not know with <see cref="ErrorCode.InvalidArgument"/>.</summary>
    public FieldTable Arguments { get; init; } = FieldTable.Empty;

    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, [NotNullWhen(true)] out DeclareQueueFrame? frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        var result = new DeclareQueueFrame
        {
            RequestId = reader.Number("request id"),
            Name = reader.Name("name"),
            Flags = (DeclareQueueFlags)reader.Flags("flags", (ulong)KnownFlags),
            Arguments = FieldTable.Read(ref reader, "arguments"),
        };
        frame = reader.End(out fault) ? result : null;
        return frame is not null;
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.DeclareQueue, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number(RequestId);
        writer.Name(nameof(Name), Name);
        writer.Number((ulong)Flags);
        Arguments.Write(ref writer);
    }
}
