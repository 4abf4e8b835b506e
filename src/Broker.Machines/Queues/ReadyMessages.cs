using Broker.Machines.Ledgers;
using Broker.Machines.Messages;

namespace Broker.Machines.Queues;

/// <summary>What became of taking the next message.</summary>
internal enum TakeResult
{
    /// <summary>Here it is.</summary>
    Taken,

    /// <summary>There is none.</summary>
    Empty,

    /// <summary>It is on disk only, and must be read first.</summary>
    Absent,
}

/// <summary>
/// The messages of a queue that wait for a consumer, in order of position. New ones join at the tail of a ring; those that come back from a consumer
/// go to a heap. Of a long queue only the first and the newest are in memory; of what lies between, and of what came back without its bytes, only the positions are.
/// </summary>
/// <remarks>
/// Invariant: positions ascend from the head ring over the absent ones that were never handed out to the tail ring. Whatever was handed out before, loaded or absent,
/// precedes those that were not, as long as all leave in order.
/// </remarks>
internal sealed class ReadyMessages
{
    private const int MinimumCapacity = 16;
    private readonly PriorityQueue<QueueEntry, ulong> _returned = new();
    private readonly LiveMessages _absent = new();
    private EntryRing _head = new();
    private EntryRing _tail = new();
    private long _returnedBytes;
    private QueueEntry _front;

    /// <summary>Number of messages, absent ones included.</summary>
    public long Count => LoadedCount + (long)_absent.Count;

    /// <summary>Number of messages in memory.</summary>
    public long LoadedCount => _head.Count + _tail.Count + _returned.Count;

    /// <summary>Sum of the sizes of the messages in memory.</summary>
    public long LoadedBytes => _head.SizeBytes + _tail.SizeBytes + _returnedBytes;

    /// <summary>The lowest position that is on disk only; 0 if there is none.</summary>
    public ulong FirstAbsent => _absent.First;

    /// <summary>Bytes in memory that come before any absent message that was never handed out.</summary>
    public long ReadyToGoBytes => _head.SizeBytes + _returnedBytes + (_absent.Count == 0 ? _tail.SizeBytes : 0);

    /// <summary>Size of the message that <see cref="TryTake"/> would give; zero if it would give none.</summary>
    public int NextSizeBytes => Front(out var result) is var front && result == TakeResult.Taken ? front.Message.SizeBytes : 0;

    /// <summary>The message that <see cref="TryTake"/> would give; of one that is absent, only the position counts.</summary>
    public ref readonly QueueEntry Front(out TakeResult result)
    {
        result = Next(out var source);
        if (result == TakeResult.Taken && source is not null)
        {
            return ref source.First;
        }

        _front = result switch
        {
            TakeResult.Taken => _returned.Peek(),
            TakeResult.Absent => new QueueEntry(_absent.First, default, 0),
            _ => default,
        };
        return ref _front;
    }

    public void Append(in QueueEntry entry) => (_tail.Count > 0 || _absent.Count > 0 ? _tail : _head).Append(entry);

    /// <summary>Takes back a message that was handed out, with its bytes or without.</summary>
    public void Return(in QueueEntry entry)
    {
        if (entry.Message.IsLoaded)
        {
            _returned.Enqueue(entry, entry.Position);
            _returnedBytes += entry.Message.SizeBytes;
        }
        else
        {
            _absent.Insert(entry.Position, entry.Position, entry.DeliveryCount);
        }
    }

    /// <summary>Takes in messages of which only the positions are known.</summary>
    public void AddAbsent(in LiveRange range) => _absent.Insert(range.First, range.Last, range.DeliveryCount);

    public TakeResult TryTake(out QueueEntry entry)
    {
        var result = Next(out var source);
        entry = default;
        if (result != TakeResult.Taken)
        {
            return result;
        }

        if (source is not null)
        {
            source.TryTakeFirst(out entry);
            SwapIfDone();
        }
        else
        {
            entry = TakeReturned();
        }

        return result;
    }

    /// <summary>Takes the first one out, in memory or not; without a size if it is absent.</summary>
    public void TakeFront(out QueueEntry entry)
    {
        if (TryTake(out entry) == TakeResult.Absent)
        {
            TryRemove(_absent.First, out entry);
        }
    }

    /// <summary>Takes one out by its position, wherever it is.</summary>
    /// <param name="position">Its position.</param>
    /// <param name="entry">The message; without a size if it is absent.</param>
    public bool TryRemove(ulong position, out QueueEntry entry)
    {
        if (_absent.TryGetDeliveryCount(position, out var deliveryCount))
        {
            _absent.Remove(position, position);
            entry = new QueueEntry(position, default, deliveryCount);
            return true;
        }

        if (_tail.TryRemove(position, out entry))
        {
            return true;
        }

        if (_head.TryRemove(position, out entry))
        {
            SwapIfDone();
            return true;
        }

        foreach (var (returned, _) in _returned.UnorderedItems)
        {
            if (returned.Position == position)
            {
                entry = returned;
                _returned.Remove(returned, out _, out _);
                _returnedBytes -= returned.Message.SizeBytes;
                return true;
            }
        }

        return false;
    }

