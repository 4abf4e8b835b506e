using System.Buffers.Binary;
using Broker.Machines.Messages;
using Broker.Simulation.Tests.Checkers;

namespace Broker.Simulation.Tests.Clients;

/// <summary>Messages whose bytes say who they are, whatever becomes of them.</summary>
internal static class ClientMessages
{
    private const int HeadBytes = 12;

    public static StoredMessage Make(MessageId id, int size)
    {
        var bytes = new byte[Math.Max(size, HeadBytes)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, id.Publisher);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(4), id.Sequence);
        bytes.AsSpan(HeadBytes).Fill((byte)(id.Sequence * 31));
        return new StoredMessage(bytes, MessageTraits.Durable);
    }

    public static MessageId IdOf(in StoredMessage message)
    {
        var bytes = message.Bytes.Span;
        var id = new MessageId(BinaryPrimitives.ReadInt32LittleEndian(bytes), BinaryPrimitives.ReadUInt64LittleEndian(bytes[4..]));
        Assert.True(bytes[HeadBytes..].IndexOfAnyExcept((byte)(id.Sequence * 31)) < 0, $"the bytes of {id} are not what was published");
        Assert.Equal(MessageTraits.Durable, message.Traits);
        return id;
    }
}
