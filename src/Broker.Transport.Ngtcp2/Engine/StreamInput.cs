using System.IO.Pipelines;
using System.Threading.Tasks.Sources;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>The receiving side of a stream: the loop appends, one reader consumes from any thread.</summary>
internal sealed class StreamInput : PipeReader, IValueTaskSource<ReadResult>
{
    private readonly Ngtcp2Stream _stream;
    private readonly Lock _gate = new();
    private ReceiveBuffer _buffer;
    private ManualResetValueTaskSourceCore<bool> _source;
    private CancellationTokenRegistration _registration;
    private Exception? _error;
    private long _examined;
    private long _lentEnd;
    private long _uncredited;
    private bool _ended;
    private bool _discarding;
    private bool _completed;
    private bool _lent;
    private bool _waiting;
    private bool _cancelRequested;

    public StreamInput(Ngtcp2Stream stream, bool inline)
    {
        _stream = stream;
        _source.RunContinuationsAsynchronously = !inline;
    }

    private bool IsReadable => _cancelRequested || _ended || _error != null || _buffer.Received > _examined;

    /// <inheritdoc/>
    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<ReadResult>(cancellationToken);
        }

        short version;
        lock (_gate)
        {
            ThrowIfUnusable();
            if (IsReadable)
            {
                return _error is { } error && !_cancelRequested ? ValueTask.FromException<ReadResult>(error) : new ValueTask<ReadResult>(Lend());
            }

            _source.Reset();
            version = _source.Version;
            _waiting = true;
        }

        if (_stream.Id < 0)
        {
            // From now on somebody waits, so the connection must know of the stream to tell it of its own end.
            _stream.Post();
        }

        if (cancellationToken.CanBeCanceled)
        {
            _registration = cancellationToken.UnsafeRegister(static (state, token) => ((StreamInput)state!).CancelWait(token), this);
        }

        return new ValueTask<ReadResult>(this, version);
    }

    /// <inheritdoc/>
    public override bool TryRead(out ReadResult result)
    {
        lock (_gate)
        {
            ThrowIfUnusable();
            if (!IsReadable)
            {
                result = default;
                return false;
            }

            result = TakeResult();
            return true;
        }
    }

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        long released;
        bool creditDue;
        lock (_gate)
        {
            if (_discarding)
            {
                // The stream failed under the reader's hands; its next read says how.
                return;
            }

            if (!_lent)
            {
                throw new InvalidOperationException("AdvanceTo without a read before it.");
            }

            var start = _buffer.Consumed;
            var consumedOffset = ReceiveBuffer.OffsetOf(consumed, start);
            var examinedOffset = Math.Max(consumedOffset, ReceiveBuffer.OffsetOf(examined, _lentEnd));
            if (consumedOffset < start || examinedOffset > _lentEnd)
            {
                throw new ArgumentOutOfRangeException(nameof(consumed), "The position is not in the sequence that was read last.");
            }

            _lent = false;
            _examined = examinedOffset;
            _buffer.Consume(consumedOffset);
            released = consumedOffset - start;
            creditDue = CountConsumed(released);
        }

        _stream.ReturnCredit(released, creditDue);
    }

    /// <inheritdoc/>
    public override void CancelPendingRead()
    {
        bool waiting;
        lock (_gate)
        {
            _cancelRequested = true;
            waiting = _waiting;
            _waiting = false;
        }

        if (waiting)
        {
            _source.SetResult(true);
        }
    }

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null)
    {
        lock (_gate)
        {
            if (_completed)
            {
                return;
            }

            _completed = true;
        }

        _stream.StopSending(_stream.DefaultErrorCode);
    }

    /// <summary>Stops reading: what is buffered and what still comes is dropped, and its credit returned.</summary>
    /// <returns>Whether the peer has to be told, which is so until its FIN or reset has come.</returns>
    public bool Stop()
    {
        bool tell;
        bool waiting;
        long released;
        lock (_gate)
        {
            tell = !_ended && _error == null;
            _error ??= new QuicTransportException(QuicError.OperationAborted, "reading from the stream was given up on this side");
            released = DiscardBuffered();
            waiting = _waiting;
            _waiting = false;
        }

        if (waiting)
        {
            _source.SetResult(true);
        }

        _stream.ReturnCredit(released, creditDue: false);
        return tell;
    }

    /// <summary>On the loop: bytes have come.</summary>
    /// <returns>Whether a reader waits for them; <see cref="Wake"/> completes it.</returns>
    public unsafe bool OnData(byte* data, int length, bool end, out long unwanted)
    {
        lock (_gate)
        {
            unwanted = 0;
            if (_discarding)
            {
                unwanted = length;
            }
            else
            {
                _buffer.Append(data, length);
            }

            _ended |= end;
            return _waiting;
        }
    }

    /// <summary>On the loop: no more bytes will come, unless FIN came first.</summary>
    /// <param name="error">What reads throw from now on.</param>
    /// <param name="dropUnread">Whether what came before FIN and was not read is lost as well, as it is when the connection ends.</param>
    /// <param name="released">Gets the bytes that were dropped.</param>
    /// <returns>Whether a reader waits.</returns>
    public bool OnFailed(Exception error, bool dropUnread, out long released)
    {
        lock (_gate)
        {
            released = 0;
            if (!_ended || (dropUnread && _buffer.Length > 0))
            {
                _error ??= error;
                released = DiscardBuffered();
            }

            return _waiting;
        }
    }

    /// <summary>On the loop: completes a waiting read if there is something to read.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            if (!_waiting || !IsReadable)
            {
                return;
            }

            _waiting = false;
        }

        _source.SetResult(true);
    }

    /// <summary>On the loop: takes the bytes that the peer may send on this stream in exchange for consumed ones.</summary>
    public long TakeCredit()
    {
        lock (_gate)
        {
            var credit = _uncredited;
            _uncredited = 0;
            return _ended || _discarding ? 0 : credit;
        }
    }

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token)
    {
        _registration.Dispose();
        _registration = default;
        _source.GetResult(token);
        lock (_gate)
        {
            return TakeResult();
        }
    }

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private ReadResult TakeResult() => _error is { } error && !_cancelRequested ? throw error : Lend();

    private ReadResult Lend()
    {
        var canceled = _cancelRequested;
        _cancelRequested = false;
        _lent = true;
        _lentEnd = _buffer.Received;
        return new ReadResult(_buffer.Sequence, canceled, _ended);
    }

    private bool CountConsumed(long released)
    {
        _uncredited += released;
        return _uncredited >= _stream.CreditThreshold && !_ended;
    }

    private long DiscardBuffered()
    {
        _discarding = true;
        var released = _buffer.Discard(abandon: _lent);
        _lent = false;
        _examined = _buffer.Received;
        return released;
    }

    private void CancelWait(CancellationToken token)
    {
        lock (_gate)
        {
            if (!_waiting)
            {
                return;
            }

            _waiting = false;
        }

        _source.SetException(new OperationCanceledException(token));
    }

    private void ThrowIfUnusable()
    {
        if (_completed)
        {
            throw new InvalidOperationException("Reading is not allowed after the reader was completed.");
        }

        if (_waiting)
        {
            throw new InvalidOperationException("Another read is pending; a stream has one reader.");
        }
    }
}
