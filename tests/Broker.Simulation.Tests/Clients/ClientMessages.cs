using System.Buffers;
using System.Buffers.Binary;
using Broker.Machines.Messages;
using Broker.Protocol;
using Broker.Simulation.Tests.Checkers;

namespace Broker.Simulation.Tests.Clients;

/// <summary>Messages whose bytes say who they are, whatever becomes of them.</summary>
/// <remarks>Those without properties are no encoded messages at all: a queue that needs no property must not look into them.</remarks>
internal static class ClientMessages
{
    private const int HeadBytes = 12;
    private const int FewestPublishers = 256; // numbers of publishers are lower, so the second byte tells the two kinds apart

    public static StoredMessage Make(MessageId id, int size)
    {
        var bytes = new byte[Math.Max(size, HeadBytes)];
        Fill(bytes, id);
        return new StoredMessage(bytes, MessageTraits.Durable);
    }

    /// <summary>An encoded message.</summary>
    /// <param name="id">Who it is.</param>
    /// <param name="size">Bytes of the body.</param>
    /// <param name="queue">Its routing key.</param>
    /// <param name="properties">What the publisher says of it.</param>
    /// <param name="takenAt">When its node takes it, in milliseconds.</param>
    public static StoredMessage Make(MessageId id, int size, string queue, MessageProperties properties, long takenAt)
    {
        Assert.True(id.Publisher < FewestPublishers && queue.Length > 0);
        var body = new byte[Math.Max(size, HeadBytes)];
        Fill(body, id);
        var writer = new ArrayBufferWriter<byte>();
        MessageWriter.Write(writer, "", queue, properties, body);
        var isSpecial = properties is not { MessageId: null, Expiration: null, GroupKey: null, Delay: null };
        return new StoredMessage(writer.WrittenMemory, new MessageMeta(MessageTraits.Durable | (isSpecial ? MessageTraits.Special : 0), properties.Priority ?? 0, takenAt));
    }

    public static MessageId IdOf(in StoredMessage message)
    {
        var bytes = message.Bytes.Span;
        if (bytes[1] != 0)
        {
            Assert.True(MessageView.TryParse(bytes, out var view, out var fault), $"a message cannot be read: {fault}");
            bytes = view.Body;
        }

        var id = new MessageId(BinaryPrimitives.ReadInt32LittleEndian(bytes), BinaryPrimitives.ReadUInt64LittleEndian(bytes[4..]));
        Assert.True(bytes[HeadBytes..].IndexOfAnyExcept((byte)(id.Sequence * 31)) < 0, $"the bytes of {id} are not what was published");
        Assert.Equal(MessageTraits.Durable, message.Traits & ~MessageTraits.Special);
        return id;
    }

    private static void Fill(Span<byte> bytes, MessageId id)
    {
        BinaryPrimitives.WriteInt32LittleEndian(bytes, id.Publisher);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[4..], id.Sequence);
        bytes[HeadBytes..].Fill((byte)(id.Sequence * 31));
    }
}
