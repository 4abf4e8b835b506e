using Broker.Transport.Ngtcp2.Interop;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>The connection's streams, on the loop.</summary>
internal sealed unsafe partial class Ngtcp2Connection
{
    private Dictionary<long, Ngtcp2Stream>? _streams;
    private Ngtcp2Stream? _lastStream;

    // A turn of one packet would have a receiver of hundreds of busy streams handle every message of every stream by itself. Each busy stream before it in the queue
    // keeps another one waiting for so many bytes.
    private const int TurnBytes = 16 * 1024;

    private Ngtcp2Stream? _firstToSend;
    private Ngtcp2Stream? _lastToSend;
    private List<Ngtcp2Stream>? _blocked;
    private List<Ngtcp2Stream>? _opened;
    private long _newStreamLimit;

    /// <summary>Gives a locally opened stream its id.</summary>
    /// <returns><c>false</c> if that failed, which the stream has been told.</returns>
    public bool OpenOnLoop(Ngtcp2Stream stream)
    {
        long id;
        var result = Ngtcp2Native.ngtcp2_conn_open_bidi_stream(_native, &id, 0);
        if (result != 0)
        {
            stream.OnClosed(new QuicTransportException(QuicError.Transport, $"cannot open a stream: {Ngtcp2Native.Describe(result)}"), clean: false);
            return false;
        }

        stream.Opened(id);
        (_streams ??= [])[id] = stream;
        return true;
    }

    /// <summary>Does what the application asked of a stream.</summary>
    public void Serve(Ngtcp2Stream stream, long resetCode, long stopCode, long credit, bool unsent)
    {
        if (resetCode >= 0)
        {
            _ = Ngtcp2Native.ngtcp2_conn_shutdown_stream_write(_native, 0, stream.Id, (ulong)resetCode);
        }

        if (stopCode >= 0)
        {
            _ = Ngtcp2Native.ngtcp2_conn_shutdown_stream_read(_native, 0, stream.Id, (ulong)stopCode);
        }

        if (credit > 0)
        {
            _ = Ngtcp2Native.ngtcp2_conn_extend_max_stream_offset(_native, stream.Id, (ulong)credit);
        }

        if (unsent && !stream.IsBlocked)
        {
            AddToSend(stream);
        }

        GiveCredit();
        Endpoint.MarkDirty(this);
    }

    /// <summary>From within ngtcp2: the peer opened a stream.</summary>
    public void OnStreamOpened(long id)
    {
        var stream = new Ngtcp2Stream(this, id);
        (_streams ??= [])[id] = stream;
        (_opened ??= []).Add(stream);
    }

    /// <summary>From within ngtcp2: bytes came, in order.</summary>
    public void OnStreamData(long id, byte* data, int length, bool end)
    {
        if (Find(id) is { } stream)
        {
            var unwanted = stream.OnData(data, length, end);
            if (unwanted > 0)
            {
                Ngtcp2Native.ngtcp2_conn_extend_max_offset(_native, (ulong)unwanted);
            }
        }
    }

    /// <summary>From within ngtcp2: the peer has everything before <paramref name="offset"/>.</summary>
    public void OnStreamAcknowledged(long id, long offset, long count) => Find(id)?.OnAcknowledged(offset, count);

    /// <summary>From within ngtcp2: the peer reset its side.</summary>
    public void OnStreamReset(long id, long errorCode) => Find(id)?.OnReset(errorCode);

    /// <summary>From within ngtcp2: the peer raised a stream's limit.</summary>
    public void OnStreamUnblocked(long id)
    {
        if (Find(id) is { IsBlocked: true } stream)
        {
            stream.IsBlocked = false;
            _blocked!.Remove(stream);
            AddToSend(stream);
        }
    }

    /// <summary>From within ngtcp2: both directions have ended, and it forgets the stream.</summary>
    public void OnStreamClosed(long id, long? errorCode)
    {
        if (_streams == null || !_streams.Remove(id, out var stream))
        {
            return;
        }

        _lastStream = null;
        _lostOnClosedStreams += (long)Ngtcp2Native.ngtcp2_conn_get_stream_loss_count(_native, id);
        if (stream.IsBlocked)
        {
            stream.IsBlocked = false;
            _blocked!.Remove(stream);
        }

        stream.OnClosed(new QuicTransportException(QuicError.StreamAborted, "the stream has ended", errorCode: errorCode), clean: true);
        if (!stream.IsLocal && stream.HalfReleaseSlot())
        {
            Ngtcp2Native.ngtcp2_conn_extend_max_streams_bidi(_native, 1);
        }
    }

