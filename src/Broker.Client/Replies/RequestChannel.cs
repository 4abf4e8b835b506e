using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Broker.Client.Connections;
using Broker.Client.Consuming;
using Broker.Client.Publishing;

namespace Broker.Client.Replies;

/// <summary>
/// Sends requests on one connection and gives each the reply with its correlation id. Replies come to the connection that sent the request, so nothing outlives it:
/// what has no reply then fails, and the client makes another of these.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "A semaphore whose wait handle is never asked for holds nothing to dispose.")]
internal sealed class RequestChannel : IAsyncDisposable, IDebt
{
    /// <summary>Requests without a reply; more wait.</summary>
    private const int MaxPending = 65_536;

    private const string What = "requests";
    private static readonly ConsumerOptions s_replies = new() { NoAck = true, PrefetchMessages = 8192, PrefetchBytes = 16 << 20 };
    private static readonly PublisherOptions s_publisher = new() { Idempotent = false };

    private readonly BrokerClientOptions _options;
    private readonly ConcurrentDictionary<string, TaskCompletionSource<Delivery>> _pending = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _places = new(MaxPending);
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PublishChannel _publisher;
    private readonly Lazy<Task> _disposal;
    private readonly Task? _former;
    private Subscription? _subscription;
    private long _lastId;
    private volatile BrokerException? _end;
    private volatile bool _left;

    /// <param name="keeper">Makes connections.</param>
    /// <param name="options">The client's options.</param>
    /// <param name="connection">Where requests go and replies come.</param>
    /// <param name="former">The end of the one before on this connection, which has replies one stream at a time; <c>null</c>: there was none.</param>
    public RequestChannel(ConnectionKeeper keeper, BrokerClientOptions options, BrokerConnection connection, Task? former)
    {
        _options = options;
        _former = former;
        _disposal = new Lazy<Task>(EndAsync);
        Connection = connection;
        _publisher = new PublishChannel(keeper, options, s_publisher, only: connection);
    }

    /// <summary>Where requests go and replies come.</summary>
    public BrokerConnection Connection { get; }

    /// <summary>No reply comes any more, or no request can be sent.</summary>
    public bool IsOver => _end is not null || _publisher.End is not null;

    /// <summary>Completes when requests can be sent, or fails as they would.</summary>
    public Task Ready => _ready.Task;

    /// <summary>Whether replies are waited for, which come by way of the node.</summary>
    public bool IsOwed => !_pending.IsEmpty;

    public void Start()
    {
        Connection.Add(this);
        _publisher.Start();

        // No part of whatever the first who asks is doing now.
        ThreadPool.UnsafeQueueUserWorkItem(static self => _ = self.RunAsync(), this, preferLocal: false);
    }

    /// <summary>Sends a request and waits for its reply.</summary>
    /// <returns><c>null</c> if this was over before anything was sent: ask another.</returns>
    public async Task<Delivery?> RequestAsync(
        string exchange, string routingKey, ReadOnlyMemory<byte> body, PublishOptions options, CancellationToken cancellationToken)
    {
        await _places.WaitAsync(cancellationToken).ConfigureAwait(false);
        var id = Interlocked.Increment(ref _lastId).ToString(CultureInfo.InvariantCulture);
        var reply = new TaskCompletionSource<Delivery>(TaskCreationOptions.RunContinuationsAsynchronously);
        _pending[id] = reply;
        try
        {
            if (IsOver)
            {
                return null;
            }

            var addressed = options with { Properties = options.Properties! with { ReplyTo = ReplyAddress.Queue, CorrelationId = id } };
            if (await TryPublishAsync(exchange, routingKey, body, addressed, cancellationToken).ConfigureAwait(false) is not { } outcome)
            {
                return null;
            }

            _ = FailWithAsync(outcome, reply);
            return await reply.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _pending.TryRemove(id, out _);
            _places.Release();
            EndIfIdle();
        }
    }

    /// <summary>Another one has taken over, on another connection: ends when it has nothing under way, or with its connection.</summary>
    public void Leave()
    {
        _left = true;
        EndIfIdle();
    }

    /// <summary>Fails what has no reply, and ends the streams.</summary>
    public ValueTask DisposeAsync() => new(_disposal.Value);

