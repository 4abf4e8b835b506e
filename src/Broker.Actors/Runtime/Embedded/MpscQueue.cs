using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Broker.Actors.Runtime.Embedded;

/// <summary>
/// Bounded FIFO queue for many producers and one consumer, lock-free. The user messages of a mailbox.
/// </summary>
/// <remarks>
/// <para>A ring that is used in place while it suffices; when it is full, a producer freezes it and links a ring twice as long, up to
/// <see cref="MaxRingLength"/>. So a short queue stays small, a steady one allocates nothing, and a long backlog costs 16 bytes a
/// message and is given back to the collector when it has been worked off.</para>
/// <para>Positions count messages from the queue's beginning, over all rings. A producer claims the position at the tail by
/// compare-and-swap, then fills the slot; a slot whose message is null has been claimed but is not filled yet.</para>
/// </remarks>
internal sealed class MpscQueue
{
    private const int InitialRingLength = 2;
    private const int MaxRingLength = 1024;
    private const long Frozen = 1L << 62;

    private readonly int _capacity;
    private Ring _tailRing;
    private Ring _headRing;
    private PaddedPosition _head;

    public MpscQueue(int capacity)
    {
        _capacity = capacity;
        _tailRing = _headRing = new Ring(0, InitialRingLength);
    }

    /// <summary>Claimed positions that the consumer has not passed, from any thread.</summary>
    public int Count
    {
        get
        {
            var head = Volatile.Read(ref _head.Value);
            var ring = Volatile.Read(ref _tailRing);
            return (int)Math.Max(0, (Volatile.Read(ref ring.Tail) & ~Frozen) - head);
        }
    }

    /// <summary>
    /// False as soon as a producer has claimed a position, even if the message cannot be taken yet. From any thread.
    /// </summary>
    public bool IsEmpty => Count == 0;

    /// <summary>Appends a message. From any thread.</summary>
    /// <returns>False if the queue holds its capacity.</returns>
    public bool TryEnqueue(object message, ActorRef? sender)
    {
        while (true)
        {
            var ring = Volatile.Read(ref _tailRing);
            var tail = Volatile.Read(ref ring.Tail);
            if (tail < Volatile.Read(ref ring.Limit))
            {
                if (ring.TryFill(tail, message, sender))
                {
                    return true;
                }
            }
            else if (!RaiseLimit(ring, tail))
            {
                return false;
            }
        }
    }

    /// <summary>Appends a message whatever the capacity: for messages whose number is bounded elsewhere. From any thread.</summary>
    public void Enqueue(object message, ActorRef? sender)
    {
        while (true)
        {
            var ring = Volatile.Read(ref _tailRing);
            var tail = Volatile.Read(ref ring.Tail);
            if (HasRoom(ring, tail, Volatile.Read(ref _head.Value)) && ring.TryFill(tail, message, sender))
            {
                return;
            }
        }
    }

    /// <summary>Takes the oldest message. Only the consumer may call it.</summary>
    /// <returns>False if the queue is empty or its head is claimed and not yet filled.</returns>
    public bool TryDequeue([NotNullWhen(true)] out object? message, out ActorRef? sender)
    {
        var head = _head.Value;
        while (true)
        {
            var ring = _headRing;
            ref var slot = ref ring.Slot(head);
            message = Volatile.Read(ref slot.Message);
            if (message is not null)
            {
                sender = slot.Sender;
                slot.Sender = null;
                slot.Message = null;
                Volatile.Write(ref _head.Value, head + 1);
                return true;
            }

            if (Volatile.Read(ref ring.Tail) != (head | Frozen) || Volatile.Read(ref ring.Next) is not { } next)
            {
                sender = null;
                return false;
            }

            _headRing = next;
        }
    }

    /// <summary>Looks at the consumer's position because the tail has come to the limit.</summary>
    /// <returns>False if the queue holds its capacity; otherwise try again.</returns>
    private bool RaiseLimit(Ring ring, long tail)
    {
        var head = Volatile.Read(ref _head.Value);
        if ((tail & ~Frozen) - head >= _capacity)
        {
            return false;
        }

        if (HasRoom(ring, tail, head))
        {
            // The limit only ever rises: a late producer must not take back what another has found.
            var limit = Math.Min(ring.FreeBelow(head), head + _capacity);
            var seen = Volatile.Read(ref ring.Limit);
            while (seen < limit && Interlocked.CompareExchange(ref ring.Limit, limit, seen) is var found && found != seen)
            {
                seen = found;
            }
        }

        return true;
    }

    /// <summary>True if the position at the tail is free in this ring; otherwise sees to it that there is a next ring.</summary>
    private bool HasRoom(Ring ring, long tail, long head)
    {
        if ((tail & Frozen) != 0)
        {
            AppendRing(ring, tail & ~Frozen);
            return false;
        }

        if (tail < ring.FreeBelow(head))
        {
            return true;
        }

        if (Interlocked.CompareExchange(ref ring.Tail, tail | Frozen, tail) == tail)
        {
            AppendRing(ring, tail);
        }

        return false;
    }

    private void AppendRing(Ring ring, long start)
    {
        var next = Volatile.Read(ref ring.Next);
        if (next is null)
        {
            var longest = Math.Min(MaxRingLength, (int)BitOperations.RoundUpToPowerOf2((uint)_capacity));
            var candidate = new Ring(start, Math.Max(InitialRingLength, Math.Min(ring.Length * 2, longest)));
            next = Interlocked.CompareExchange(ref ring.Next, candidate, null) ?? candidate;
        }

        Interlocked.CompareExchange(ref _tailRing, next, ring);
    }

    private struct Slot
    {
        public object? Message;
        public ActorRef? Sender;
    }

    /// <summary>The consumer's position on a cache line of its own: producers read it only when they reach a limit.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct PaddedPosition
    {
        [FieldOffset(64)]
        public long Value;
    }

    private sealed class Ring(long start, int length)
    {
        private readonly Slot[] _slots = new Slot[length];

        /// <summary>Next position to claim; with <see cref="Frozen"/> set, no position of this ring will be claimed any more.</summary>
        public long Tail = start;

        /// <summary>Positions below it are known to be free, so that producers need not read the consumer's position each time.</summary>
        public long Limit = start;

        public Ring? Next;

        private long Start { get; } = start;

        public int Length => _slots.Length;

        /// <summary>Positions below it are free in this ring. Its own part begins at Start even while the consumer is in an older ring.</summary>
        public long FreeBelow(long head) => Math.Max(head, Start) + _slots.Length;

        /// <summary>Claims the position at the tail, which must be free, and fills it.</summary>
        public bool TryFill(long tail, object message, ActorRef? sender)
        {
            if (Interlocked.CompareExchange(ref Tail, tail + 1, tail) != tail)
            {
                return false;
            }

            ref var slot = ref Slot(tail);
            slot.Sender = sender;
            Volatile.Write(ref slot.Message, message);
            return true;
        }

        public ref Slot Slot(long position) => ref _slots[(int)position & (_slots.Length - 1)];
    }
}
