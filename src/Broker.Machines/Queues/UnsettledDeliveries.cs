using Broker.Protocol;

namespace Broker.Machines.Queues;

/// <summary>
/// What one consumer holds and has not settled, by delivery tag. Tags count up by one, so a ring indexed by tag serves, and settling a range costs only its
/// length; settled slots are holes until everything before them is settled too.
/// </summary>
/// <remarks>
/// A consumer may sit on one message for hours and settle millions after it. When holes fill most of a ring that would have to grow, what is held moves to a
/// dictionary, and the ring starts afresh: memory goes with what is held, not with the distance between the oldest tag and the newest,
/// nor with the blocks that they came in.
/// </remarks>
internal sealed class UnsettledDeliveries
{
    private const int MinimumCapacity = 4;
    private const int KeptCapacity = 32; // or a consumer that settles batch by batch would pay for a growing ring with each
    private readonly SortedDictionary<ulong, QueueEntry> _stragglers = []; // all their tags are below _firstTag
    private Slot[] _ring = new Slot[MinimumCapacity];
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

    /// <summary>The lowest tag that is held; the next one if none is.</summary>
    public ulong OldestTag
    {
        get
        {
            if (_stragglers.Count > 0) // or else each delivery would pay for an enumerator
            {
                foreach (var (tag, _) in _stragglers)
                {
                    return tag;
                }
            }

            return _firstTag; // leading holes are dropped
        }
    }

    /// <summary>The tag that the next delivery gets.</summary>
    public ulong NextTag => _firstTag + (ulong)_span;

    public ulong Add(in QueueEntry entry)
    {
        MakeRoom();
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
        if (_span == 0)
        {
            return _firstTag++;
        }

        MakeRoom();
        return _firstTag + (ulong)_span++; // a free slot is a hole already
    }

    /// <summary>Whether each tag of the range is held.</summary>
    public bool Holds(SequenceRange range)
    {
        if (range.Last >= NextTag || range.Last < range.First)
        {
            return false;
        }

        for (var tag = range.First; tag <= range.Last; tag++)
        {
            if (!(tag < _firstTag ? _stragglers.ContainsKey(tag) : At(tag).Held))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Removes a held delivery and gives it back.</summary>
    public QueueEntry Remove(ulong tag)
    {
        QueueEntry entry;
        if (tag >= _firstTag || !_stragglers.Remove(tag, out entry))
        {
            Invariant.That(tag >= _firstTag && tag < NextTag && At(tag).Held, "a delivery is settled once");
            entry = At(tag).Entry;
            At(tag) = default;
            DropLeadingHoles();
        }

        Count--;
        SizeBytes -= entry.Message.SizeBytes;
        return entry;
    }

    /// <summary>All held deliveries in tag order.</summary>
    public IEnumerable<Delivery> All()
    {
        foreach (var (tag, entry) in _stragglers)
        {
            yield return new Delivery(tag, entry);
        }

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

    private void DropLeadingHoles()
    {
        while (_span > 0 && !_ring[_head].Held)
        {
            _head = (_head + 1) & (_ring.Length - 1);
            _firstTag++;
            _span--;
        }

        if (_ring.Length > KeptCapacity && _span < _ring.Length / 8)
        {
            Resize(_ring.Length / 2);
        }
    }

    private void MakeRoom()
    {
        if (_span < _ring.Length)
        {
            return;
        }

        var heldInRing = Count - _stragglers.Count;
        if (heldInRing > _span / 4)
        {
            Resize(_ring.Length * 2);
            return;
        }

        for (var tag = _firstTag; tag < NextTag; tag++)
        {
            ref var slot = ref At(tag);
            if (slot.Held)
            {
                _stragglers.Add(tag, slot.Entry with { Message = slot.Entry.Message.WithOwnBytes() }); // the block of its batch is mostly settled, too
                slot = default;
            }
        }

        _firstTag = NextTag;
        _span = 0;
    }

    private void Resize(int capacity)
    {
        var ring = new Slot[capacity];
        for (var i = 0; i < _span; i++)
        {
            ring[i] = _ring[(_head + i) & (_ring.Length - 1)];
        }

        _ring = ring;
        _head = 0;
    }
}
