using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Protocol.Links;

namespace Broker.Machines.Publishing;

/// <summary>Messages of one publisher stream for one queue, in order. Filled by the publisher's machine, read-only once sent.</summary>
public sealed class PublishBatch
{
    private StoredMessage[] _messages = new StoredMessage[4];
    private long[] _slots = new long[4];
    private ulong[] _sequences;
    private readonly string? _producer;

    internal PublishBatch(string queue, string? producer)
    {
        Queue = queue;
        _producer = producer;
        _sequences = producer is null ? [] : new ulong[4];
    }

    /// <summary>A batch that came from another node.</summary>
    public static PublishBatch Of(string queue, string? producer, IReadOnlyList<RouteItem> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        var batch = new PublishBatch(queue, producer);
        for (var i = 0; i < items.Count; i++)
        {
            var item = items[i];
            batch.Add(new StoredMessage(item.Bytes, new MessageMeta(item.Meta)), slot: -1, item.Number);
        }

        return batch;
    }

    /// <summary>The queue that it is for.</summary>
    public string Queue { get; }

    /// <summary>Number of messages.</summary>
    public int Count { get; private set; }

    /// <summary>Sum of the messages' sizes.</summary>
    public long SizeBytes { get; private set; }

    /// <summary>The messages.</summary>
    public ReadOnlyMemory<StoredMessage> Messages => _messages.AsMemory(0, Count);

    /// <summary>The messages' sequences, if the publisher has a lasting name.</summary>
    public ProducerBatch Producer => _producer is null ? default : new ProducerBatch(_producer, _sequences.AsMemory(0, Count));

    internal ReadOnlySpan<long> Slots => _slots.AsSpan(0, Count);

    internal void Add(in StoredMessage message, long slot, ulong sequence)
    {
        if (Count == _messages.Length)
        {
            Array.Resize(ref _messages, Count * 2);
            Array.Resize(ref _slots, Count * 2);
            if (_producer is not null)
            {
                Array.Resize(ref _sequences, Count * 2);
            }
        }

        if (_producer is not null)
        {
            _sequences[Count] = sequence;
        }

        _messages[Count] = message;
        _slots[Count++] = slot;
        SizeBytes += message.SizeBytes;
    }
}
