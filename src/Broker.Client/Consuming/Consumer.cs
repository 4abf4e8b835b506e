using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Broker.Client.Connections;
using Broker.Client.Consuming;
using Broker.Protocol;

namespace Broker.Client;

/// <summary>
/// A subscription to one queue, on a stream of its own. Messages wait in the transport until they are read, so a consumer that does not read costs no more
/// than its stream's window and slows nobody else down. One reader at a time; settling is thread-safe.
/// </summary>
/// <remarks>
/// When the connection or the queue's leader is lost, the consumer subscribes again as soon as somebody reads, and reading goes on. Messages that were delivered
/// and not settled are delivered again, marked as redelivered; settling what was delivered before has no effect then, except with
/// <see cref="ConsumerOptions.ConfirmSettles"/>, which fails. From a log, reading goes on behind the last message that was read.
/// </remarks>
[SuppressMessage("Reliability", "CA1001", Justification = "A source that no timer cancels holds nothing to dispose.")]
public sealed class Consumer : IAsyncDisposable
{
    private readonly BrokerClient _client;
    private readonly IConnectionSource _source;
    private readonly BrokerClientOptions _clientOptions;
    private readonly ConsumerOptions _options;
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _disposal = new();
    private readonly List<Subscription> _left = []; // whose deliveries may still be settled
    private Subscription _subscription;
    private bool _isLost; // the subscription is over, and another one is needed before anything is read
    private bool _cancelled;
    private int _reads;
    private long? _lastOffset; // of the last message of a log that was read

    private Consumer(
        BrokerClient client, IConnectionSource source, BrokerClientOptions clientOptions, string queue, ConsumerOptions options, Subscription subscription)
    {
        _client = client;
        _source = source;
        _clientOptions = clientOptions;
        _options = options;
        _subscription = subscription;
        Queue = queue;
        MoveWhenNodeGoes(subscription);
    }

    /// <summary>The queue.</summary>
    public string Queue { get; }

    /// <summary>The consumer's name in the broker's lists. One that the broker has made up changes when the consumer subscribes again.</summary>
    public string ConsumerTag => _subscription.ConsumerTag;

    /// <summary>Waits for messages and takes those that are there, about 256 KiB of them at most.</summary>
    /// <param name="cancellationToken">Ends the wait; no message is lost.</param>
    /// <returns>At least one message, to be disposed; or <c>null</c> when <see cref="Cancel"/> has taken effect and everything that was delivered has been
    /// read.</returns>
    /// <exception cref="ConsumerCancelledException">The server has ended the subscription.</exception>
    /// <exception cref="BrokerStreamException">The server has ended the stream, or refused to subscribe again; unsettled messages have gone back to the
    /// queue.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended, and could not be made again within
    /// <see cref="BrokerClientOptions.RecoveryPatience"/>; unsettled messages have gone back to the queue.</exception>
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

    /// <summary>Sends what is settled now, without waiting for <see cref="ConsumerOptions.SettleDelay"/>.</summary>
    public void FlushSettlements() => _subscription.FlushSettlements();

    /// <summary>Asks the server to send no more. Go on reading until the end: what was on its way still comes.</summary>
    /// <remarks>No effect if the consumer is cancelled or over.</remarks>
    public void Cancel()
    {
        Subscription subscription;
        lock (_gate)
        {
            _cancelled = true;
            subscription = _subscription;
        }

        subscription.Cancel();
    }

    /// <summary>
    /// Sends what is settled, returns everything else to the queue, and waits within <see cref="BrokerClientOptions.CloseTimeout"/> until the server has done
    /// so. Settlements whose confirmation has not come by then fail. Does not throw.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        _client.Forget(this);
        Subscription[] subscriptions;
        lock (_gate)
        {
            _disposal.Cancel();
            subscriptions = [_subscription, .. _left];
        }

