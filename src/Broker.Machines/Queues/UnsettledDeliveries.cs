using Broker.Protocol;

namespace Broker.Machines.Queues;

/// <summary>
/// What one consumer holds and has not settled, by delivery tag. Tags count up by one, so a ring indexed by tag serves, and settling a range costs only its
/// length; settled slots are holes until everything before them is settled too.
/// </summary>
internal sealed class UnsettledDeliveries
{
    private Slot[] _ring = new Slot[4];
    private ulong _firstTag = 1; // tag of the slot at _head
    private int _head;
    private int _span; // slots in use, holes included

    private struct Slot
    {
        public QueueEntry Entry;
        public bool Held;
    }

    /// <summary>Deliveries not settled.</summary>
    public int Count { get; private set; }

    /// <summary>Sum of their sizes.</summary>
    public long SizeBytes { get; private set; }

    /// <summary>The tag that the next delivery gets.</summary>
    public ulong NextTag => _firstTag + (ulong)_span;

    public ulong Add(in QueueEntry entry)
    {
        if (_span == _ring.Length)
        {
            Grow();
        }

        ref var slot = ref _ring[(_head + _span) & (_ring.Length - 1)];
        slot.Entry = entry;
        slot.Held = true;
        Count++;
        SizeBytes += entry.Message.SizeBytes;
        return _firstTag + (ulong)_span++;
    }

    /// <summary>Uses up a tag for a delivery that needs no settlement.</summary>
    public ulong Skip()
    {
        var tag = NextTag;
        if (_span == 0)
        {
            _firstTag++;
            return tag;
        }

        if (_span == _ring.Length)
        {
            Grow();
        }

        _ring[(_head + _span++) & (_ring.Length - 1)] = default;
        return tag;
    }

    /// <summary>Whether each tag of the range is held.</summary>
    public bool Holds(SequenceRange range)
    {
        if (range.First < _firstTag || range.Last >= NextTag || range.Last < range.First)
        {
            return false;
        }

        for (var tag = range.First; tag <= range.Last; tag++)
        {
            if (!At(tag).Held)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Removes a held delivery and gives it back.</summary>
    public QueueEntry Remove(ulong tag)
    {
        ref var slot = ref At(tag);
        Invariant.That(slot.Held, "a delivery is settled once");
        var entry = slot.Entry;
        slot = default;
        Count--;
        SizeBytes -= entry.Message.SizeBytes;
        while (_span > 0 && !_ring[_head].Held)
        {
            _head = (_head + 1) & (_ring.Length - 1);
            _firstTag++;
            _span--;
        }

        return entry;
    }

    /// <summary>All held deliveries in tag order.</summary>
    public IEnumerable<Delivery> All()
    {
        for (var i = 0; i < _span; i++)
        {
            var slot = _ring[(_head + i) & (_ring.Length - 1)];
            if (slot.Held)
            {
                yield return new Delivery(_firstTag + (ulong)i, slot.Entry);
            }
        }
    }

    private ref Slot At(ulong tag) => ref _ring[(_head + (int)(tag - _firstTag)) & (_ring.Length - 1)];

    private void Grow()
    {
        var ring = new Slot[_ring.Length * 2];
        for (var i = 0; i < _span; i++)
        {
            ring[i] = _ring[(_head + i) & (_ring.Length - 1)];
        }

        _ring = ring;
        _head = 0;
    }
}
