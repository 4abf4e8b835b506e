using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Broker.Client.Connections;
using Broker.Client.Consuming;
using Broker.Client.Streams;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Client;

/// <summary>
/// A subscription to one queue, on a stream of its own. Messages wait in the transport until they are read, so a consumer that does not read costs no more
/// than its
/// stream's window and slows nobody else down. One reader at a time; settling is thread-safe.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "A semaphore whose wait handle is never asked for holds nothing to dispose.")]
public sealed partial class Consumer : IAsyncDisposable
{
    private readonly BrokerClient _client;
    private readonly BrokerConnection _connection;
    private readonly ConsumerOptions _options;
    private readonly TimeSpan _closeTimeout;
    private readonly string _what;
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _reader = new(1);
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IQuicStream? _stream;
    private FrameInput? _input;
    private volatile BrokerException? _end;
    private volatile bool _disposing;

    private Consumer(BrokerClient client, BrokerConnection connection, BrokerClientOptions clientOptions, string queue, ConsumerOptions options)
    {
        _client = client;
        _connection = connection;
        _options = options;
        _closeTimeout = clientOptions.CloseTimeout;
        _what = $"consumer of '{queue}'";
        Queue = queue;
        if (options.ConfirmSettles)
        {
            _awaited = new AwaitedSettlements();
            _kept = new KeptDeliveries(this, options.PrefetchMessages, options.PrefetchBytes);
        }

        _sender = new FrameSender(_gate, beforeSend: WriteSettlements);
        _settleTimer = clientOptions.TimeProvider.CreateTimer(
            static state => ((Consumer)state!).OnSettleDelay(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The queue.</summary>
    public string Queue { get; }

    /// <summary>The consumer's name in the broker's lists.</summary>
    public string ConsumerTag { get; private set; } = "";

    /// <summary>Waits for messages and takes those that are there, about 256 KiB of them at most.</summary>
    /// <param name="cancellationToken">Ends the wait; no message is lost.</param>
    /// <returns>At least one message, to be disposed; or <c>null</c> when <see cref="Cancel"/> has taken effect and everything that was delivered has been
    /// read.</returns>
    /// <exception cref="ConsumerCancelledException">The server has ended the subscription.</exception>
    /// <exception cref="BrokerStreamException">The server has ended the stream; unsettled messages have gone back to the queue.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended; unsettled messages have gone back to the queue.</exception>
    /// <exception cref="InvalidOperationException">Another read is under way.</exception>
    public ValueTask<DeliveryBatch?> ReadBatchAsync(CancellationToken cancellationToken = default) => ReadBatchAsync(pooled: true, cancellationToken);

    /// <summary>
    /// Reads one message after the other, until <see cref="Cancel"/> has taken effect. Bodies may be kept; each shares an array of up to 64 KiB with its
    /// neighbours.
    /// </summary>
    /// <inheritdoc cref="ReadBatchAsync(CancellationToken)" path="/exception"/>
    public async IAsyncEnumerable<Delivery> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        while (await ReadBatchAsync(pooled: false, cancellationToken).ConfigureAwait(false) is { } batch)
        {
            for (var i = 0; i < batch.Count; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                yield return batch[i];
            }
        }
    }

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

        _client.Forget(this);
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

    internal static async Task<Consumer> SubscribeAsync(
        BrokerClient client,
        BrokerConnection connection,
        BrokerClientOptions clientOptions,
        string queue,
        ConsumerOptions options,
        CancellationToken cancellationToken)
    {
        options.Validate();
        var consumer = new Consumer(client, connection, clientOptions, queue, options);
        try
        {
            await consumer.OpenAsync(cancellationToken).ConfigureAwait(false);
            return consumer;
        }
        catch (OperationCanceledException)
        {
            consumer._stream?.Reset((long)ErrorCode.Cancelled);
            consumer._stream?.StopSending((long)ErrorCode.Cancelled);
            await consumer.CloseAsync(new BrokerStreamException(consumer._what, ErrorCode.Cancelled, "the subscription was cancelled")).ConfigureAwait(false);
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
            Arguments = _options.Arguments,
        };
        StreamHeader.Write(_sender.Buffer, StreamKind.Consume);
        subscribe.Write(_sender.Buffer);
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

        _client.Forget(this);
        await _settleTimer.DisposeAsync().ConfigureAwait(false);
        if (_stream is not null)
        {
            await _stream.DisposeAsync().ConfigureAwait(false);
        }

        _input?.Dispose();
    }
}
