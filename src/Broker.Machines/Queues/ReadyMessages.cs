using System.Diagnostics.CodeAnalysis;

namespace Broker.Machines.Queues;

/// <summary>
/// The messages of a queue that wait for a consumer, in order of position. New ones join at the tail of a ring; those that come back from a consumer
/// go to a heap.
/// </summary>
/// <remarks>Invariant: whatever is in the heap was delivered before, so it precedes everything in the ring, and the heap is always emptied first.</remarks>
internal sealed class ReadyMessages
{
    private const int MinimumCapacity = 16;
    private readonly PriorityQueue<QueueEntry, ulong> _returned = new();
    private QueueEntry[] _ring = new QueueEntry[MinimumCapacity];
    private int _head;
    private int _ringCount;

    public int Count => _ringCount + _returned.Count;

    /// <summary>Sum of the sizes of all messages here.</summary>
    public long SizeBytes { get; private set; }

    /// <summary>Size of the message that <see cref="TryTake"/> would give; zero if there is none.</summary>
    public int NextSizeBytes =>
        _returned.Count > 0 ? _returned.Peek().Message.SizeBytes : _ringCount > 0 ? _ring[_head].Message.SizeBytes : 0;

    public void Append(in QueueEntry entry)
    {
        if (_ringCount == _ring.Length)
        {
            Resize(_ring.Length * 2);
        }

        _ring[(_head + _ringCount++) & (_ring.Length - 1)] = entry;
        SizeBytes += entry.Message.SizeBytes;
    }

    public void Return(in QueueEntry entry)
    {
        _returned.Enqueue(entry, entry.Position);
        SizeBytes += entry.Message.SizeBytes;
    }

    public bool TryTake([MaybeNullWhen(false)] out QueueEntry entry)
    {
        if (_returned.Count > 0)
        {
            entry = _returned.Dequeue();
            if (_returned.Capacity > MinimumCapacity && _returned.Count < _returned.Capacity / 8)
            {
                _returned.TrimExcess();
            }
        }
        else if (_ringCount > 0)
        {
            ref var slot = ref _ring[_head];
            entry = slot;
            slot = default; // lets the collector have the block
            _head = (_head + 1) & (_ring.Length - 1);
            _ringCount--;
            if (_ring.Length > MinimumCapacity && _ringCount < _ring.Length / 8)
            {
                Resize(_ring.Length / 2);
            }
        }
        else
        {
            entry = default;
            return false;
        }

        SizeBytes -= entry.Message.SizeBytes;
        return true;
    }

    /// <summary>The first messages in order, without taking them.</summary>
    public IReadOnlyList<QueueEntry> Peek(int count)
    {
        var result = new List<QueueEntry>(Math.Min(count, Count));
        result.AddRange(_returned.UnorderedItems.Select(i => i.Element).OrderBy(e => e.Position).Take(count));
        for (var i = 0; i < _ringCount && result.Count < count; i++)
        {
            result.Add(_ring[(_head + i) & (_ring.Length - 1)]);
        }

        return result;
    }

    /// <summary>Drops everything and says how many that were.</summary>
    public int Clear()
    {
        var count = Count;
        _returned.Clear();
        _returned.TrimExcess();
        _ring = new QueueEntry[MinimumCapacity];
        _head = _ringCount = 0;
        SizeBytes = 0;
        return count;
    }

    private void Resize(int capacity)
    {
        var ring = new QueueEntry[capacity];
        for (var i = 0; i < _ringCount; i++)
        {
            ring[i] = _ring[(_head + i) & (_ring.Length - 1)];
        }

        _ring = ring;
        _head = 0;
    }
}
