using Broker.Transport.Ngtcp2.Interop;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>
/// Bytes handed over and not acknowledged, in slabs that must not move or change meanwhile. The caller locks.
/// </summary>
/// <remarks>
/// The writer fills the tail in place: <see cref="Lease"/> takes it out of the loop's hands until <see cref="Publish"/>, so that between two
/// flushes the writer needs no lock and the loop cannot return the slab under its pen.
/// </remarks>
internal unsafe struct SendBuffer
{
    private Slab? _head;
    private Slab? _tail;
    private Slab? _cursor;
    private int _cursorPosition;
    private long _released;
    private bool _leased;
    private bool _dropped;

    /// <summary>Stream offset after the last byte handed over.</summary>
    public long Written { get; private set; }

    /// <summary>Stream offset after the last byte that ngtcp2 took.</summary>
    public long Sent { get; private set; }

    /// <summary>Stream offset up to which the peer acknowledged everything.</summary>
    public long Acknowledged { get; private set; }

    /// <summary>Bytes handed over and not acknowledged.</summary>
    public readonly long Pending => Written - Acknowledged;

    /// <summary>Bytes that ngtcp2 took and the peer did not acknowledge.</summary>
    public readonly long InFlight => Sent - Acknowledged;

    /// <summary>Lends the tail to the writer if it has room for <paramref name="size"/> bytes after <see cref="Slab.End"/>; else <c>null</c>.</summary>
    public Slab? Lease(int size)
    {
        if (_tail == null || _dropped || _tail.Room < size)
        {
            return null;
        }

        _leased = true;
        return _tail;
    }

    /// <summary>Takes over what the writer filled.</summary>
    /// <param name="leased">The slab from <see cref="Lease"/>, or <c>null</c>.</param>
    /// <param name="leasedEnd">How far it is filled now.</param>
    /// <param name="chain">First of the writer's own slabs, or <c>null</c>.</param>
    public void Publish(Slab? leased, int leasedEnd, Slab? chain)
    {
        _leased = false;
        if (leased != null)
        {
            Written += leasedEnd - leased.End;
            leased.End = leasedEnd;
        }

        if (chain != null)
        {
            if (_tail == null)
            {
                _head = _cursor = chain;
                _cursorPosition = 0;
            }
            else
            {
                _tail.NextSlab = chain;
            }

            for (var slab = chain; slab != null; slab = slab.NextSlab)
            {
                Written += slab.End;
                _tail = slab;
            }
        }

        ReleaseAcknowledged();
    }

    /// <summary>Throws away what the writer filled, because it will not be sent.</summary>
    /// <param name="leased">The slab from <see cref="Lease"/>, or <c>null</c>.</param>
    /// <param name="chain">First of the writer's own slabs, or <c>null</c>.</param>
    public void Reject(Slab? leased, Slab? chain)
    {
        _leased = false;
        Return(chain);
        if (_dropped && leased != null)
        {
            SlabPool.Return(leased);
            _tail = null;
        }
    }

    /// <summary>Describes unsent bytes for ngtcp2, up to about 64 KiB.</summary>
    /// <param name="pieces">Receives the pieces.</param>
    /// <param name="max">Room in <paramref name="pieces"/>.</param>
    /// <param name="all">Whether nothing is left behind.</param>
    public readonly int Describe(Vec* pieces, int max, out bool all)
    {
        const int Enough = 64 * 1024;
        var count = 0;
        long total = 0;
        var position = _cursorPosition;
        for (var slab = _cursor; slab != null && count < max && total < Enough; slab = slab.NextSlab, position = 0)
        {
            if (slab.End > position)
            {
                pieces[count++] = new Vec { Base = slab.Pointer + position, Length = (nuint)(slab.End - position) };
                total += slab.End - position;
            }
        }

        all = Sent + total == Written;
        return count;
    }

    /// <summary>Notes that ngtcp2 took bytes.</summary>
    public void Advance(long count)
    {
        Sent += count;
        while (_cursor != null)
        {
            var step = (int)Math.Min(count, _cursor.End - _cursorPosition);
            _cursorPosition += step;
            count -= step;
            if (_cursorPosition < _cursor.End || _cursor.NextSlab == null)
            {
                break;
            }

            _cursor = _cursor.NextSlab;
            _cursorPosition = 0;
        }
    }

    /// <summary>Notes that the peer has everything before a stream offset; slabs go back to the pool.</summary>
    public void Acknowledge(long offset)
    {
        Acknowledged = offset;
        ReleaseAcknowledged();
    }

    /// <summary>
    /// Gives up everything. Only when ngtcp2 has forgotten the stream: until then it may read sent bytes again. A leased slab goes when the writer hands it in.
    /// </summary>
    public void Drop()
    {
        if (_dropped)
        {
            return;
        }

        _dropped = true;
        var slab = _head;
        while (slab != null)
        {
            var next = slab.NextSlab;
            if (!_leased || slab != _tail)
            {
                SlabPool.Return(slab);
            }

            slab = next;
        }

        _head = _cursor = null;
        if (!_leased)
        {
            _tail = null;
        }
    }

    private static void Return(Slab? slab)
    {
        while (slab != null)
        {
            var next = slab.NextSlab;
            SlabPool.Return(slab);
            slab = next;
        }
    }

    // Slabs are freed whole; _released is the stream offset of the head's first byte.
    private void ReleaseAcknowledged()
    {
        while (_head != null && Acknowledged - _released >= _head.End)
        {
            if (_head == _tail)
            {
                if (_leased || Acknowledged != Written)
                {
                    return;
                }

                _tail = null;
            }

            var slab = _head;
            if (_cursor == slab)
            {
                // Sent to its end before the next one was appended.
                _cursor = slab.NextSlab;
                _cursorPosition = 0;
            }

            _released += slab.End;
            _head = slab.NextSlab;
            SlabPool.Return(slab);
        }
    }
}
