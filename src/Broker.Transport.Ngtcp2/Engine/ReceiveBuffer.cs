using System.Buffers;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>Bytes that arrived and were not consumed, in slabs, addressed by stream offset. The caller locks.</summary>
internal unsafe struct ReceiveBuffer
{
    private Slab? _head;
    private Slab? _tail;

    /// <summary>Stream offset after the last byte that arrived.</summary>
    public long Received { get; private set; }

    /// <summary>Stream offset of the first byte that was not consumed.</summary>
    public long Consumed { get; private set; }

    /// <summary>Bytes waiting.</summary>
    public readonly long Length => Received - Consumed;

    /// <summary>The bytes waiting. Valid until they are consumed or discarded.</summary>
    public readonly ReadOnlySequence<byte> Sequence => Length == 0
        ? ReadOnlySequence<byte>.Empty
        : new ReadOnlySequence<byte>(_head!, (int)(Consumed - _head!.Offset), _tail!, _tail!.End);

    /// <summary>The stream offset of a position in <see cref="Sequence"/>; <paramref name="otherwise"/> for a position of an empty sequence.</summary>
    public static long OffsetOf(SequencePosition position, long otherwise) =>
        position.GetObject() is Slab slab ? slab.Offset + position.GetInteger() : otherwise;

    /// <summary>Copies bytes in at the end.</summary>
    public void Append(byte* data, int length)
    {
        while (length > 0)
        {
            if (_tail == null || _tail.Room == 0)
            {
                // A first slab fits what came; a stream that outgrows it is a busy one.
                var slab = SlabPool.Rent(_tail == null ? length : Slab.Large);
                slab.Offset = Received;
                if (_tail == null)
                {
                    _head = slab;
                }
                else
                {
                    _tail.NextSlab = slab;
                }

                _tail = slab;
            }

            var count = Math.Min(length, _tail.Room);
            new ReadOnlySpan<byte>(data, count).CopyTo(new Span<byte>(_tail.Pointer + _tail.End, count));
            _tail.End += count;
            Received += count;
            data += count;
            length -= count;
        }
    }

    /// <summary>Gives up the bytes before a stream offset; slabs without a byte left go back to the pool.</summary>
    public void Consume(long offset)
    {
        Consumed = offset;
        while (_head != null && offset >= _head.Offset + _head.End && (_head != _tail || offset == Received))
        {
            var slab = _head;
            _head = slab.NextSlab;
            SlabPool.Return(slab);
        }

        if (_head == null)
        {
            _tail = null;
        }
    }

    /// <summary>Gives up all bytes.</summary>
    /// <param name="abandon">Whether a reader may still look at them; then the slabs are not used again.</param>
    /// <returns>How many bytes they were.</returns>
    public long Discard(bool abandon)
    {
        var length = Length;
        if (abandon)
        {
            for (; _head != null; _head = _head.NextSlab)
            {
                SlabPool.Abandon(_head);
            }
        }

        Consume(Received);
        return length;
    }
}
