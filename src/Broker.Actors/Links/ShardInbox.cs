using Broker.Machines;

namespace Broker.Actors.Links;

/// <summary>What was handed to a receiver and not taken yet. While it has no room, the stream is not read.</summary>
internal sealed class ShardInbox(int roomBytes)
{
    private readonly Queue<int> _untaken = new(); // costs, in the order in which they were handed over
    private long _bytes;

    public bool HasRoom => _bytes < roomBytes;

    public void Add(ReadOnlyMemory<byte> message)
    {
        _untaken.Enqueue(ShardCost.Of(message));
        _bytes += ShardCost.Of(message);
    }

    /// <summary>The receiver is done with so many.</summary>
    public void Take(int messages)
    {
        Invariant.That(messages <= _untaken.Count, $"the receiver of a shard says that it has taken {messages} messages; it was given {_untaken.Count}");
        for (var taken = 0; taken < messages; taken++)
        {
            _bytes -= _untaken.Dequeue();
        }
    }
}
