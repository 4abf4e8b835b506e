using Broker.Client.Connections;
using Broker.Client.Streams;
using Broker.Protocol;

namespace Broker.Client.Publishing;

/// <summary>One publish stream with its window (docs/protocol.md, section 7).</summary>
internal sealed class PublishStream : FrameStream
{
    /// <summary>Encoded bytes that may wait to be sent: enough for the transport to work on, small enough to stay in the processor's cache.</summary>
    private const int MaxUnsentBytes = 512 << 10;

    private readonly PublisherOptions _options;
    private readonly int _maxMessageBytes;
    private readonly LinkedList<TaskCompletionSource> _turns = new();
    private readonly List<(ulong Sequence, TaskCompletionSource Waiter)> _flushes = [];
    private readonly List<SequenceRange> _ranges = [];
    private readonly List<PublishFailure> _reported = [];
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private InFlightWindow _window;
    private PublishFailure _firstFailure;
    private long _failures;

    public PublishStream(BrokerConnection connection, PublisherOptions options)
        : base(connection, StreamKind.Publish, ProtocolLimits.MaxControlFrameBytes, "publisher")
    {
        _options = options;
        _maxMessageBytes = connection.Welcome.MaxMessageBytes;
        _window = NewWindow(1);
        new PublisherOpenFrame(options.ProducerId).Write(Sender.Buffer);
    }

    /// <summary>Completes when the server is ready, or fails as the stream does.</summary>
    public Task Ready => _ready.Task;

    /// <summary>
    /// Hands a message over: at once if the window has room and nobody waits before, else in turn. The encoding is done before the returned task completes.
    /// </summary>
    /// <param name="exchange">The exchange.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="body">The body; must not change until the task completes.</param>
    /// <param name="options">How to publish.</param>
    /// <param name="outcome">Completes with the outcome; <c>null</c>: nobody waits for it alone.</param>
    /// <param name="cancellationToken">Ends the wait for room.</param>
    public ValueTask<PublishTicket> PublishAsync(
        string exchange,
        string routingKey,
        ReadOnlyMemory<byte> body,
        PublishOptions options,
        TaskCompletionSource? outcome,
        CancellationToken cancellationToken)
    {
        lock (Gate)
        {
            ThrowIfEnded();
            if (_turns.Count == 0 && HasRoom)
            {
                return new ValueTask<PublishTicket>(Write(exchange, routingKey, body.Span, options, outcome));
            }

            var turn = _turns.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            return WaitAndPublishAsync(turn, exchange, routingKey, body, options, outcome, cancellationToken);
        }
    }

    /// <summary>Waits until everything published so far has its outcome.</summary>
    /// <exception cref="PublishException">A message without a waiter of its own failed since the last flush.</exception>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        TaskCompletionSource? waiter = null;
        lock (Gate)
        {
            if (_window.Oldest < _window.Next)
            {
                ThrowIfEnded();
                waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _flushes.Add((_window.Next - 1, waiter));
            }
        }

        if (waiter is not null)
        {
            await waiter.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        ThrowIfFailed();
    }

    protected override bool OnFrame(FrameType type, ReadOnlySpan<byte> payload, out FrameFault fault)
    {
        switch (type)
        {
            case FrameType.Confirm:
                return ConfirmFrame.TryRead(payload, _ranges, out fault) && OnConfirm(out fault);
            case FrameType.Return:
                return ReturnFrame.TryRead(payload, out var returned, out fault)
                    && OnFailure(new PublishFailure(returned.Sequence, true, returned.Code, returned.Reason), out fault);
            case FrameType.Reject:
                return RejectFrame.TryRead(payload, out var rejected, out fault)
                    && OnFailure(new PublishFailure(rejected.Sequence, false, rejected.Code, rejected.Reason), out fault);
            case FrameType.PublisherReady when !_ready.Task.IsCompleted:
                return PublisherReadyFrame.TryRead(payload, out var ready, out fault) && OnReady(ready);
            case FrameType.Blocked:
                return BlockedFrame.TryRead(payload, out _, out fault);
            case FrameType.Unblocked:
                return UnblockedFrame.TryRead(payload, out _, out fault);
            default:
                return Unexpected(type, out fault);
        }
    }

    protected override void OnFramesHandled()
    {
        PublishFailure[] failures = [];
        lock (Gate)
        {
            if (_reported.Count > 0)
            {
                failures = [.. _reported];
                _reported.Clear();
            }

            CompleteFlushes();
            if (IsNumbered && _window.HasAmpleRoom)
            {
                GiveTurn();
            }
        }

        foreach (var failure in failures)
        {
            _options.OnFailure?.Invoke(failure);
        }
    }

