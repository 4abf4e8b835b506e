using System.Buffers;

namespace Broker.Protocol.Bbq;

/// <summary>What a <c>bbq</c> stream asks for: bincode's enum discriminant.</summary>
public enum BbqRequestKind : byte
{
    /// <summary>Take a message. The answer is one byte, <see cref="BbqConfirm"/>.</summary>
    Publish = 0,

    /// <summary>
    /// Give one message, waiting for it if need be. The answer is a <see cref="BbqDelivery"/>; the client then sends one byte, <see cref="BbqAck"/>.
    /// </summary>
    Consume = 1,
}

/// <summary>The server's answer to a publish: one byte without a length.</summary>
public enum BbqConfirm : byte
{
    /// <summary>The message is taken.</summary>
    Ack = 0,
}

/// <summary>The client's answer to a delivery: one byte without a length.</summary>
public enum BbqAck : byte
{
    /// <summary>Processed.</summary>
    Ack = 0,

    /// <summary>Put it back.</summary>
    Nack = 1,

    /// <summary>Not processable.</summary>
    Reject = 2,
}

/// <summary>The one request of a <c>bbq</c> stream (docs/protocol.md, section 15). A view into the payload; nothing is copied or allocated.</summary>
public readonly ref struct BbqRequest
{
    /// <summary>What is asked for.</summary>
    public BbqRequestKind Kind { get; private init; }

    /// <summary>Publish: UTF-8 name of the exchange, at most 255 bytes.</summary>
    public ReadOnlySpan<byte> Exchange { get; private init; }

    /// <summary>Publish: UTF-8 routing key, at most 255 bytes.</summary>
    public ReadOnlySpan<byte> RoutingKey { get; private init; }

    /// <summary>Publish: the body.</summary>
    public ReadOnlySpan<byte> Message { get; private init; }

    /// <summary>Consume: UTF-8 name of the queue, at most 255 bytes.</summary>
    public ReadOnlySpan<byte> Queue { get; private init; }

    /// <summary>Reads a payload, without its length prefix.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out BbqRequest request, out FrameFault fault)
    {
        var reader = new BbqPayloadReader(payload);
        request = default;
        switch (reader.Number("request kind"))
        {
            case (ulong)BbqRequestKind.Publish:
                request = new BbqRequest
                {
                    Kind = BbqRequestKind.Publish,
                    Exchange = reader.Name("exchange"),
                    RoutingKey = reader.Name("routing key"),
                    Message = reader.Bytes("message"),
                };
                break;
            case (ulong)BbqRequestKind.Consume:
                request = new BbqRequest { Kind = BbqRequestKind.Consume, Queue = reader.Name("queue") };
                break;
            case var kind:
                reader.Fail($"request kind: {kind} is neither publish (0) nor consume (1)");
                break;
        }

        return reader.End(out fault);
    }

    /// <summary>Writes a publish with its length prefix.</summary>
    public static void WritePublish(IBufferWriter<byte> writer, ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey, ReadOnlySpan<byte> message)
    {
        ArgumentNullException.ThrowIfNull(writer);
        var payload = 1 + BbqFraming.SizeOf(exchange.Length) + BbqFraming.SizeOf(routingKey.Length) + BbqFraming.SizeOf(message.Length);
        var span = writer.GetSpan(BbqFraming.PrefixSize + payload);
        var size = BbqFraming.WritePrefix(span, payload);
        span[size++] = (byte)BbqRequestKind.Publish;
        size += BbqFraming.WriteBytes(span[size..], exchange);
        size += BbqFraming.WriteBytes(span[size..], routingKey);
        size += BbqFraming.WriteBytes(span[size..], message);
        writer.Advance(size);
    }

    /// <summary>Writes a consume with its length prefix.</summary>
    public static void WriteConsume(IBufferWriter<byte> writer, ReadOnlySpan<byte> queue)
    {
        ArgumentNullException.ThrowIfNull(writer);
        var payload = 1 + BbqFraming.SizeOf(queue.Length);
        var span = writer.GetSpan(BbqFraming.PrefixSize + payload);
        var size = BbqFraming.WritePrefix(span, payload);
        span[size++] = (byte)BbqRequestKind.Consume;
        size += BbqFraming.WriteBytes(span[size..], queue);
        writer.Advance(size);
    }
}
