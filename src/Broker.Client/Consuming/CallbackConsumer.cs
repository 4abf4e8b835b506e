using System.Diagnostics.CodeAnalysis;
using Broker.Client.Consuming;
using Broker.Client.Telemetry;
using Broker.Protocol;

namespace Broker.Client;

/// <summary>
/// Calls a handler for each message of a queue, and settles the message after it: acknowledged when the handler has returned, what <see cref="HandlerOptions"/> say
/// when it has thrown. A handler may settle its message itself. Goes on after the loss of a connection or of the queue's leader, as <see cref="Consumer"/> does.
/// Disposing it lets the handlers that run finish.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "Sources that no timer cancels and a semaphore without a wait handle hold nothing to dispose.")]
public sealed class CallbackConsumer : IAsyncDisposable
{
    private readonly BrokerClient _client;
    private readonly BrokerClientOptions _clientOptions;
    private readonly Consumer _consumer;
    private readonly Func<Delivery, CancellationToken, Task> _handler;
    private readonly HandlerOptions _options;
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _aborting = new();
    private readonly SemaphoreSlim _places;
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal CallbackConsumer(
        BrokerClient client, BrokerClientOptions clientOptions, Consumer consumer, Func<Delivery, CancellationToken, Task> handler, HandlerOptions options)
    {
        _client = client;
        _clientOptions = clientOptions;
        _consumer = consumer;
        _handler = handler;
        _options = options;
        _places = new SemaphoreSlim(options.MaxConcurrency);
    }

    /// <summary>The queue.</summary>
    public string Queue => _consumer.Queue;

    /// <summary>The consumer's name in the broker's lists; see <see cref="Consumer.ConsumerTag"/>.</summary>
    public string ConsumerTag => _consumer.ConsumerTag;

    /// <summary>
    /// Completes when no handler runs and none will: after <see cref="StopAsync"/>, or with the exception that ended the subscription; see
    /// <see cref="Consumer.ReadBatchAsync(CancellationToken)"/>.
    /// </summary>
    public Task Completion => _completion.Task;

    /// <summary>
    /// Begins no more handlers, waits for those that run, and returns to the queue what was delivered and not handled. Not from within a handler, for which it would
    /// wait. Does not throw; the outcome is that of <see cref="Completion"/>.
    /// </summary>
    /// <param name="cancellationToken">Cancels the tokens of the handlers that still run, whose messages go back to the queue unless they are settled. Those that have
    /// not ended <see cref="BrokerClientOptions.CloseTimeout"/> later are waited for no more.</param>
    public async Task StopAsync(CancellationToken cancellationToken = default)
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await EndsAsync(Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false);
        if (!Completion.IsCompleted)
        {
            await _aborting.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(_consumer.DisposeAsync().AsTask(), EndsAsync(_clientOptions.CloseTimeout, CancellationToken.None)).ConfigureAwait(false);
        }
    }

    /// <summary>As <see cref="StopAsync"/>; after <see cref="BrokerClientOptions.CloseTimeout"/> the tokens of handlers that still run are cancelled.</summary>
    public async ValueTask DisposeAsync()
    {
        using var timeout = new CancellationTokenSource(_clientOptions.CloseTimeout, _clientOptions.TimeProvider);
        await StopAsync(timeout.Token).ConfigureAwait(false);
    }

    internal void Start()
    {
        // Handlers are no part of whatever the caller is doing now.
        ThreadPool.UnsafeQueueUserWorkItem(static self => _ = self.RunAsync(), this, preferLocal: false);
    }

    private async Task RunAsync()
    {
        Exception? reason = null;
        try
        {
            await ReadAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // Asked to stop.
        }
        catch (ObjectDisposedException) when (_stopping.IsCancellationRequested)
        {
            // Handlers took too long, and the subscription was ended without them.
        }
        catch (Exception e)
        {
            reason = e;
        }

        for (var i = 0; i < _options.MaxConcurrency; i++)
        {
            await _places.WaitAsync().ConfigureAwait(false);
        }

        await _consumer.DisposeAsync().ConfigureAwait(false);
        _client.Forget(this);
        if (reason is null)
        {
            _completion.TrySetResult();
            return;
        }

        _completion.TrySetException(reason);
        _ = _completion.Task.Exception; // nobody has to look
    }

    private async Task ReadAsync()
    {
        await foreach (var delivery in _consumer.ReadAllAsync(_stopping.Token).ConfigureAwait(false))
        {
            await _places.WaitAsync(_stopping.Token).ConfigureAwait(false);
            if (_options.MaxConcurrency == 1)
            {
                await HandleAsync(delivery).ConfigureAwait(false);
            }
            else
            {
                // On a thread of its own, so that a handler that computes holds up no other.
                _ = Task.Run(() => HandleAsync(delivery), CancellationToken.None);
            }
        }
    }

    private async Task HandleAsync(Delivery delivery)
    {
        var stream = delivery.Sink;
        var settlement = stream is null ? null : new HandledSettlement(stream);
        var (outcome, reason) = await CallAsync(settlement is null ? delivery : delivery.SettledBy(settlement)).ConfigureAwait(false);
        try
        {
            if (settlement?.TryTake() == true)
            {
                await stream!.SettleAsync(delivery.Tag, delivery.Tag, delivery.SizeBytes, outcome, reason).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is BrokerException or ObjectDisposedException)
        {
            // The subscription is over, which its reader learns of; the message has gone back to its queue.
        }
        finally
        {
            _places.Release();
        }
    }

    private async Task<(SettleOutcome Outcome, string Reason)> CallAsync(Delivery delivery)
    {
        using var processing = Processing.Begin(delivery, Queue);
        try
        {
            await _handler(delivery, _aborting.Token).ConfigureAwait(false);
            return (SettleOutcome.Ack, "");
        }
        catch (OperationCanceledException) when (_aborting.IsCancellationRequested)
        {
            return (SettleOutcome.Requeue, "");
        }
        catch (Exception e)
        {
            processing?.Fail(e);
            return Decide(delivery, e) == FailureOutcome.Reject ? (SettleOutcome.Reject, $"{e.GetType().Name}: {e.Message}") : (SettleOutcome.Requeue, "");
        }
    }

    private FailureOutcome Decide(in Delivery delivery, Exception exception)
    {
        try
        {
            return _options.OnException?.Invoke(delivery, exception) ?? _options.FailureOutcome;
        }
        catch (Exception)
        {
            return _options.FailureOutcome;
        }
    }

    /// <summary>Waits for the end, but not longer than said; does not throw.</summary>
    private async Task EndsAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        try
        {
            await Completion.WaitAsync(limit, _clientOptions.TimeProvider, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Not ended yet, or ended with the subscription.
        }
    }
}