        await Task.WhenAll(subscriptions.Select(static subscription => subscription.DisposeAsync().AsTask())).ConfigureAwait(false);
    }

    internal static async Task<Consumer> SubscribeAsync(
        BrokerClient client,
        IConnectionSource source,
        BrokerClientOptions clientOptions,
        string queue,
        ConsumerOptions options,
        CancellationToken cancellationToken)
    {
        options.Validate();
        var subscription = await SubscribeAsync(source, clientOptions, queue, options, again: false, cancellationToken).ConfigureAwait(false);
        return new Consumer(client, source, clientOptions, queue, options, subscription);
    }

    private static async Task<Subscription> SubscribeAsync(
        IConnectionSource source, BrokerClientOptions clientOptions, string queue, ConsumerOptions options, bool again, CancellationToken cancellationToken)
    {
        var pacer = new RecoveryPacer(clientOptions);
        while (true)
        {
            var place = await source.GetPlaceAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                return await Subscription.SubscribeAsync(place, clientOptions, queue, options, cancellationToken).ConfigureAwait(false);
            }
            catch (BrokerException e) when (place.IsDetour && !Recovery.IsWorthwhile(e))
            {
                source.AvoidDetours(); // if the client's own node refuses as well, that is the answer
            }
            catch (BrokerException e) when (clientOptions.RecoverConnection && !source.IsOver && MayTryAgain(e, again && options.Exclusive))
            {
                if (!await pacer.WaitAsync(cancellationToken).ConfigureAwait(false))
                {
                    throw;
                }
            }
        }
    }

    /// <summary>The node that was lost may not have noticed yet that this consumer, which had the queue to itself, is gone from there.</summary>
    private static bool MayTryAgain(BrokerException reason, bool hadItAlone) =>
        Recovery.IsWorthwhile(reason) || (hadItAlone && reason.ErrorCode == ErrorCode.ResourceLocked);

    private async ValueTask<DeliveryBatch?> ReadBatchAsync(bool pooled, CancellationToken cancellationToken)
    {
        if (Interlocked.Increment(ref _reads) > 1)
        {
            Interlocked.Decrement(ref _reads);
            ObjectDisposedException.ThrowIf(_disposal.IsCancellationRequested, this);
            throw new InvalidOperationException("another read is under way");
        }

        try
        {
            while (true)
            {
                if (!_isLost && await TryReadAsync(pooled, cancellationToken).ConfigureAwait(false) is { } batch)
                {
                    _lastOffset = batch[^1].Offset ?? _lastOffset;
                    return batch;
                }

                if (_cancelled || !_clientOptions.RecoverConnection || !await SubscribeAgainAsync(cancellationToken).ConfigureAwait(false))
                {
                    return null;
                }
            }
        }
        finally
        {
            Interlocked.Decrement(ref _reads);
        }
    }

    /// <summary>Reads from the subscription.</summary>
    /// <returns><c>null</c> if it is over and the consumer may go on with another one.</returns>
    private async ValueTask<DeliveryBatch?> TryReadAsync(bool pooled, CancellationToken cancellationToken)
    {
        try
        {
            return await _subscription.ReadBatchAsync(pooled, cancellationToken).ConfigureAwait(false);
        }
        catch (BrokerException e) when (_clientOptions.RecoverConnection && Recovery.IsWorthwhile(e) && !_disposal.IsCancellationRequested)
        {
            return null;
        }
        catch (BrokerException)
        {
            _client.Forget(this);
            throw;
        }
    }

    /// <summary>Of a log, what was read is not read again.</summary>
    private ConsumerOptions OptionsNow => _lastOffset is { } last
        ? _options with { Offset = LogOffset.At(last + 1), Arguments = FieldTable.Of(_options.Arguments.Where(a => a.Key != ConsumerOptions.OffsetArgument)) }
        : _options;

    /// <summary>Subscribes again in place of the subscription, which is over.</summary>
    /// <returns><c>false</c> if the consumer was disposed meanwhile.</returns>
    private async ValueTask<bool> SubscribeAgainAsync(CancellationToken cancellationToken)
    {
        if (_disposal.IsCancellationRequested)
        {
            return false;
        }

        LeaveSubscription();
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(_disposal.Token, cancellationToken);
        Subscription subscription;
        try
        {
            subscription = await SubscribeAsync(_source, _clientOptions, Queue, OptionsNow, again: true, linked.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }

        bool disposed, cancelled;
        lock (_gate)
        {
            disposed = _disposal.IsCancellationRequested;
            cancelled = _cancelled;
            if (!disposed)
            {
                _subscription = subscription;
                _isLost = false;
            }
        }

        if (disposed)
        {
            await subscription.DisposeAsync().ConfigureAwait(false);
            return false;
        }

        if (cancelled)
        {
            subscription.Cancel();
        }

        MoveWhenNodeGoes(subscription);
        return true;
    }

    private void LeaveSubscription()
    {
        if (_isLost)
        {
            return;
        }

        _isLost = true;
        lock (_gate)
        {
            _left.RemoveAll(static left => left.Ended.IsCompleted);
            _left.Add(_subscription);
        }

        _subscription.Leave();
    }

    /// <summary>When the node goes away, the old subscription gets no more, and reading goes on with another one.</summary>
    private void MoveWhenNodeGoes(Subscription subscription)
    {
        if (_clientOptions.RecoverConnection)
        {
            _ = MoveAsync(subscription);
        }

        static async Task MoveAsync(Subscription subscription)
        {
            await Task.WhenAny(subscription.Left, subscription.Ended).ConfigureAwait(false);
            subscription.Cancel();
        }
    }
}
