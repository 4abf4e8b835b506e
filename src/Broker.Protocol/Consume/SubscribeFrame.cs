using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Broker.Protocol;

/// <summary>SUBSCRIBE: the first frame of a consume stream (docs/protocol.md, section 8).</summary>
public sealed record SubscribeFrame : IFrame
{
    private const SubscribeFlags KnownFlags = SubscribeFlags.Exclusive | SubscribeFlags.NoAck | SubscribeFlags.ConfirmSettles;

    /// <summary>The queue; at most 255 bytes of UTF-8.</summary>
    public required string Queue { get; init; }

    /// <summary>The consumer's name in lists; at most 255 bytes of UTF-8. Empty (default): the server makes one up.</summary>
    public string ConsumerTag { get; init; } = "";

    /// <summary>How to consume.</summary>
    public SubscribeFlags Flags { get; init; }

    /// <summary>First credit in messages; 0 to 2^40.</summary>
    public required ulong CreditMessages { get; init; }

    /// <summary>First credit in bytes of messages; 0 to 2^40.</summary>
    public required ulong CreditBytes { get; init; }

    /// <summary>Arguments; a server refuses names that it does not know with <see cref="ErrorCode.InvalidArgument"/>.</summary>
    public FieldTable Arguments { get; init; } = FieldTable.Empty;

    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, [NotNullWhen(true)] out SubscribeFrame? frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        var result = new SubscribeFrame
        {
            Queue = reader.Name("queue"),
            ConsumerTag = reader.Name("consumer tag"),
            Flags = (SubscribeFlags)reader.Flags("flags", (ulong)KnownFlags),
            CreditMessages = reader.Number("credit messages", ProtocolLimits.MaxCredit),
            CreditBytes = reader.Number("credit bytes", ProtocolLimits.MaxCredit),
            Arguments = FieldTable.Read(ref reader, "arguments"),
        };
        frame = reader.End(out fault) ? result : null;
        return frame is not null;
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.Subscribe, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Name(nameof(Queue), Queue);
        writer.Name(nameof(ConsumerTag), ConsumerTag);
        writer.Number((ulong)Flags);
        writer.Number(CreditMessages);
        writer.Number(CreditBytes);
        Arguments.Write(ref writer);
    }
}
