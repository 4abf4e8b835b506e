using System.IO.Pipelines;
using System.Threading.Tasks.Sources;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>The sending side of a stream: one writer fills slabs in place from any thread, the loop sends them from where they are.</summary>
internal sealed partial class StreamOutput : PipeWriter, IValueTaskSource<FlushResult>
{
    /// <summary>A tail with less room than this is not worth sharing between flushes.</summary>
    private const int SmallestLease = 256;

    private readonly Ngtcp2Stream _stream;
    private readonly Lock _gate = new();

    // The writer's own between two flushes; no lock.
    private Slab? _leased;
    private Slab? _chain;
    private Slab? _current;
    private int _leasedEnd;
    private int _position;
    private long _unflushed;

    private SendBuffer _buffer;
    private ManualResetValueTaskSourceCore<bool> _source;
    private CancellationTokenRegistration _registration;
    private TaskCompletionSource? _closedSource;
    private Exception? _error;
    private bool _completed;
    private bool _finRequested;
    private bool _finSent;
    private bool _finSentAlone;
    private bool _finAcknowledged;
    private bool _waiting;
    private bool _cancelRequested;

    public StreamOutput(Ngtcp2Stream stream, bool inline)
    {
        _stream = stream;
        _source.RunContinuationsAsynchronously = !inline;
    }

    /// <inheritdoc/>
    public override bool CanGetUnflushedBytes => true;

    /// <inheritdoc/>
    public override long UnflushedBytes => _unflushed;

    /// <summary>See <see cref="IQuicStream.WritesClosed"/>.</summary>
    public Task Closed
    {
        get
        {
            lock (_gate)
            {
                if (_closedSource == null)
                {
                    _closedSource = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    SettleClosed();
                }

                return _closedSource.Task;
            }
        }
    }

    /// <inheritdoc/>
    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sizeHint);
        var current = Reserve(Math.Max(1, sizeHint));
        return current.Writable[_position..];
    }

    /// <inheritdoc/>
    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    /// <inheritdoc/>
    public override void Advance(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (_current == null ? bytes > 0 : bytes > _current.Capacity - _position)
        {
            throw new ArgumentOutOfRangeException(nameof(bytes), "More bytes than GetMemory gave.");
        }

        _position += bytes;
        _unflushed += bytes;
    }

    /// <inheritdoc/>
    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        var rest = source.Span;
        while (rest.Length > 0)
        {
            // Not by size hint: the room that is left in the current slab is used first.
            var current = _current is { } slab && _position < slab.Capacity ? slab : Reserve(Math.Min(rest.Length, Slab.Large));
            var count = Math.Min(rest.Length, current.Capacity - _position);
            rest[..count].CopyTo(current.Writable.Span[_position..]);
            _position += count;
            _unflushed += count;
            rest = rest[count..];
        }

        return FlushAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<FlushResult>(cancellationToken);
        }

        var version = (short)0;
        var waits = false;
        var canceled = false;
        bool news;
        lock (_gate)
        {
            if (_completed)
            {
                throw new InvalidOperationException("Flushing is not allowed after the writer was completed.");
            }

            if (_waiting)
            {
                throw new InvalidOperationException("Another flush is pending; a stream has one writer.");
            }

            HandOver();
            if (_error is { } error)
            {
                return ValueTask.FromException<FlushResult>(error);
            }

            news = _buffer.Written > _buffer.Sent;
            if (_cancelRequested)
            {
                _cancelRequested = false;
                canceled = true;
            }
            else if (_buffer.Pending >= _stream.SendBufferSize)
            {
                _source.Reset();
                version = _source.Version;
                waits = _waiting = true;
            }
        }

        if (news)
        {
            _stream.Post();
        }

        if (!waits)
        {
            return new ValueTask<FlushResult>(new FlushResult(canceled, isCompleted: false));
        }

        if (cancellationToken.CanBeCanceled)
        {
            _registration = cancellationToken.UnsafeRegister(static (state, token) => ((StreamOutput)state!).CancelWait(token), this);
        }

        return new ValueTask<FlushResult>(this, version);
    }

    /// <inheritdoc/>
    public override void CancelPendingFlush()
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
            HandOver();
            _finRequested = exception == null && _error == null;
            if (_error != null)
            {
                return;
            }
        }

        if (exception == null)
        {
            _stream.Post();
        }
        else
        {
            _stream.Reset(_stream.DefaultErrorCode);
        }
    }

    /// <summary>Gives the sending side up.</summary>
    /// <returns>Whether the peer has to be told, which is so until it has acknowledged the end or stopped reading.</returns>
    public bool Abort(Exception error)
    {
        bool waiting;
        lock (_gate)
        {
            if (_error != null || _finAcknowledged)
            {
                return false;
            }

            _error = error;
            waiting = _waiting;
            _waiting = false;
            SettleClosed();
        }

        if (waiting)
        {
            _source.SetResult(true);
        }

        return true;
    }

    /// <summary>As the stream is disposed: an end that was asked for is still sent; anything else is given up.</summary>
    /// <returns>Whether the peer has to be told with RESET_STREAM.</returns>
    public bool AbortUnlessCompleted(Exception error)
    {
        lock (_gate)
        {
            if (_completed && _finRequested)
            {
                return false;
            }
        }

        return Abort(error);
    }

    FlushResult IValueTaskSource<FlushResult>.GetResult(short token)
    {
        _registration.Dispose();
        _registration = default;
        _source.GetResult(token);
        lock (_gate)
        {
            var canceled = _cancelRequested;
            _cancelRequested = false;
            return canceled || _error == null ? new FlushResult(canceled, isCompleted: false) : throw _error;
        }
    }

    ValueTaskSourceStatus IValueTaskSource<FlushResult>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<FlushResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private Slab Reserve(int size)
    {
        var current = _current;
        if (current != null && current.Capacity - _position >= size)
        {
            return current;
        }

        if (_completed)
        {
            throw new InvalidOperationException("Writing is not allowed after the writer was completed.");
        }

        if (current == null)
        {
            lock (_gate)
            {
                _leased = _buffer.Lease(Math.Max(size, SmallestLease));
            }

            if (_leased != null)
            {
                _position = _leased.End;
                return _current = _leased;
            }

            _position = 0;
            return _current = _chain = SlabPool.Rent(size);
        }

        var next = SlabPool.Rent(Math.Max(size, Slab.Large));
        FinishCurrent();
        if (_chain == null)
        {
            _chain = next;
        }
        else
        {
            current.NextSlab = next;
        }

        _position = 0;
        return _current = next;
    }

    private void FinishCurrent()
    {
        if (_current == _leased)
        {
            _leasedEnd = _position;
        }
        else
        {
            _current!.End = _position;
        }
    }

    // With the lock held.
    private void HandOver()
    {
        if (_current == null)
        {
            return;
        }

        FinishCurrent();
        if (_error == null)
        {
            _buffer.Publish(_leased, _leasedEnd, _chain);
        }
        else
        {
            _buffer.Reject(_leased, _chain);
        }

        _leased = _chain = _current = null;
        _unflushed = 0;
    }

    // With the lock held.
    private void SettleClosed()
    {
        if (_closedSource == null)
        {
            return;
        }

        if (_finAcknowledged)
        {
            _closedSource.TrySetResult();
        }
        else if (_error != null && _closedSource.TrySetException(_error))
        {
            // Looked at once, so that a caller who does not care leaves nothing unobserved.
            _ = _closedSource.Task.Exception;
        }
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
}