    private Ngtcp2Stream? Find(long id)
    {
        // Packets of one stream come in runs.
        if (_lastStream?.Id == id)
        {
            return _lastStream;
        }

        return _streams != null && _streams.TryGetValue(id, out var stream) ? _lastStream = stream : null;
    }

    // What was only noted inside ngtcp2, now that application code may run.
    private void ApplyStreamEvents()
    {
        if (_stopSendings is { Count: > 0 } stopSendings)
        {
            foreach (var (id, code) in stopSendings)
            {
                Find(id)?.OnStopSending(code);
            }

            stopSendings.Clear();
        }

        if (_opened is { Count: > 0 } opened)
        {
            foreach (var stream in opened)
            {
                _accepted.Add(stream);
            }

            opened.Clear();
        }

        if (_newStreamLimit > 0)
        {
            _slots.SetLimit(_newStreamLimit);
            _newStreamLimit = 0;
        }

        // Nothing announces MAX_DATA: whoever waits is tried again when the connection's window is open.
        if (_blocked is { Count: > 0 } blocked && _native != 0 && Ngtcp2Native.ngtcp2_conn_get_max_data_left(_native) > 0)
        {
            foreach (var stream in blocked)
            {
                stream.IsBlocked = false;
                AddToSend(stream);
            }

            blocked.Clear();
        }
    }

    private void GiveCredit()
    {
        var consumed = Interlocked.Exchange(ref _consumed, 0);
        if (consumed > 0)
        {
            Ngtcp2Native.ngtcp2_conn_extend_max_offset(_native, (ulong)consumed);
        }

        if (Volatile.Read(ref _returnedSlots) > 0)
        {
            Ngtcp2Native.ngtcp2_conn_extend_max_streams_bidi(_native, (nuint)Interlocked.Exchange(ref _returnedSlots, 0));
        }
    }

    private void AddToSend(Ngtcp2Stream stream)
    {
        if (stream.IsSending || stream.IsClosed)
        {
            return;
        }

        stream.IsSending = true;
        if (_lastToSend == null)
        {
            _firstToSend = stream;
        }
        else
        {
            _lastToSend.NextToSend = stream;
        }

        _lastToSend = stream;
    }

    private void RemoveFirstToSend()
    {
        var stream = _firstToSend!;
        _firstToSend = stream.NextToSend;
        if (_firstToSend == null)
        {
            _lastToSend = null;
        }

        stream.NextToSend = null;
        stream.IsSending = false;
        stream.SentInTurn = 0;
    }

    /// <summary>The first of those with something to send has sent, and stays the first until its turn is over.</summary>
    private void NoteSent(Ngtcp2Stream stream, long bytes, bool hasMore)
    {
        stream.SentInTurn += bytes;
        if (hasMore && stream.SentInTurn < TurnBytes)
        {
            return;
        }

        RemoveFirstToSend();
        if (hasMore)
        {
            AddToSend(stream);
        }
    }

    private void Block(Ngtcp2Stream stream)
    {
        stream.IsBlocked = true;
        (_blocked ??= []).Add(stream);
    }

    private long CountLossOfOpenStreams()
    {
        long lost = 0;
        if (_streams != null)
        {
            foreach (var id in _streams.Keys)
            {
                lost += (long)Ngtcp2Native.ngtcp2_conn_get_stream_loss_count(_native, id);
            }
        }

        return lost;
    }

    private void EndStreams(QuicCloseInfo info)
    {
        _firstToSend = _lastToSend = null;
        _lastStream = null;
        _blocked = null;
        _opened = null;
        foreach (var stream in _streams?.Values ?? Enumerable.Empty<Ngtcp2Stream>())
        {
            stream.OnClosed(info.ToException(), clean: false);
        }

        _streams = null;
        _slots.End(info.ToException);
        foreach (var stream in _accepted.End(info.ToException))
        {
            // Nobody will ever read it, so what it still holds goes now.
            stream.Release();
        }
    }
}
