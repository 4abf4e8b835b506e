using Broker.Protocol;

namespace Broker.Machines.Publishing;

/// <summary>
/// Which messages of a publisher stream wait for which queues. A message is confirmed once every queue that it was routed to has taken it, and rejected
/// once all have answered and one of them could not.
/// </summary>
/// <remarks>Messages are known by slot: 0, 1, 2... in order of arrival, so a ring serves whatever gaps the client leaves in its sequence numbers.</remarks>
public sealed class ConfirmTracker
{
    private Slot[] _ring = new Slot[64];
    private long _firstSlot;
    private int _head;
    private int _count;
    private readonly List<ulong> _confirmed = [];
    private readonly List<(ulong Sequence, FrameFault Fault)> _rejected = [];
    private readonly Dictionary<long, FrameFault> _faults = []; // of slots whose other queues have not all answered

    private struct Slot
    {
        public ulong Sequence;
        public int Remaining;
        public bool IsMandatory;
        public bool IsTaken; // by one of them
    }

    /// <summary>Slots between the oldest unfinished message and the newest one.</summary>
    public int OutstandingCount => _count;

    /// <summary>Whether confirms or rejections wait to be taken.</summary>
    public bool HasOutcomes => _confirmed.Count > 0 || _rejected.Count > 0;

    /// <summary>A message goes to so many queues; none means that it is confirmed as it stands.</summary>
    /// <param name="sequence">The message's sequence.</param>
    /// <param name="targets">How many.</param>
    /// <param name="mandatory">Whether the publisher wants to hear of it if, as it turns out, nobody was there.</param>
    /// <returns>The message's slot.</returns>
    public long Track(ulong sequence, int targets, bool mandatory = false)
    {
        if (targets == 0)
        {
            _confirmed.Add(sequence);
            return -1;
        }

        if (_count == _ring.Length)
        {
            Grow();
        }

        ref var slot = ref _ring[(_head + _count) & (_ring.Length - 1)];
        slot.Sequence = sequence;
        slot.Remaining = targets;
        slot.IsMandatory = mandatory;
        slot.IsTaken = false;
        return _firstSlot + _count++;
    }

    /// <summary>One of the message's queues has answered.</summary>
    /// <param name="slotNumber">The message's slot.</param>
    /// <param name="fault">Why the queue has not taken it; <c>null</c> if it has. The first reason is the one that the publisher gets.</param>
    public void Complete(long slotNumber, FrameFault? fault)
    {
        var index = slotNumber - _firstSlot;
        Invariant.That(index >= 0 && index < _count, "a queue answers once for each message");
        ref var slot = ref _ring[(_head + (int)index) & (_ring.Length - 1)];
        Invariant.That(slot.Remaining > 0, "a queue answers once for each message");
        if (fault is { } reason && (slot.IsMandatory || reason.Code != ErrorCode.Unroutable))
        {
            _faults.TryAdd(slotNumber, reason);
        }

        slot.IsTaken |= fault is null;

        if (--slot.Remaining > 0)
        {
            return;
        }

        if (_faults.Count > 0 && _faults.Remove(slotNumber, out var first) && !(first.Code == ErrorCode.Unroutable && slot.IsTaken))
        {
            _rejected.Add((slot.Sequence, first));
        }
        else
        {
            _confirmed.Add(slot.Sequence);
        }

        while (_count > 0 && _ring[_head].Remaining == 0)
        {
            _head = (_head + 1) & (_ring.Length - 1);
            _firstSlot++;
            _count--;
        }
    }

    /// <summary>Moves the confirmed sequences out as ascending, disjoint, maximal ranges.</summary>
    public void TakeConfirmed(List<SequenceRange> ranges)
    {
        if (_confirmed.Count == 0)
        {
            return;
        }

        for (var i = 1; i < _confirmed.Count; i++)
        {
            if (_confirmed[i] < _confirmed[i - 1])
            {
                _confirmed.Sort(); // several queues answered out of order
                break;
            }
        }

        var first = _confirmed[0];
        var last = first;
        for (var i = 1; i < _confirmed.Count; i++)
        {
            var sequence = _confirmed[i];
            if (sequence != last + 1)
            {
                ranges.Add(new SequenceRange(first, last));
                first = sequence;
            }

            last = sequence;
        }

        ranges.Add(new SequenceRange(first, last));
        _confirmed.Clear();
    }

    /// <summary>Moves the rejected sequences out, with the reasons.</summary>
    public void TakeRejected(List<(ulong Sequence, FrameFault Fault)> sequences)
    {
        sequences.AddRange(_rejected);
        _rejected.Clear();
    }

    private void Grow()
    {
        var ring = new Slot[_ring.Length * 2];
        for (var i = 0; i < _count; i++)
        {
            ring[i] = _ring[(_head + i) & (_ring.Length - 1)];
        }

        _ring = ring;
        _head = 0;
    }
}
