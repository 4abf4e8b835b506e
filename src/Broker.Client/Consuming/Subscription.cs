using System.Diagnostics.CodeAnalysis;
using Broker.Client.Connections;
using Broker.Client.Streams;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Client.Consuming;

/// <summary>
/// One subscription on one stream: what a <see cref="Consumer"/> has, one after the other. Messages wait in the transport until they are read. One reader at a
/// time; settling is thread-safe.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "A semaphore whose wait handle is never asked for holds nothing to dispose.")]
internal sealed partial class Subscription : IAsyncDisposable, IDebt
{
    private readonly BrokerConnection _connection;
    private readonly ConsumerOptions _options;
    private readonly TimeSpan _closeTimeout;
    private readonly bool _recovers;
    private readonly string _what;
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _reader = new(1);
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IQuicStream? _stream;
    private FrameInput? _input;
    private volatile BrokerException? _end;
    private volatile bool _disposing;

    private Subscription(BrokerConnection connection, BrokerClientOptions clientOptions, string queue, ConsumerOptions options)
    {
        _connection = connection;
        Left = connection.GoingAway;
        _options = options;
        _closeTimeout = clientOptions.CloseTimeout;
        _recovers = clientOptions.RecoverConnection;
        _what = $"consumer of '{queue}'";
        Queue = queue;
        if (options.ConfirmSettles)
        {
            _awaited = new AwaitedSettlements();
            _kept = new KeptDeliveries(this, options.PrefetchMessages, options.PrefetchBytes);
        }

        _sender = new FrameSender(_gate, beforeSend: WriteSettlements);
        _settleTimer = clientOptions.TimeProvider.CreateTimer(
            static state => ((Subscription)state!).OnSettleDelay(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Where its stream is.</summary>
    public BrokerConnection Connection => _connection;

    /// <summary>Whether an answer of the server is due: to SUBSCRIBE, to settlements that it confirms, or to the end.</summary>
    public bool IsOwed => !_subscribed || (_cancelSent && _cancelled is null) || _disposing || _awaited is { IsEmpty: false };

    /// <summary>Completes when another subscription is to take over.</summary>
    public Task Left { get; private set; }

    /// <summary>Completes when the stream is over; never faults.</summary>
    public Task Ended => _closed.Task;

    /// <summary>The queue.</summary>
    public string Queue { get; }

    /// <summary>The consumer's name in the broker's lists.</summary>
    public string ConsumerTag { get; private set; } = "";

    /// <summary>Asks the server to send no more. Go on reading until the end: what was on its way still comes.</summary>
    /// <remarks>No effect if the consumer is cancelled or over.</remarks>
    public void Cancel()
    {
        lock (_gate)
        {
            if (_end is null && !_cancelSent && !_disposing)
            {
                _settlements.WriteTo(_sender.Buffer, withCredit: false);
                _cancelSent = true;
                new CancelFrame().Write(_sender.Buffer);
                _sender.Signal();
            }
        }
    }

    /// <summary>
    /// Sends what is settled, returns everything else to the queue, and waits within <see cref="BrokerClientOptions.CloseTimeout"/> until the server has done
    /// so. Settlements whose confirmation has not come by then fail. Does not throw.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        bool first;
        lock (_gate)
        {
            first = !_disposing;
            _disposing = true;
            if (first && _end is null)
            {
                _sender.Complete();
            }
        }

        if (!first)
        {
            await _closed.Task.ConfigureAwait(false);
            return;
        }

        using var timeout = new CancellationTokenSource(_closeTimeout);
        try
        {
            // Whoever reads leaves; then somebody has to read up to the end, which says that everything sent has been carried out.
            _input?.CancelPendingRead();
            await _reader.WaitAsync(timeout.Token).ConfigureAwait(false);
            await TakeInputAsync(timeout.Token).ConfigureAwait(false);
            await DrainAsync(timeout.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _stream?.Reset((long)ErrorCode.Cancelled);
            _stream?.StopSending((long)ErrorCode.Cancelled);
        }
        catch (BrokerException)
        {
            // Whoever reads or settles learns of it.
        }

        await CloseAsync(new BrokerStreamException(_what, ErrorCode.NoError, "the consumer was disposed")).ConfigureAwait(false);
    }

    /// <summary>The same, at a place that is released at the end.</summary>
    public static async Task<Subscription> SubscribeAsync(
        Place place, BrokerClientOptions clientOptions, string queue, ConsumerOptions options, CancellationToken cancellationToken)
    {
        try
        {
            var subscription = await SubscribeAsync(place.Connection, clientOptions, queue, options, cancellationToken).ConfigureAwait(false);
            subscription.Left = place.Left;
            _ = place.ReleaseAfterAsync(subscription.Ended);
            return subscription;
        }
        catch
        {
            place.Release();
            throw;
        }
    }

    public static async Task<Subscription> SubscribeAsync(
        BrokerConnection connection,
        BrokerClientOptions clientOptions,
        string queue,
        ConsumerOptions options,
        CancellationToken cancellationToken)
    {
        var subscription = new Subscription(connection, clientOptions, queue, options);
        try
        {
            await subscription.OpenAsync(cancellationToken).ConfigureAwait(false);
            return subscription;
        }
        catch (OperationCanceledException)
        {
            subscription._stream?.Reset((long)ErrorCode.Cancelled);
            subscription._stream?.StopSending((long)ErrorCode.Cancelled);
            await subscription.CloseAsync(new BrokerStreamException(subscription._what, ErrorCode.Cancelled, "the subscription was cancelled")).ConfigureAwait(false);
            throw;
        }
    }

    private async Task OpenAsync(CancellationToken cancellationToken)
    {
        var subscribe = new SubscribeFrame
        {
            Queue = Queue,
            ConsumerTag = _options.ConsumerTag,
            Flags = _options.Flags,
            CreditMessages = (ulong)_options.PrefetchMessages,
            CreditBytes = (ulong)_options.PrefetchBytes,
            Arguments = _options.ToTable(),
        };
        StreamHeader.Write(_sender.Buffer, StreamKind.Consume);
        subscribe.Write(_sender.Buffer);
        _connection.Add(this);
        try
        {
            _stream = await _connection.OpenStreamAsync(cancellationToken).ConfigureAwait(false);
            _input = new FrameInput(_stream.Input, _connection.Hello.MaxFrameBytes, _what);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw await EndAsync(e).ConfigureAwait(false);
        }

        lock (_gate)
        {
            _sender.Attach(_stream.Output);
        }

        while (!_subscribed)
        {
            if (!await ReadFramesAsync(null, cancellationToken).ConfigureAwait(false) && !_subscribed)
            {
                throw await EndAsync(new BrokerStreamException(_what, ErrorCode.InternalError, "the stream ended before SUBSCRIBED")).ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// Another subscription has taken over, and the old deliveries may still be settled here: ends when all of them are, or with the connection.
    /// </summary>
    public void Leave()
    {
        bool over;
        lock (_gate)
        {
            _left = true;
            over = _options.NoAck || _settledTags == _lastTag;
        }

        if (over)
        {
            _ = DisposeAsync().AsTask();
        }
    }

    /// <summary>Reads and drops what comes until the server ends the stream.</summary>
    private async Task DrainAsync(CancellationToken cancellationToken)
    {
        if (_input is null || _end is not null)
        {
            return;
        }

        bool more;
        do
        {
            using var dropped = new DeliveryBatch(null, pooled: true);
            more = await ReadFramesAsync(dropped, cancellationToken).ConfigureAwait(false);
        }
        while (more);
    }

    /// <summary>The stream is over; this is why, from now on.</summary>
    private async ValueTask<BrokerException> EndAsync(Exception exception)
    {
        var reason = await _connection.ExplainAsync(exception, _what).ConfigureAwait(false);
        await CloseAsync(reason).ConfigureAwait(false);
        return reason;
    }

    private async ValueTask CloseAsync(BrokerException reason)
    {
        lock (_gate)
        {
            if (_closed.Task.IsCompleted)
            {
                return;
            }

            _end ??= reason;
            _sender.Stop();
            _awaited?.Fail(_end);
            _closed.TrySetResult();
        }

        _connection.Remove(this);
        await _settleTimer.DisposeAsync().ConfigureAwait(false);
        if (_stream is not null)
        {
            await _stream.DisposeAsync().ConfigureAwait(false);
        }

        _input?.Dispose();
    }
}
