using System.Buffers;

namespace Broker.Protocol;

/// <summary>DELIVER: one message (docs/protocol.md, section 8). A view into the payload; nothing is copied or allocated.</summary>
public readonly ref struct DeliverFrame
{
    internal const DeliverFlags KnownFlags = DeliverFlags.Redelivered | DeliverFlags.Durable | DeliverFlags.Offset;

    private DeliverFrame(ulong tag, DeliverFlags flags, ulong deliveryCount, ulong offset, ReadOnlySpan<byte> message)
    {
        Tag = tag;
        Flags = flags;
        DeliveryCount = deliveryCount;
        Offset = offset;
        Message = message;
    }

    /// <summary>The message's number on this stream: 1, 2, 3 and so on.</summary>
    public ulong Tag { get; }

    /// <summary>What is known of the message.</summary>
    public DeliverFlags Flags { get; }

    /// <summary>How often it was delivered before this time.</summary>
    public ulong DeliveryCount { get; }

    /// <summary>The message's offset in its log, if <see cref="DeliverFlags.Offset"/> is set; else 0.</summary>
    public ulong Offset { get; }

    /// <summary>The encoded message; see <see cref="MessageView"/>. Its length is what the delivery costs in credit bytes.</summary>
    public ReadOnlySpan<byte> Message { get; }

    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out DeliverFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        var tag = reader.Number("delivery tag", min: 1);
        var flags = (DeliverFlags)reader.Flags("flags", (ulong)KnownFlags);
        var count = reader.Number("delivery count");
        var offset = flags.HasFlag(DeliverFlags.Offset) ? reader.Number("offset") : 0;
        if (flags.HasFlag(DeliverFlags.Offset) && count > 0)
        {
            reader.Fail($"delivery count: {count}, though a log does not count deliveries");
        }

        frame = new DeliverFrame(tag, flags, count, offset, reader.Rest());
        return reader.End(out fault);
    }

    /// <summary>Writes a whole frame of a message from a queue.</summary>
    public static void Write(IBufferWriter<byte> writer, ulong tag, DeliverFlags flags, ulong deliveryCount, ReadOnlySpan<byte> message)
    {
        ArgumentNullException.ThrowIfNull(writer);
        FrameWriter.Write(writer, FrameType.Deliver, [tag, (ulong)(flags & ~DeliverFlags.Offset), deliveryCount], message);
    }

    /// <summary>Writes a whole frame of a message from a log.</summary>
    public static void WriteWithOffset(IBufferWriter<byte> writer, ulong tag, DeliverFlags flags, ulong offset, ReadOnlySpan<byte> message)
    {
        ArgumentNullException.ThrowIfNull(writer);
        FrameWriter.Write(writer, FrameType.Deliver, [tag, (ulong)(flags | DeliverFlags.Offset), 0, offset], message);
    }
}
