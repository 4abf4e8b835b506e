using System.IO.Pipelines;
using Broker.Transport.Ngtcp2.Interop;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>A bidirectional stream. The application's side is thread-safe; methods marked "on the loop" belong to the loop's thread.</summary>
internal sealed class Ngtcp2Stream : LoopWork, IQuicStream
{
    private const long None = -1;

    private readonly Ngtcp2Connection _connection;
    private readonly StreamInput _input;
    private readonly StreamOutput _output;
    private long _id;
    private long _resetCode = None;
    private long _stopCode = None;
    private int _slot;
    private bool _disposed;

    /// <summary>Creates a stream; <paramref name="id"/> is -1 for one that this side opens and has not used yet.</summary>
    public Ngtcp2Stream(Ngtcp2Connection connection, long id)
    {
        _connection = connection;
        _id = id;
        IsLocal = id < 0;
        var inline = connection.Options.InlineContinuations;
        _input = new StreamInput(this, inline);
        _output = new StreamOutput(this, inline);
    }

    /// <inheritdoc/>
    public long Id => Volatile.Read(ref _id);

    /// <inheritdoc/>
    public PipeReader Input => _input;

    /// <inheritdoc/>
    public PipeWriter Output => _output;

    /// <inheritdoc/>
    public Task WritesClosed => _output.Closed;

    /// <summary>The connection that it belongs to.</summary>
    public Ngtcp2Connection Connection => _connection;

    /// <summary>Whether this side opened it.</summary>
    public bool IsLocal { get; }

    /// <summary>On the loop: whether nothing more will happen on it.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>On the loop: links of the connection's queue of streams with something to send.</summary>
    public Ngtcp2Stream? NextToSend { get; set; }

    /// <summary>On the loop: bytes that it has sent since it became the first of those with something to send.</summary>
    public long SentInTurn { get; set; }

    /// <summary>On the loop: whether it is in that queue.</summary>
    public bool IsSending { get; set; }

    /// <summary>On the loop: whether it waits for the peer's flow control.</summary>
    public bool IsBlocked { get; set; }

    /// <summary>On the loop: whether it is in the list of streams whose waiters are to be woken.</summary>
    public bool IsWaking { get; set; }

    /// <summary>See <see cref="QuicConnectionOptions.DefaultStreamErrorCode"/>.</summary>
    public long DefaultErrorCode => _connection.Options.DefaultStreamErrorCode;

    /// <summary>See <see cref="QuicConnectionOptions.SendBufferSize"/>.</summary>
    public int SendBufferSize => _connection.Options.SendBufferSize;

    /// <summary>Consumed bytes after which the peer is given new credit: often enough that it never waits, rarely enough to cost nothing.</summary>
    public int CreditThreshold => _connection.Options.StreamReceiveWindow / 8;

    /// <inheritdoc/>
    public void Reset(long errorCode)
    {
        RequireErrorCode(errorCode);
        if (_output.Abort(new QuicTransportException(QuicError.OperationAborted, $"the stream was reset on this side with code {errorCode}", errorCode: errorCode)))
        {
            Interlocked.CompareExchange(ref _resetCode, errorCode, None);
            Post();
        }
    }