    protected override void OnBufferTaken()
    {
        if (HasRoom)
        {
            GiveTurn();
        }
    }

    protected override void OnEnded(BrokerException reason)
    {
        Fail(_ready, reason);
        foreach (var waiter in _window.TakeWaiters())
        {
            Fail(waiter, reason);
        }

        foreach (var (_, waiter) in _flushes)
        {
            Fail(waiter, reason);
        }

        _flushes.Clear();
        foreach (var turn in _turns)
        {
            turn.TrySetResult();
        }
    }

    /// <summary>A producer's numbers go on where they were, so they begin when the server has said where that is.</summary>
    private bool IsNumbered => _options.ProducerId.Length == 0 || _ready.Task.IsCompletedSuccessfully;

    private bool HasRoom => IsNumbered && _window.HasRoom && Sender.Buffer.Length < MaxUnsentBytes;

    private InFlightWindow NewWindow(ulong first) => new(_options.MaxInFlightMessages, _options.MaxInFlightBytes, first);

    private async ValueTask<PublishTicket> WaitAndPublishAsync(
        LinkedListNode<TaskCompletionSource> turn,
        string exchange,
        string routingKey,
        ReadOnlyMemory<byte> body,
        PublishOptions options,
        TaskCompletionSource? outcome,
        CancellationToken cancellationToken)
    {
        try
        {
            await turn.Value.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            lock (Gate)
            {
                ThrowIfEnded();
                return Write(exchange, routingKey, body.Span, options, outcome);
            }
        }
        finally
        {
            lock (Gate)
            {
                _turns.Remove(turn);
                if (HasRoom)
                {
                    GiveTurn();
                }
            }
        }
    }

    /// <summary>Lets the first that waits go on; it passes the turn on while there is room.</summary>
    private void GiveTurn() => _turns.First?.Value.TrySetResult();

    private PublishTicket Write(string exchange, string routingKey, ReadOnlySpan<byte> body, PublishOptions options, TaskCompletionSource? outcome)
    {
        var sequence = _window.Next;
        var before = Sender.Buffer.Length;
        var size = body.Length;
        if (size <= _maxMessageBytes)
        {
            size = PublishFrame.Write(Sender.Buffer, sequence, options.Flags, exchange, routingKey, options.Properties, body);
        }

        if (size > _maxMessageBytes)
        {
            Sender.Buffer.Truncate(before);
            throw PublishException.From(new PublishFailure(0, false, ErrorCode.MessageTooLarge, $"{size} bytes; the node takes at most {_maxMessageBytes}"));
        }

        _window.Add(size, outcome);
        Sender.Signal();
        return new PublishTicket(sequence);
    }

    private bool OnReady(PublisherReadyFrame ready)
    {
        if (_options.ProducerId.Length > 0)
        {
            _window = NewWindow(ready.LastSequence + 1);
        }

        _ready.TrySetResult();
        return true;
    }

    private bool OnConfirm(out FrameFault fault)
    {
        foreach (var range in _ranges)
        {
            for (var sequence = range.First; sequence <= range.Last; sequence++)
            {
                if (!_window.TryTake(sequence, out var waiter))
                {
                    return NotPending(sequence, out fault);
                }

                waiter?.TrySetResult();
            }
        }

        fault = default;
        return true;
    }

    private bool OnFailure(PublishFailure failure, out FrameFault fault)
    {
        if (!_window.TryTake(failure.Sequence, out var waiter))
        {
            return NotPending(failure.Sequence, out fault);
        }

        fault = default;
        if (waiter is not null)
        {
            Fail(waiter, PublishException.From(failure));
            return true;
        }

        if (_failures++ == 0)
        {
            _firstFailure = failure;
        }

        if (_options.OnFailure is not null)
        {
            _reported.Add(failure);
        }

        return true;
    }

    private void CompleteFlushes()
    {
        for (var i = _flushes.Count - 1; i >= 0; i--)
        {
            if (_flushes[i].Sequence < _window.Oldest)
            {
                _flushes[i].Waiter.TrySetResult();
                _flushes.RemoveAt(i);
            }
        }
    }

    private void ThrowIfFailed()
    {
        lock (Gate)
        {
            if (_failures > 0)
            {
                var further = _failures - 1;
                _failures = 0;
                throw PublishException.From(_firstFailure, further);
            }
        }
    }

    private static bool NotPending(ulong sequence, out FrameFault fault)
    {
        fault = new FrameFault(ErrorCode.ProtocolViolation, $"an outcome for sequence {sequence}, which waits for none");
        return false;
    }

    private static void Fail(TaskCompletionSource waiter, Exception reason)
    {
        waiter.TrySetException(reason);

        // Whoever waited may have been cancelled and gone.
        _ = waiter.Task.Exception;
    }
}
