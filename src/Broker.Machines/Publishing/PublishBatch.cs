using Broker.Machines.Messages;

namespace Broker.Machines.Publishing;

/// <summary>Messages of one publisher stream for one queue, in order. Filled by the publisher's machine, read-only once sent.</summary>
public sealed class PublishBatch
{
    private StoredMessage[] _messages = new StoredMessage[4];
    private long[] _slots = new long[4];

    internal PublishBatch(string queue) => Queue = queue;

    /// <summary>The queue that it is for.</summary>
    public string Queue { get; }

    /// <summary>Number of messages.</summary>
    public int Count { get; private set; }

    /// <summary>Sum of the messages' sizes.</summary>
    public long SizeBytes { get; private set; }

    /// <summary>The messages.</summary>
    public ReadOnlyMemory<StoredMessage> Messages => _messages.AsMemory(0, Count);

    internal ReadOnlySpan<long> Slots => _slots.AsSpan(0, Count);

    internal void Add(in StoredMessage message, long slot)
    {
        if (Count == _messages.Length)
        {
            Array.Resize(ref _messages, Count * 2);
            Array.Resize(ref _slots, Count * 2);
        }

        _messages[Count] = message;
        _slots[Count++] = slot;
        SizeBytes += message.SizeBytes;
    }
}
