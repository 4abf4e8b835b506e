using Broker.Machines.Messages;

namespace Broker.Machines.Queues;

/// <summary>A message in a queue.</summary>
/// <param name="Position">Order of arrival in the queue, 1, 2, 3...; a message that returns keeps its position.</param>
/// <param name="Message">The message.</param>
/// <param name="DeliveryCount">How often it was handed to a consumer so far.</param>
public readonly record struct QueueEntry(ulong Position, StoredMessage Message, int DeliveryCount);

/// <summary>A message on its way to a consumer.</summary>
/// <param name="Tag">The consumer's delivery tag: 1, 2, 3... per consumer.</param>
/// <param name="Entry">The message as it was before this delivery: its count does not include it.</param>
public readonly record struct Delivery(ulong Tag, QueueEntry Entry)
{
    /// <summary>Whether some consumer may have seen the message before.</summary>
    public bool Redelivered => Entry.DeliveryCount > 0;
}
