using System.Diagnostics.CodeAnalysis;
using Broker.Client.Connections;
using Broker.Client.Streams;
using Broker.Client.Telemetry;
using Broker.Protocol;

namespace Broker.Client.Publishing;

/// <summary>
/// A publisher: its window, and whoever waits for room, for an outcome or for all of them. With a producer id it outlives its streams: what has no outcome when
/// one ends is sent again on the next, in order and under the same sequences, so that queues know what they have already.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "A source that no timer cancels holds nothing to dispose.")]
internal sealed partial class PublishChannel : IPublishStreamOwner
{
    /// <summary>Encoded bytes that may wait to be sent: enough for the transport to work on, small enough to stay in the processor's cache.</summary>
    private const int MaxUnsentBytes = 512 << 10;

    private readonly ConnectionKeeper _keeper;
    private readonly IConnectionSource _source;
    private readonly BrokerConnection? _only;
    private readonly PublisherOptions _options;
    private readonly BrokerClientOptions _clientOptions;
    private readonly string _producerId;
    private readonly bool _recovers;
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _abandon = new();
    private readonly SendBuffer _scratch = new();
    private readonly LinkedList<TaskCompletionSource> _turns = new();
    private readonly List<(ulong Sequence, TaskCompletionSource Waiter)> _flushes = [];
    private readonly List<PublishFailure> _reported = [];
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private InFlightWindow _window;
    private PublishStream? _stream;
    private bool _writes; // to the stream at once; else messages are kept for the next one
    private bool _isNumbered;
    private bool _hasProgressed;
    private bool _ending;
    private int _maxMessageBytes;
    private PublishFailure _firstFailure;
    private long _failures;

    /// <param name="keeper">Makes connections.</param>
    /// <param name="clientOptions">The client's options.</param>
    /// <param name="options">The publisher's options.</param>
    /// <param name="source">Says on which connection to publish; <c>null</c>: on the client's own.</param>
    /// <param name="only">The connection to publish on and end with; <c>null</c>: whichever there is.</param>
    public PublishChannel(
        ConnectionKeeper keeper, BrokerClientOptions clientOptions, PublisherOptions options, IConnectionSource? source = null, BrokerConnection? only = null)
    {
        _only = only;
        _keeper = keeper;
        _source = source ?? keeper;
        _clientOptions = clientOptions;
        _options = options;
        _recovers = clientOptions.RecoverConnection && (options.ProducerId.Length > 0 || options.Idempotent);
        _producerId = options.ProducerId.Length == 0 && _recovers ? ProducerName.MakeUp() : options.ProducerId;

        // Nobody has used a name that was made up just now, so its numbers begin at 1.
        _isNumbered = options.ProducerId.Length == 0;
        _window = NewWindow(1);
        _maxMessageBytes = keeper.Latest.Welcome.MaxMessageBytes;
    }

    /// <summary>Completes when the server is ready for the first time, or fails as the publisher does.</summary>
    public Task Ready => _ready.Task;

    /// <summary>Completes when the publisher is over and everybody who waited knows; never faults.</summary>
    public Task Closed => _closed.Task;

    /// <summary>Why the publisher is over; <c>null</c> while it is not.</summary>
    public BrokerException? End { get; private set; }

    /// <summary>Messages without an outcome, as far as one can tell without stopping it.</summary>
    public int InFlight => _window.Count;

