using Broker.Machines.Messages;
using Broker.Storage.Log;

namespace Broker.Actors.Storage;

/// <summary>A queue's record on its way into the log. It keeps the messages' bytes in memory until they are on the disk.</summary>
internal sealed class QueueLogRecord(ReadOnlyMemory<StoredMessage> messages) : LogRecord
{
    /// <summary>
    /// The queue's own client; <c>null</c> for what is no record of a queue's journal. In a replicated shard it hears of the record when it is committed, and
    /// <see cref="LogRecord.Client"/> when it is on this node's disk.
    /// </summary>
    public LogClient? Owner { get; init; }

    public override int MessageCount => messages.Length;

    /// <summary>The message of bytes and what was kept beside them.</summary>
    public static StoredMessage MessageOf(ReadOnlyMemory<byte> bytes, ulong meta) => new(bytes, new MessageMeta(meta));

    public override ReadOnlyMemory<byte> GetMessage(int index, out ulong meta)
    {
        ref readonly var message = ref messages.Span[index];
        meta = message.Meta.Value;
        return message.Bytes;
    }
}
