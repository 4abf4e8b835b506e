using System.Diagnostics.CodeAnalysis;

namespace Broker.Machines.Queues;

/// <summary>Messages in ascending order of position; they join at the end and leave at both.</summary>
internal sealed class EntryRing
{
    private const int MinimumCapacity = 16;
    private QueueEntry[] _ring = []; // most queues are empty most of the time
    private int _head;

    public int Count { get; private set; }

    /// <summary>Sum of the sizes of all messages here.</summary>
    public long SizeBytes { get; private set; }

    /// <summary>The entry at a place, from 0.</summary>
    public ref readonly QueueEntry this[int index] => ref _ring[(_head + index) & (_ring.Length - 1)];

    public void Append(in QueueEntry entry)
    {
        if (Count == _ring.Length)
        {
            Resize(Math.Max(MinimumCapacity, _ring.Length * 2));
        }

        _ring[(_head + Count++) & (_ring.Length - 1)] = entry;
        SizeBytes += entry.Message.SizeBytes;
    }

    public bool TryTakeFirst([MaybeNullWhen(false)] out QueueEntry entry)
    {
        if (Count == 0)
        {
            entry = default;
            return false;
        }

        entry = Clear(0);
        _head = (_head + 1) & (_ring.Length - 1);
        Shrink();
        return true;
    }

    /// <summary>Takes the last one. Only if there is one.</summary>
    public QueueEntry TakeLast()
    {
        var entry = Clear(Count - 1);
        Shrink();
        return entry;
    }

    public void Clear()
    {
        _ring = [];
        _head = Count = 0;
        SizeBytes = 0;
    }

    private QueueEntry Clear(int index)
    {
        ref var slot = ref _ring[(_head + index) & (_ring.Length - 1)];
        var entry = slot;
        slot = default; // lets the collector have the block
        Count--;
        SizeBytes -= entry.Message.SizeBytes;
        return entry;
    }

    private void Shrink()
    {
        if (_ring.Length > MinimumCapacity && Count < _ring.Length / 8)
        {
            Resize(_ring.Length / 2);
        }
    }

    private void Resize(int capacity)
    {
        var ring = new QueueEntry[capacity];
        for (var i = 0; i < Count; i++)
        {
            ring[i] = this[i];
        }

        _ring = ring;
        _head = 0;
    }
}