    /// <summary>Opens the first stream, and those that follow.</summary>
    public void Start()
    {
        ClientMetrics.Add(this, _clientOptions.ClientName);

        // What the caller is doing now ends before the publisher does.
        ThreadPool.UnsafeQueueUserWorkItem(static self => _ = self.RunAsync(), this, preferLocal: false);
    }

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
        var observation = PublishObservation.Begin(exchange, routingKey, body.Length, ref options);
        try
        {
            lock (_gate)
            {
                ThrowIfEnded();
                if (_turns.Count == 0 && HasRoom)
                {
                    return new ValueTask<PublishTicket>(Write(exchange, routingKey, body.Span, options, outcome, observation));
                }

                var turn = _turns.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
                return WaitAndPublishAsync(turn, exchange, routingKey, body, options, outcome, observation, cancellationToken);
            }
        }
        catch (Exception e) when (observation is not null)
        {
            observation.End(e);
            throw;
        }
    }

    /// <summary>Waits until everything published so far has its outcome.</summary>
    /// <exception cref="PublishException">A message without a waiter of its own failed since the last flush.</exception>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        TaskCompletionSource? waiter = null;
        lock (_gate)
        {
            if (!_window.IsEmpty)
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

    /// <summary>Sends FIN after what was handed over, and waits until the server has answered everything and ended its side.</summary>
    public async Task EndAsync(CancellationToken cancellationToken)
    {
        bool nothingIsLeft;
        lock (_gate)
        {
            _ending = true;
            _stream?.Complete();
            nothingIsLeft = _stream is null && _window.IsEmpty;
        }

        if (nothingIsLeft)
        {
            await _abandon.CancelAsync().ConfigureAwait(false);
        }

        await Closed.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Gives the publisher up: what is not answered is unknown.</summary>
    public void Abandon()
    {
        PublishStream? stream;
        lock (_gate)
        {
            _ending = true;
            stream = _stream;
        }

        _abandon.Cancel();
        stream?.Abandon();
    }

    private bool HasRoom => _isNumbered && _window.HasRoom && (!_writes || _stream!.Buffer.Length < MaxUnsentBytes);

    private InFlightWindow NewWindow(ulong first) => new(_options.MaxInFlightMessages, _options.MaxInFlightBytes, first);

    private async ValueTask<PublishTicket> WaitAndPublishAsync(
        LinkedListNode<TaskCompletionSource> turn,
        string exchange,
        string routingKey,
        ReadOnlyMemory<byte> body,
        PublishOptions options,
        TaskCompletionSource? outcome,
        PublishObservation? observation,
        CancellationToken cancellationToken)
    {
        try
        {
            await turn.Value.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            lock (_gate)
            {
                ThrowIfEnded();
                return Write(exchange, routingKey, body.Span, options, outcome, observation);
            }
        }
        catch (Exception e) when (observation is not null)
        {
            observation.End(e);
            throw;
        }
        finally
        {
            lock (_gate)
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

    private PublishTicket Write(
        string exchange, string routingKey, ReadOnlySpan<byte> body, PublishOptions options, TaskCompletionSource? outcome, PublishObservation? observation)
    {
        var sequence = _window.Next;
        var buffer = _writes ? _stream!.Buffer : _scratch;
        var before = buffer.Length;
        var size = body.Length;
        if (size <= _maxMessageBytes)
        {
            size = PublishFrame.Write(buffer, sequence, options.Flags, exchange, routingKey, options.Properties, body);
        }

        if (size > _maxMessageBytes)
        {
            buffer.Truncate(before);
            throw PublishException.From(new PublishFailure(0, false, ErrorCode.MessageTooLarge, $"{size} bytes; the node takes at most {_maxMessageBytes}"));
        }

        _window.Add(size, outcome, _recovers || !_writes ? buffer.Written.Span[before..] : default, observation);
        if (_writes)
        {
            _stream!.Send();
        }
        else
        {
            _scratch.Clear();
        }

        return new PublishTicket(sequence);
    }

    private void ThrowIfEnded()
    {
        if (End is { } end)
        {
            throw end;
        }

        ObjectDisposedException.ThrowIf(_ending, typeof(Publisher));
    }

    private void ThrowIfFailed()
    {
        lock (_gate)
        {
            if (_failures > 0)
            {
                var further = _failures - 1;
                _failures = 0;
                throw PublishException.From(_firstFailure, further);
            }
        }
    }

    private static void Fail(TaskCompletionSource waiter, Exception reason)
    {
        waiter.TrySetException(reason);

        // Whoever waited may have been cancelled and gone.
        _ = waiter.Task.Exception;
    }
}
