using System.Buffers;

namespace Broker.Protocol;

/// <summary>
/// GET_OK: a message, to be settled by SETTLE on the same stream unless GET said no-ack (docs/protocol.md, section 9.3). A view into the payload.
/// </summary>
public readonly ref struct GetOkFrame
{
    private GetOkFrame(ulong requestId, ulong tag, DeliverFlags flags, ulong deliveryCount, ulong messagesRemaining, ReadOnlySpan<byte> message)
    {
        RequestId = requestId;
        Tag = tag;
        Flags = flags;
        DeliveryCount = deliveryCount;
        MessagesRemaining = messagesRemaining;
        Message = message;
    }

    /// <summary>The request that this answers.</summary>
    public ulong RequestId { get; }

    /// <summary>The message's number among the GET_OKs of this stream: 1, 2, 3 and so on.</summary>
    public ulong Tag { get; }

    /// <summary>What is known of the message.</summary>
    public DeliverFlags Flags { get; }

    /// <summary>How often it was delivered before this time.</summary>
    public ulong DeliveryCount { get; }

    /// <summary>Messages that wait in the queue after this one.</summary>
    public ulong MessagesRemaining { get; }

    /// <summary>The encoded message; see <see cref="MessageView"/>.</summary>
    public ReadOnlySpan<byte> Message { get; }

    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out GetOkFrame frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        frame = new GetOkFrame(
            reader.Number("request id"),
            reader.Number("delivery tag", min: 1),
            (DeliverFlags)reader.Flags("flags", (ulong)DeliverFrame.KnownFlags),
            reader.Number("delivery count"),
            reader.Number("messages remaining"),
            reader.Rest());
        return reader.End(out fault);
    }

    /// <summary>Writes a whole frame.</summary>
    public static void Write(
        IBufferWriter<byte> writer, ulong requestId, ulong tag, DeliverFlags flags, ulong deliveryCount, ulong messagesRemaining, ReadOnlySpan<byte> message)
    {
        ArgumentNullException.ThrowIfNull(writer);
        FrameWriter.Write(writer, FrameType.GetOk, [requestId, tag, (ulong)flags, deliveryCount, messagesRemaining], message);
    }
}
