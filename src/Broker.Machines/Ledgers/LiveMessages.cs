namespace Broker.Machines.Ledgers;

/// <summary>Positions of a queue, both ends included.</summary>
/// <param name="First">The lowest.</param>
/// <param name="Last">The highest, at least <paramref name="First"/>.</param>
public readonly record struct PositionRange(ulong First, ulong Last)
{
    /// <summary>How many positions there are.</summary>
    public ulong Count => Last - First + 1;

    /// <summary>Adds a position to a list under construction: extends the last range if the position follows it.</summary>
    public static void Append(List<PositionRange> ranges, ulong position)
    {
        if (ranges.Count > 0 && ranges[^1].Last + 1 == position)
        {
            ranges[^1] = ranges[^1] with { Last = position };
        }
        else
        {
            ranges.Add(new PositionRange(position, position));
        }
    }
}

/// <summary>Messages that are in a queue, and how often each was handed out.</summary>
/// <param name="First">Position of the first.</param>
/// <param name="Last">Position of the last.</param>
/// <param name="DeliveryCount">How often each of them was handed to a consumer.</param>
/// <param name="Priority">The priority of each of them that counts in the queue, 0 to 31.</param>
public readonly record struct LiveRange(ulong First, ulong Last, int DeliveryCount, int Priority = 0)
{
    /// <summary>Whether the two could be one range if they were neighbours.</summary>
    internal bool IsLike(in LiveRange other) => DeliveryCount == other.DeliveryCount && Priority == other.Priority;
}

/// <summary>
/// The messages of a queue by position, as ranges with the same delivery count and priority: a backlog of any length is one range, and memory goes with the number of gaps and changes.
/// </summary>
/// <remarks>Ranges lie in chunks, so that a change in the middle moves a chunk and not everything behind it.</remarks>
public sealed class LiveMessages
{
    private const int MaxChunk = 128;
    private static readonly List<List<LiveRange>> s_nothing = []; // of all that never had a message; nothing is ever added to it
    private List<List<LiveRange>> _chunks = s_nothing; // none is empty; ranges ascend, and neighbours that could be one are one

    /// <summary>Number of messages.</summary>
    public ulong Count { get; private set; }

    /// <summary>The lowest position; 0 if there is none.</summary>
    public ulong First => _chunks.Count > 0 ? _chunks[0][0].First : 0;

    /// <summary>Number of ranges.</summary>
    public int RangeCount => _chunks.Sum(c => c.Count);

    /// <summary>Adds messages behind all that are there.</summary>
    public void Add(ulong first, ulong last, int deliveryCount = 0, int priority = 0)
    {
        var range = new LiveRange(first, last, deliveryCount, priority);
        Invariant.That(first <= last && (_chunks.Count == 0 || first > _chunks[^1][^1].Last), "messages join at the end");
        Count += last - first + 1;
        if (_chunks.Count > 0 && _chunks[^1][^1] is var end && end.Last + 1 == first && end.IsLike(range))
        {
            _chunks[^1][^1] = end with { Last = last };
            return;
        }

        if (_chunks.Count == 0 || _chunks[^1].Count >= MaxChunk)
        {
            _chunks = ReferenceEquals(_chunks, s_nothing) ? [] : _chunks;
            _chunks.Add([]);
        }

        _chunks[^1].Add(range);
    }

    /// <summary>Adds messages anywhere. None of the positions may be here.</summary>
    public void Insert(ulong first, ulong last, int deliveryCount)
    {
        var (chunk, index) = Find(first);
        if (chunk == _chunks.Count)
        {
            Add(first, last, deliveryCount);
            return;
        }

        Invariant.That(first <= last && last < _chunks[chunk][index].First, "a message is in a place once");
        Count += last - first + 1;
        (chunk, index) = Insert(chunk, index, new LiveRange(first, last, deliveryCount));
        JoinWithPrevious(chunk, index);
        (chunk, index) = Find(last + 1);
        JoinWithPrevious(chunk, index);
    }

    /// <summary>Those of the positions that are here were handed out once more.</summary>
    public void Deliver(ulong first, ulong last) => Change(first, last, static r => r with { DeliveryCount = r.DeliveryCount + 1 });

    /// <summary>Those of the positions that are here have this priority.</summary>
    public void SetPriority(ulong first, ulong last, int priority) => Change(first, last, r => r with { Priority = priority });

    /// <summary>Takes the positions out.</summary>
    /// <returns>How many of them were here.</returns>
    public ulong Remove(ulong first, ulong last)
    {
        var before = Count;
        Change(first, last, change: null);
        return before - Count;
    }

    /// <summary>How often the message was handed out.</summary>
    /// <returns><c>false</c> if it is not here.</returns>
    public bool TryGetDeliveryCount(ulong position, out int deliveryCount)
    {
        var isHere = TryGet(position, out var range);
        deliveryCount = range.DeliveryCount;
        return isHere;
    }

