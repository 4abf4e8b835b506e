using System.Numerics;

namespace Broker.Client.Publishing;

/// <summary>The messages of one publish stream that wait for an outcome, by their consecutive sequences: a ring that is never longer than the window.</summary>
internal sealed class InFlightWindow
{
    private readonly Slot[] _slots;
    private readonly int _maxMessages;
    private readonly long _maxBytes;

    public InFlightWindow(int maxMessages, long maxBytes, ulong firstSequence)
    {
        _slots = new Slot[BitOperations.RoundUpToPowerOf2((uint)maxMessages)];
        _maxMessages = maxMessages;
        _maxBytes = maxBytes;
        Next = firstSequence;
        Oldest = firstSequence;
    }

    /// <summary>The sequence of the next message.</summary>
    public ulong Next { get; private set; }

    /// <summary>The lowest sequence without an outcome; <see cref="Next"/> if all have one.</summary>
    public ulong Oldest { get; private set; }

    /// <summary>Bytes of messages without an outcome.</summary>
    public long Bytes { get; private set; }

    public bool HasRoom => Next - Oldest < (ulong)_maxMessages && Bytes < _maxBytes;

    /// <summary>Whether a quarter of the window is free, so that waking somebody is worth it.</summary>
    public bool HasAmpleRoom => HasRoom && Next - Oldest <= (ulong)(_maxMessages - ((_maxMessages + 3) / 4)) && Bytes <= _maxBytes - (_maxBytes / 4);

    /// <summary>Takes in the next message. Only with <see cref="HasRoom"/>.</summary>
    /// <param name="sizeBytes">Its encoded size.</param>
    /// <param name="waiter">Who waits for its outcome, if anybody.</param>
    public void Add(int sizeBytes, TaskCompletionSource? waiter)
    {
        _slots[Index(Next)] = new Slot { Waiter = waiter, SizeBytes = sizeBytes, IsPending = true };
        Next++;
        Bytes += sizeBytes;
    }

    /// <summary>Gives a message its outcome.</summary>
    /// <returns><c>false</c> if it has one already or was never published.</returns>
    public bool TryTake(ulong sequence, out TaskCompletionSource? waiter)
    {
        ref var slot = ref _slots[Index(sequence)];
        if (sequence < Oldest || sequence >= Next || !slot.IsPending)
        {
            waiter = null;
            return false;
        }

        waiter = slot.Waiter;
        Bytes -= slot.SizeBytes;
        slot = default;
        while (Oldest < Next && !_slots[Index(Oldest)].IsPending)
        {
            Oldest++;
        }

        return true;
    }

    /// <summary>Takes everybody who still waits.</summary>
    public IEnumerable<TaskCompletionSource> TakeWaiters()
    {
        for (var sequence = Oldest; sequence < Next; sequence++)
        {
            if (_slots[Index(sequence)].Waiter is { } waiter)
            {
                yield return waiter;
            }
        }
    }

    private int Index(ulong sequence) => (int)(sequence & (ulong)(_slots.Length - 1));

    private struct Slot
    {
        public TaskCompletionSource? Waiter;
        public int SizeBytes;
        public bool IsPending;
    }
}