    private async Task EndAsync()
    {
        await Task.Yield();
        Connection.Remove(this);
        End(_publisher.End ?? new BrokerStreamException(What, Protocol.ErrorCode.Cancelled, "the client was disposed"));
        using var timeout = new CancellationTokenSource(_options.CloseTimeout, _options.TimeProvider);
        try
        {
            await _publisher.EndAsync(timeout.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _publisher.Abandon();
        }

        if (_subscription is not null)
        {
            await _subscription.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Hands the request over.</summary>
    /// <returns>Its outcome; <c>null</c> if it was not sent and may be on another connection.</returns>
    private async Task<Task?> TryPublishAsync(
        string exchange, string routingKey, ReadOnlyMemory<byte> body, PublishOptions options, CancellationToken cancellationToken)
    {
        var outcome = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            await _publisher.PublishAsync(exchange, routingKey, body, options, outcome, cancellationToken).ConfigureAwait(false);
            return outcome.Task;
        }
        catch (BrokerException e) when (e is not PublishException && _options.RecoverConnection && Recovery.IsWorthwhile(e))
        {
            return null;
        }
        catch (ObjectDisposedException) when (_left)
        {
            return null;
        }
    }

    private async Task RunAsync()
    {
        try
        {
            _subscription = await SubscribeAsync().ConfigureAwait(false);
            await _publisher.Ready.ConfigureAwait(false);
            _ready.TrySetResult();
            while (await _subscription.ReadBatchAsync(pooled: false, CancellationToken.None).ConfigureAwait(false) is { } batch)
            {
                foreach (var delivery in batch)
                {
                    // One that nobody waits for any more is dropped.
                    if (delivery.Properties.CorrelationId is { } id && _pending.TryGetValue(id, out var reply))
                    {
                        reply.TrySetResult(delivery);
                    }
                }
            }

            End(new BrokerStreamException(What, Protocol.ErrorCode.NoError, "the subscription to replies has ended"));
        }
        catch (Exception e)
        {
            End(e as BrokerException ?? await Connection.ExplainAsync(e, What).ConfigureAwait(false));
        }

        await DisposeAsync().ConfigureAwait(false);
    }

    private async Task<Subscription> SubscribeAsync()
    {
        if (_former is not null)
        {
            await _former.ConfigureAwait(false);
        }

        var pacer = new RecoveryPacer(_options);
        while (true)
        {
            try
            {
                return await Subscription.SubscribeAsync(Connection, _options, ReplyAddress.Queue, s_replies, CancellationToken.None).ConfigureAwait(false);
            }
            catch (BrokerStreamException e) when (_former is not null && e.ErrorCode == Protocol.ErrorCode.ResourceLocked)
            {
                // The node has ended the former stream, and has not let go of it yet.
                if (_disposal.IsValueCreated || !await pacer.WaitAsync(CancellationToken.None).ConfigureAwait(false))
                {
                    throw;
                }
            }
        }
    }

    private void End(BrokerException reason)
    {
        _end ??= reason;
        _ready.TrySetException(_end);
        _ = _ready.Task.Exception; // nobody has to look
        foreach (var reply in _pending.Values)
        {
            Fail(reply, Explain(_end));
        }
    }

    private void EndIfIdle()
    {
        if (_left && _pending.IsEmpty)
        {
            _ = DisposeAsync().AsTask();
        }
    }

    /// <summary>A request that no queue took has no reply.</summary>
    private static async Task FailWithAsync(Task outcome, TaskCompletionSource<Delivery> reply)
    {
        try
        {
            await outcome.ConfigureAwait(false);
        }
        catch (PublishException e)
        {
            Fail(reply, e);
        }
        catch (BrokerException e)
        {
            Fail(reply, Explain(e));
        }
    }

    private static void Fail(TaskCompletionSource<Delivery> reply, Exception reason)
    {
        reply.TrySetException(reason);
        _ = reply.Task.Exception; // whoever waited may have been cancelled and gone
    }

    private static BrokerException Explain(BrokerException reason)
    {
        const string Unknown = "request: no reply can come any more, and whether the request was carried out is unknown";
        return reason is BrokerConnectionException lost
            ? new BrokerConnectionException(Unknown, lost.ErrorCode, lost.Reason, lost.IsRetryable, lost.TransportError, lost)
            : new BrokerStreamException(Unknown, reason.ErrorCode, reason.Reason);
    }
}
