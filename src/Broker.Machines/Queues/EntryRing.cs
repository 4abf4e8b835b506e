using System.Diagnostics.CodeAnalysis;

namespace Broker.Machines.Queues;

/// <summary>
/// Messages in ascending order of position; they join at the end and leave at both. One may leave in the middle as well: it becomes a hole, which keeps its position. The first and the
/// last are never holes, and when most are, they are closed up.
/// </summary>
internal sealed class EntryRing
{
    private const int MinimumCapacity = 16;
    private const int Hole = -1; // a delivery count that no message has
    private QueueEntry[] _ring = new QueueEntry[MinimumCapacity];
    private int _head;
    private int _span; // slots in use, holes included

    public int Count { get; private set; }

    /// <summary>Sum of the sizes of all messages here.</summary>
    public long SizeBytes { get; private set; }

    /// <summary>The first entry. Only if there is one.</summary>
    public ref readonly QueueEntry First => ref _ring[_head];

    /// <summary>The last entry. Only if there is one.</summary>
    public ref readonly QueueEntry Last => ref Slot(_span - 1);

    /// <summary>All entries in order.</summary>
    public IEnumerable<QueueEntry> Entries
    {
        get
        {
            for (var i = 0; i < _span; i++)
            {
                if (Slot(i).DeliveryCount != Hole)
                {
                    yield return Slot(i);
                }
            }
        }
    }

    public void Append(in QueueEntry entry)
    {
        if (_span == _ring.Length)
        {
            Resize(_ring.Length * 2);
        }

        Slot(_span++) = entry;
        Count++;
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
        TrimFront();
        Shrink();
        return true;
    }

    /// <summary>Takes the last one. Only if there is one.</summary>
    public QueueEntry TakeLast()
    {
        var entry = Clear(_span - 1);
        TrimBack();
        Shrink();
        return entry;
    }

    /// <summary>Takes one out by its position.</summary>
    public bool TryRemove(ulong position, out QueueEntry entry)
    {
        entry = default;
        int low = 0, high = _span;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (Slot(middle).Position < position)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        if (low == _span || Slot(low).Position != position || Slot(low).DeliveryCount == Hole)
        {
            return false;
        }

        entry = Clear(low);
        Slot(low) = new QueueEntry(position, default, Hole);
        TrimFront();
        TrimBack();
        if (_span > MinimumCapacity && Count < _span / 2)
        {
            Resize(_ring.Length);
        }

        Shrink();
        return true;
    }

    public void Clear()
    {
        _ring = new QueueEntry[MinimumCapacity];
        _head = _span = Count = 0;
        SizeBytes = 0;
    }

    private ref QueueEntry Slot(int index) => ref _ring[(_head + index) & (_ring.Length - 1)];

    private QueueEntry Clear(int index)
    {
        ref var slot = ref Slot(index);
        var entry = slot;
        slot = new QueueEntry(0, default, Hole); // lets the collector have the block
        Count--;
        SizeBytes -= entry.Message.SizeBytes;
        return entry;
    }

    private void TrimFront()
    {
        while (_span > 0 && Slot(0).DeliveryCount == Hole)
        {
            _head = (_head + 1) & (_ring.Length - 1);
            _span--;
        }
    }

    private void TrimBack()
    {
        while (_span > 0 && Slot(_span - 1).DeliveryCount == Hole)
        {
            _span--;
        }
    }

    private void Shrink()
    {
        if (_ring.Length > MinimumCapacity && _span < _ring.Length / 8)
        {
            Resize(_ring.Length / 2);
        }
    }

    /// <summary>Moves everything to another array, without the holes.</summary>
    private void Resize(int capacity)
    {
        var ring = new QueueEntry[capacity];
        var count = 0;
        for (var i = 0; i < _span; i++)
        {
            if (Slot(i).DeliveryCount != Hole)
            {
                ring[count++] = Slot(i);
            }
        }

        _ring = ring;
        _head = 0;
        _span = count;
    }
}
