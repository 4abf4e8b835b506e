namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>Something with one deadline.</summary>
internal interface ITimed
{
    /// <summary>When it is due, in nanoseconds of the monotonic clock.</summary>
    ulong Deadline { get; set; }

    /// <summary>Its place in the heap; -1 while it is in none. Only the heap writes it.</summary>
    int HeapIndex { get; set; }
}

/// <summary>A binary heap of deadlines in which each element knows its place, so that moving a deadline costs a logarithm and leaves nothing stale behind.</summary>
internal sealed class TimerHeap<T>
    where T : class, ITimed
{
    private T[] _items = new T[16];

    /// <summary>Elements in the heap.</summary>
    public int Count { get; private set; }

    /// <summary>The earliest element, or <c>null</c>.</summary>
    public T? Earliest => Count == 0 ? null : _items[0];

    /// <summary>Inserts an element or moves it to another deadline.</summary>
    public void Set(T item, ulong deadline)
    {
        if (item.HeapIndex < 0)
        {
            if (Count == _items.Length)
            {
                Array.Resize(ref _items, Count * 2);
            }

            item.Deadline = deadline;
            Place(item, Count++);
            Rise(item);
            return;
        }

        var earlier = deadline < item.Deadline;
        item.Deadline = deadline;
        if (earlier)
        {
            Rise(item);
        }
        else
        {
            Sink(item);
        }
    }

    /// <summary>Removes an element; no effect if it is not there.</summary>
    public void Remove(T item)
    {
        var index = item.HeapIndex;
        if (index < 0)
        {
            return;
        }

        item.HeapIndex = -1;
        var last = _items[--Count];
        _items[Count] = null!;
        if (last != item)
        {
            Place(last, index);
            Rise(last);
            Sink(last);
        }
    }

    private void Rise(T item)
    {
        var index = item.HeapIndex;
        while (index > 0)
        {
            var parent = (index - 1) / 2;
            if (_items[parent].Deadline <= item.Deadline)
            {
                break;
            }

            Place(_items[parent], index);
            index = parent;
        }

        Place(item, index);
    }

    private void Sink(T item)
    {
        var index = item.HeapIndex;
        while (true)
        {
            var child = (2 * index) + 1;
            if (child >= Count)
            {
                break;
            }

            if (child + 1 < Count && _items[child + 1].Deadline < _items[child].Deadline)
            {
                child++;
            }

            if (_items[child].Deadline >= item.Deadline)
            {
                break;
            }

            Place(_items[child], index);
            index = child;
        }

        Place(item, index);
    }

    private void Place(T item, int index)
    {
        _items[index] = item;
        item.HeapIndex = index;
    }
}
