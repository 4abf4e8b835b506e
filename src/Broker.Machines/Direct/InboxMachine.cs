using Broker.Machines.Messages;
using Broker.Machines.Queues;

namespace Broker.Machines.Direct;

/// <summary>
/// Messages on their way to one consumer, in memory alone. It never lets a sender wait: what comes while it is full is dropped. Deliveries need no settlement.
/// </summary>
/// <param name="maxMessages">Messages that wait for credit; at least 1.</param>
/// <param name="maxBytes">Bytes of messages that wait; at least 1. One message may exceed it, or a large one could never come.</param>
public sealed class InboxMachine(int maxMessages, long maxBytes)
{
    private readonly Queue<StoredMessage> _waiting = new();
    private long _creditMessages;
    private long _creditBytes;
    private ulong _lastTag;

    /// <summary>Bytes of messages that wait.</summary>
    public long SizeBytes { get; private set; }

    /// <summary>Messages that wait.</summary>
    public int Count => _waiting.Count;

    /// <summary>Messages that were dropped because it was full.</summary>
    public long DroppedCount { get; private set; }

    /// <summary>Messages have come.</summary>
    public void HandleMessages(ReadOnlySpan<StoredMessage> messages)
    {
        foreach (ref readonly var message in messages)
        {
            if (_waiting.Count >= maxMessages || SizeBytes >= maxBytes)
            {
                DroppedCount++;
                continue;
            }

            _waiting.Enqueue(message);
            SizeBytes += message.SizeBytes;
        }
    }

    /// <summary>The consumer can take so much more.</summary>
    public void HandleGrant(long messages, long bytes)
    {
        _creditMessages += messages;
        _creditBytes += bytes;
    }

    /// <summary>What the consumer can take now.</summary>
    /// <param name="maxMessageBytes">The longest message that it takes; longer ones are dropped.</param>
    public IReadOnlyList<Delivery> TakeDeliveries(int maxMessageBytes)
    {
        var deliveries = new List<Delivery>();
        while (_creditMessages > 0 && _creditBytes > 0 && _waiting.TryDequeue(out var message))
        {
            SizeBytes -= message.SizeBytes;
            if (message.SizeBytes > maxMessageBytes)
            {
                DroppedCount++;
                continue;
            }

            _creditMessages--;
            _creditBytes -= message.SizeBytes;
            deliveries.Add(new Delivery(++_lastTag, new QueueEntry(_lastTag, message, DeliveryCount: 0)));
        }

        return deliveries;
    }
}