    /// <summary>The range that a message is in.</summary>
    /// <returns><c>false</c> if it is not here.</returns>
    public bool TryGet(ulong position, out LiveRange range)
    {
        var (chunk, index) = Find(position);
        var isHere = chunk < _chunks.Count && _chunks[chunk][index].First <= position;
        range = isHere ? _chunks[chunk][index] : default;
        return isHere;
    }

    /// <summary>Whether any of the positions is here.</summary>
    public bool HasAny(ulong first, ulong last)
    {
        var (chunk, index) = Find(first);
        return chunk < _chunks.Count && _chunks[chunk][index].First <= last;
    }

    /// <summary>What is here of the positions, in order.</summary>
    public IEnumerable<LiveRange> Ranges(ulong first = 0, ulong last = ulong.MaxValue)
    {
        var (chunk, index) = Find(first);
        for (; chunk < _chunks.Count; chunk++, index = 0)
        {
            for (; index < _chunks[chunk].Count; index++)
            {
                var range = _chunks[chunk][index];
                if (range.First > last)
                {
                    yield break;
                }

                yield return range with { First = Math.Max(range.First, first), Last = Math.Min(range.Last, last) };
            }
        }
    }

    /// <summary>The first range that ends at or after the position; the end if there is none.</summary>
    private (int Chunk, int Index) Find(ulong position)
    {
        int low = 0, high = _chunks.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_chunks[middle][^1].Last < position)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        if (low == _chunks.Count)
        {
            return (low, 0);
        }

        var chunk = _chunks[low];
        int from = 0, to = chunk.Count - 1;
        while (from < to)
        {
            var middle = (from + to) / 2;
            if (chunk[middle].Last < position)
            {
                from = middle + 1;
            }
            else
            {
                to = middle;
            }
        }

        return (low, from);
    }

    /// <summary>Changes messages, or (<c>null</c>) takes them out.</summary>
    private void Change(ulong first, ulong last, Func<LiveRange, LiveRange>? change)
    {
        var (chunk, index) = Find(first);
        while (first <= last && chunk < _chunks.Count && _chunks[chunk][index].First <= last)
        {
            var range = _chunks[chunk][index];
            var from = Math.Max(range.First, first);
            var to = Math.Min(range.Last, last);
            if (range.First < from)
            {
                _chunks[chunk][index] = range with { Last = from - 1 };
                (chunk, index) = Insert(chunk, index + 1, range with { First = from });
            }

            if (to < range.Last)
            {
                _chunks[chunk][index] = range with { First = from, Last = to };
                Insert(chunk, index + 1, range with { First = to + 1 });
                (chunk, index) = Find(from); // the chunk may have been split
            }

            if (change is null)
            {
                Count -= to - from + 1;
                RemoveAt(chunk, index);
            }
            else
            {
                _chunks[chunk][index] = change(range with { First = from, Last = to });
                JoinWithPrevious(chunk, index);
            }

            if (to == ulong.MaxValue)
            {
                return;
            }

            first = to + 1; // what was changed may become one with what comes next, and is not to be changed twice
            (chunk, index) = Find(first);
            if (change is not null && chunk < _chunks.Count)
            {
                JoinWithPrevious(chunk, index);
                (chunk, index) = Find(first);
            }
        }
    }

    private (int Chunk, int Index) Insert(int chunk, int index, LiveRange range)
    {
        var list = _chunks[chunk];
        if (list.Count >= MaxChunk)
        {
            var half = list.Count / 2;
            _chunks.Insert(chunk + 1, list[half..]);
            list.RemoveRange(half, list.Count - half);
            if (index > half)
            {
                chunk++;
                index -= half;
                list = _chunks[chunk];
            }
        }

        list.Insert(index, range);
        return (chunk, index);
    }

    private void RemoveAt(int chunk, int index)
    {
        _chunks[chunk].RemoveAt(index);
        if (_chunks[chunk].Count == 0)
        {
            _chunks.RemoveAt(chunk);
        }
        else if (_chunks[chunk].Count < MaxChunk / 4)
        {
            JoinWithNext(chunk);
            JoinWithNext(chunk - 1);
        }
    }

    /// <summary>Two chunks become one if that leaves room in it: those that are nearly empty would cost as much as full ones.</summary>
    private void JoinWithNext(int chunk)
    {
        if (chunk >= 0 && chunk + 1 < _chunks.Count && _chunks[chunk].Count + _chunks[chunk + 1].Count <= MaxChunk / 2)
        {
            _chunks[chunk].AddRange(_chunks[chunk + 1]);
            _chunks.RemoveAt(chunk + 1);
        }
    }

    private void JoinWithPrevious(int chunk, int index)
    {
        var (before, at) = index > 0 ? (chunk, index - 1) : (chunk - 1, chunk > 0 ? _chunks[chunk - 1].Count - 1 : 0);
        if (before < 0)
        {
            return;
        }

        var previous = _chunks[before][at];
        var range = _chunks[chunk][index];
        if (previous.Last + 1 == range.First && previous.IsLike(range))
        {
            _chunks[before][at] = previous with { Last = range.Last };
            RemoveAt(chunk, index);
        }
    }
}
