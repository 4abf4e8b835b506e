using Broker.Transport.Ngtcp2.Interop;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>What the loop does with a stream's sending side.</summary>
internal sealed partial class StreamOutput
{
    /// <summary>On the loop: whether there is something to send.</summary>
    public bool HasUnsent()
    {
        lock (_gate)
        {
            return _error == null && (_buffer.Sent < _buffer.Written || (_finRequested && !_finSent));
        }
    }

    /// <summary>On the loop: describes what is to be sent.</summary>
    /// <param name="pieces">Receives the pieces.</param>
    /// <param name="max">Room in <paramref name="pieces"/>.</param>
    /// <param name="end">Whether FIN goes with them.</param>
    public unsafe int Describe(Vec* pieces, int max, out bool end)
    {
        lock (_gate)
        {
            if (_error != null)
            {
                end = false;
                return 0;
            }

            var count = _buffer.Describe(pieces, max, out var all);
            end = all && _finRequested && !_finSent;
            return count;
        }
    }

    /// <summary>On the loop: ngtcp2 took bytes, and FIN if it was offered and everything fitted.</summary>
    /// <returns>Whether there is more to send.</returns>
    public bool OnSent(long count, bool end)
    {
        lock (_gate)
        {
            _buffer.Advance(count);
            if (end && _buffer.Sent == _buffer.Written)
            {
                _finSent = true;
                _finSentAlone = count == 0;
            }

            return _buffer.Sent < _buffer.Written || (_finRequested && !_finSent);
        }
    }

    /// <summary>On the loop: the peer has everything before a stream offset.</summary>
    /// <param name="offset">Stream offset.</param>
    /// <param name="count">Bytes that this acknowledgement added; 0 if it was for a FIN on its own.</param>
    /// <returns>Whether a flush waits; <see cref="Wake"/> completes it.</returns>
    public bool OnAcknowledged(long offset, long count)
    {
        lock (_gate)
        {
            _buffer.Acknowledge(offset);
            if (_finSent && offset == _buffer.Written && (count == 0 || !_finSentAlone))
            {
                _finAcknowledged = true;
                SettleClosed();
            }

            return _waiting && MayGoOn();
        }
    }

    /// <summary>On the loop: ngtcp2 has forgotten the stream; nothing of it is read again.</summary>
    /// <param name="error">What to fail with if the end was not acknowledged.</param>
    /// <param name="clean">ngtcp2 closed the stream, which it does only when a FIN or a reset was acknowledged.</param>
    /// <returns>Whether a flush waits.</returns>
    public bool OnClosed(Exception error, bool clean)
    {
        lock (_gate)
        {
            _finAcknowledged |= clean && _finSent && _error == null;
            if (!_finAcknowledged)
            {
                _error ??= error;
            }

            SettleClosed();
            _buffer.Drop();
            return _waiting;
        }
    }

    /// <summary>On the loop: completes a waiting flush if it may go on.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            if (!_waiting || (_error == null && _buffer.Pending >= _stream.SendBufferSize))
            {
                return;
            }

            _waiting = false;
        }

        _source.SetResult(true);
    }

    // With the lock held. A writer that were let on at the first free byte would be woken for each packet. As long as much is in flight, whose
    // acknowledgement is certain to come, it is let sleep until half the buffer is free.
    private bool MayGoOn()
    {
        var limit = _stream.SendBufferSize;
        return _buffer.Pending < limit && (_buffer.Pending <= limit / 2 || _buffer.InFlight <= limit / 4);
    }
}
