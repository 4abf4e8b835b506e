using System.Buffers;
using System.Numerics;
using Broker.Client.Telemetry;

namespace Broker.Client.Publishing;

/// <summary>The messages of one publisher that wait for an outcome, by their consecutive sequences: a ring that is never longer than the window.</summary>
internal sealed class InFlightWindow
{
    private readonly Slot[] _slots;
    private readonly int _maxMessages;
    private readonly long _maxBytes;
    private readonly RetainedFrames _frames = new();
    private PublishObservation?[]? _observations; // beside the slots, once somebody watches

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

    /// <summary>Messages without an outcome.</summary>
    public int Count { get; private set; }

    public bool IsEmpty => Oldest == Next;

    public bool HasRoom => Next - Oldest < (ulong)_maxMessages && Bytes < _maxBytes;

    /// <summary>Whether a quarter of the window is free, so that waking somebody is worth it.</summary>
    public bool HasAmpleRoom => HasRoom && Next - Oldest <= (ulong)(_maxMessages - ((_maxMessages + 3) / 4)) && Bytes <= _maxBytes - (_maxBytes / 4);

    /// <summary>Takes in the next message. Only with <see cref="HasRoom"/>.</summary>
    /// <param name="sizeBytes">Its encoded size.</param>
    /// <param name="waiter">Who waits for its outcome, if anybody.</param>
    /// <param name="frame">Its PUBLISH, to be kept until it has an outcome; empty: it will not be sent again.</param>
    /// <param name="observation">Who watches it, if anybody.</param>
    public void Add(int sizeBytes, TaskCompletionSource? waiter, ReadOnlySpan<byte> frame = default, PublishObservation? observation = null)
    {
        _slots[Index(Next)] = new Slot
        {
            Waiter = waiter, SizeBytes = sizeBytes, State = SlotState.Pending, Frame = frame.IsEmpty ? default : _frames.Add(frame),
        };
        if (observation is not null)
        {
            _observations ??= new PublishObservation?[_slots.Length];
            _observations[Index(Next)] = observation;
        }

        Next++;
        Count++;
        Bytes += sizeBytes;
    }

    /// <summary>Gives a message its outcome.</summary>
    /// <returns><c>false</c> if it has one already or was never published.</returns>
    public bool TryTake(ulong sequence, out TaskCompletionSource? waiter)
    {
        ref var slot = ref _slots[Index(sequence)];
        if (sequence < Oldest || sequence >= Next || slot.State != SlotState.Pending)
        {
            waiter = null;
            return false;
        }

        waiter = slot.Waiter;
        Bytes -= slot.SizeBytes;
        Count--;
        _frames.Remove(slot.Frame);
        slot = default;
        while (Oldest < Next && _slots[Index(Oldest)].State == SlotState.Free)
        {
            Oldest++;
        }

        return true;
    }

    /// <summary>Whether the message waits for an outcome of the stream that it was sent on last.</summary>
    /// <param name="sequence">Its sequence.</param>
    /// <param name="deferredAt">When it was put off for the first time; 0 if it was not.</param>
    public bool IsPending(ulong sequence, out long deferredAt)
    {
        ref var slot = ref _slots[Index(sequence)];
        deferredAt = slot.DeferredAt;
        return sequence >= Oldest && sequence < Next && slot.State == SlotState.Pending;
    }

    /// <summary>A message that <see cref="IsPending"/> is to be sent again: it has no outcome, and gets none on this stream.</summary>
    public void Defer(ulong sequence, long now)
    {
        ref var slot = ref _slots[Index(sequence)];
        slot.State = SlotState.Deferred;
        slot.DeferredAt = slot.DeferredAt == 0 ? now : slot.DeferredAt;
    }

    /// <summary>Writes the PUBLISH of everything without an outcome, in order: it is sent on a new stream.</summary>
    public void WriteAgain(IBufferWriter<byte> writer)
    {
        for (var sequence = Oldest; sequence < Next; sequence++)
        {
            ref var slot = ref _slots[Index(sequence)];
            if (slot.State != SlotState.Free)
            {
                slot.State = SlotState.Pending;
                writer.Write(slot.Frame.Bytes);
            }
        }
    }

    /// <summary>Takes who watches a message, which has its outcome now or gets none; <c>null</c> if nobody does.</summary>
    public PublishObservation? TakeObservation(ulong sequence)
    {
        if (_observations is null || _observations[Index(sequence)] is not { } observation)
        {
            return null;
        }

        _observations[Index(sequence)] = null;
        return observation;
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

    private enum SlotState
    {
        Free,
        Pending,
        Deferred,
    }

    private struct Slot
    {
        public TaskCompletionSource? Waiter;
        public RetainedFrame Frame;
        public long DeferredAt;
        public int SizeBytes;
        public SlotState State;
    }
}
