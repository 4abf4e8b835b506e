namespace Broker.Actors.Links;

/// <summary>What a message takes of a room, in bytes: itself, and what it costs to keep it in a mailbox and a queue.</summary>
internal static class ShardCost
{
    /// <summary>Bytes that are counted for a message beside its own. As the least cost it bounds the number of messages in a room of 1 MiB to 8,192, which a mailbox of 10,000 holds.</summary>
    public const int OverheadBytes = 128;

    public static int Of(ReadOnlyMemory<byte> message) => message.Length + OverheadBytes;

    /// <summary>A mailbox that holds whatever fits in the room: one message may exceed it, and others come beside.</summary>
    public static int MailboxFor(int roomBytes) => (roomBytes / OverheadBytes) + 256;
}