    /// <inheritdoc/>
    public void StopSending(long errorCode)
    {
        RequireErrorCode(errorCode);
        if (_input.Stop())
        {
            Interlocked.CompareExchange(ref _stopCode, errorCode, None);
            Post();
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Release();
        return ValueTask.CompletedTask;
    }

    /// <summary>What disposing does; it never waits.</summary>
    public void Release()
    {
        if (Interlocked.Exchange(ref _disposed, true))
        {
            return;
        }

        // Both codes before the one post: a stream that the peer never heard of can then be forgotten in silence.
        var reset = _output.AbortUnlessCompleted(new QuicTransportException(QuicError.OperationAborted, "the stream was disposed on this side"));
        var stop = _input.Stop();
        if (reset)
        {
            Interlocked.CompareExchange(ref _resetCode, DefaultErrorCode, None);
        }

        if (stop)
        {
            Interlocked.CompareExchange(ref _stopCode, DefaultErrorCode, None);
        }

        if (reset || stop)
        {
            Post();
        }
    }

    /// <summary>Asks the loop to look at the stream.</summary>
    public void Post()
    {
        if (TryQueue())
        {
            _connection.Endpoint.Post(this);
        }
    }

    /// <summary>Returns credit for consumed bytes: the connection's always, the stream's when it is worth a frame.</summary>
    public void ReturnCredit(long bytes, bool creditDue)
    {
        if (bytes > 0)
        {
            _connection.CountConsumed(bytes);
        }

        if (creditDue)
        {
            Post();
        }
    }

    /// <summary>
    /// Notes one of the two things that must happen before the peer may open another stream in this one's place: it closed, and the application took it.
    /// Otherwise a peer could fill the backlog with streams that it closes at once.
    /// </summary>
    /// <returns>Whether it was the second.</returns>
    public bool HalfReleaseSlot() => Interlocked.Increment(ref _slot) == 2;

    /// <summary>On the loop: the id under which it was opened.</summary>
    public void Opened(long id) => Volatile.Write(ref _id, id);

    /// <summary>On the loop: describes what is to be sent.</summary>
    public unsafe int Describe(Vec* pieces, int max, out bool end) => _output.Describe(pieces, max, out end);

    /// <summary>On the loop: ngtcp2 took bytes. Returns whether there is more.</summary>
    public bool OnSent(long count, bool end) => _output.OnSent(count, end);

    /// <summary>On the loop: the peer acknowledged.</summary>
    public void OnAcknowledged(long offset, long count)
    {
        if (_output.OnAcknowledged(offset, count))
        {
            _connection.Endpoint.WakeLater(this);
        }
    }

    /// <summary>On the loop: bytes came. Returns those that nobody wants, whose credit is the caller's to return.</summary>
    public unsafe long OnData(byte* data, int length, bool end)
    {
        if (_input.OnData(data, length, end, out var unwanted))
        {
            _connection.Endpoint.WakeLater(this);
        }

        return unwanted;
    }

    /// <summary>On the loop: the peer reset its side.</summary>
    public void OnReset(long errorCode)
    {
        var fault = new QuicTransportException(QuicError.StreamAborted, $"the peer reset the stream with code {errorCode}", errorCode: errorCode);
        var waiting = _input.OnFailed(fault, dropUnread: false, out var released);
        ReturnCredit(released, creditDue: false);
        if (waiting)
        {
            _connection.Endpoint.WakeLater(this);
        }
    }

    /// <summary>On the loop: the peer does not want to read on.</summary>
    public void OnStopSending(long? errorCode)
    {
        var suffix = errorCode is { } code ? $" with code {code}" : "";
        _output.Abort(new QuicTransportException(QuicError.StreamAborted, $"the peer stopped reading the stream{suffix}", errorCode: errorCode));
    }

    /// <summary>On the loop: ngtcp2 has forgotten the stream.</summary>
    /// <param name="error">What operations throw from now on, unless they have a better reason.</param>
    /// <param name="clean">Both directions came to their ends; <c>false</c>: the connection ended under the stream.</param>
    public void OnClosed(Exception error, bool clean)
    {
        IsClosed = true;
        var waiting = _input.OnFailed(error, dropUnread: !clean, out var released);
        waiting |= _output.OnClosed(error, clean);
        ReturnCredit(released, creditDue: false);
        if (waiting)
        {
            _connection.Endpoint.WakeLater(this);
        }
    }

    /// <summary>On the loop: completes what waits.</summary>
    public void Wake()
    {
        IsWaking = false;
        _input.Wake();
        _output.Wake();
    }

    /// <inheritdoc/>
    protected override void Run()
    {
        if (IsClosed)
        {
            return;
        }

        if (_connection.CloseInfo is { } info)
        {
            OnClosed(info.ToException(), clean: false);
            return;
        }

        var reset = Interlocked.Exchange(ref _resetCode, None);
        var stop = Interlocked.Exchange(ref _stopCode, None);
        if (Id < 0)
        {
            if (Volatile.Read(ref _disposed) && reset != None)
            {
                // The peer never heard of it and never will.
                IsClosed = true;
                _output.OnClosed(new QuicTransportException(QuicError.OperationAborted, "the stream was disposed on this side"), clean: false);
                _connection.CancelReservation();
                return;
            }

            if (!_connection.OpenOnLoop(this))
            {
                return;
            }
        }

        _connection.Serve(this, reset, stop, _input.TakeCredit(), _output.HasUnsent());
    }

    private static void RequireErrorCode(long errorCode)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(errorCode);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(errorCode, (1L << 62) - 1);
    }
}