    /// <summary>The messages were read: those that are absent here join the ones in memory.</summary>
    public void Load(IReadOnlyList<(ulong Position, StoredMessage Message)> messages)
    {
        foreach (var (position, message) in messages)
        {
            if (!_absent.TryGetDeliveryCount(position, out var deliveryCount))
            {
                continue;
            }

            _absent.Remove(position, position);
            var entry = new QueueEntry(position, message, deliveryCount);
            if ((_head.Count == 0 || position > _head.Last.Position) && (_tail.Count == 0 || position < _tail.First.Position))
            {
                _head.Append(entry);
            }
            else
            {
                Return(entry);
            }
        }
    }

    /// <summary>Those of the positions that are still absent cannot be read: they are given up.</summary>
    public List<PositionRange> Lose(ulong first, ulong last)
    {
        var lost = _absent.Ranges(first, last).Select(r => new PositionRange(r.First, r.Last)).ToList();
        _absent.Remove(first, last);
        return lost;
    }

    /// <summary>Leaves bytes to the disk until no more than so many are in memory: half of them at the head, half at the tail.</summary>
    public void Unload(long keepBytes, long keepMessages)
    {
        while (_tail.Count > 0 && (_tail.SizeBytes > keepBytes / 2 || _tail.Count > keepMessages / 2))
        {
            _tail.TryTakeFirst(out var entry);
            Leave(entry);
        }

        while (_head.Count > 0 && (_head.SizeBytes > keepBytes / 2 || _head.Count > keepMessages / 2))
        {
            Leave(_head.TakeLast());
        }

        if (_returnedBytes > keepBytes || _returned.Count > keepMessages)
        {
            UnloadReturned(keepBytes, keepMessages);
        }
    }

    /// <summary>The first messages in order, without taking them, as far as they are in memory.</summary>
    /// <param name="count">How many.</param>
    /// <param name="complete"><c>false</c> if there are more, which must be read first.</param>
    public IReadOnlyList<QueueEntry> Peek(int count, out bool complete)
    {
        var result = new List<QueueEntry>((int)Math.Min(count, LoadedCount));
        var returned = _returned.UnorderedItems.Select(i => i.Element).OrderBy(e => e.Position).Take(count);
        result.AddRange(returned);
        result.AddRange(_head.Entries.Take(count));
        result.AddRange(_tail.Entries.Take(count));

        result.Sort(static (a, b) => a.Position.CompareTo(b.Position));
        var reach = _absent.Count > 0 ? result.FindIndex(e => e.Position > _absent.First) is var at and >= 0 ? at : result.Count : result.Count;
        complete = reach >= count || _absent.Count == 0;
        return result[..Math.Min(count, reach)];
    }

    /// <summary>The positions of all messages.</summary>
    public List<PositionRange> Positions()
    {
        var ranges = _absent.Ranges().Select(r => new PositionRange(r.First, r.Last)).ToList();
        foreach (var entry in _head.Entries.Concat(_tail.Entries).Concat(_returned.UnorderedItems.Select(i => i.Element)))
        {
            PositionRange.Append(ranges, entry.Position);
        }

        return ranges;
    }

    /// <summary>Drops everything and says how many that were.</summary>
    public long Clear()
    {
        var count = Count;
        _returned.Clear();
        _returned.TrimExcess();
        _returnedBytes = 0;
        _head.Clear();
        _tail.Clear();
        _absent.Remove(0, ulong.MaxValue);
        return count;
    }

    /// <summary>Where the message with the lowest position is: a ring, or (<c>null</c>) the heap.</summary>
    private TakeResult Next(out EntryRing? ring)
    {
        ring = _head.Count > 0 ? _head : _tail.Count > 0 ? _tail : null;
        var position = ring is null ? ulong.MaxValue : ring.First.Position;
        if (_returned.TryPeek(out _, out var returned) && returned < position)
        {
            position = returned;
            ring = null;
        }

        return _absent.Count > 0 && _absent.First < position ? TakeResult.Absent : position == ulong.MaxValue ? TakeResult.Empty : TakeResult.Taken;
    }

    private void SwapIfDone()
    {
        if (_head.Count == 0 && _absent.Count == 0)
        {
            (_head, _tail) = (_tail, _head);
        }
    }

    private QueueEntry TakeReturned()
    {
        var entry = _returned.Dequeue();
        _returnedBytes -= entry.Message.SizeBytes;
        if (_returned.Capacity > MinimumCapacity && _returned.Count < _returned.Capacity / 8)
        {
            _returned.TrimExcess();
        }

        return entry;
    }

    /// <summary>Those that go first stay.</summary>
    private void UnloadReturned(long keepBytes, long keepMessages)
    {
        var entries = _returned.UnorderedItems.Select(i => i.Element).OrderBy(e => e.Position).ToList();
        _returned.Clear();
        _returnedBytes = 0;
        var kept = 0;
        while (kept < entries.Count && kept < keepMessages && _returnedBytes + entries[kept].Message.SizeBytes <= keepBytes)
        {
            Return(entries[kept++]);
        }

        foreach (var entry in entries[kept..])
        {
            Leave(entry);
        }
    }

    private void Leave(in QueueEntry entry) => _absent.Insert(entry.Position, entry.Position, entry.DeliveryCount);
}
