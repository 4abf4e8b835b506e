using System.Diagnostics;
using Broker.Client.Connections;
using Broker.Client.Replies;
using Broker.Client.Telemetry;
using Broker.Protocol;

namespace Broker.Client;

public sealed partial class BrokerClient
{
    private static readonly PublishOptions s_request = new() { Mandatory = true, Durable = false };
    private RequestChannel? _replies;

    /// <summary>
    /// Sends a request and waits for its reply, which comes straight to this connection, without a queue. Any number may be under way, up to 65,536; more wait.
    /// </summary>
    /// <param name="exchange">The exchange; empty for the default exchange, which routes to the queue that the routing key names.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="body">The request's body; must not change until the task completes.</param>
    /// <param name="timeout">How long to wait, sending included; above zero, or <see cref="Timeout.InfiniteTimeSpan"/>. Also the message's expiration, unless the options
    /// have one: nobody works on what nobody waits for. Default <c>null</c>: <see cref="BrokerClientOptions.RequestTimeout"/>.</param>
    /// <param name="options">How to publish it, without reply-to and correlation id, which are the client's. <c>null</c>: mandatory and transient.</param>
    /// <param name="cancellationToken">Ends the wait; the request stays sent.</param>
    /// <returns>The reply, which is settled already. Its body may be kept.</returns>
    /// <remarks>Not repeated: when the connection is lost, the requests under way fail, and the next one is sent on the next connection.</remarks>
    /// <exception cref="ReplyErrorException">The responder has answered that it cannot.</exception>
    /// <exception cref="TimeoutException">No reply came in time.</exception>
    /// <exception cref="PublishReturnedException">It was mandatory and no queue took it.</exception>
    /// <exception cref="PublishRejectedException">The broker refused it.</exception>
    /// <exception cref="BrokerStreamException">The server refused or ended the subscription to replies.</exception>
    /// <exception cref="BrokerConnectionException">The connection was lost before the reply came; whether the request was carried out is unknown.</exception>
    /// <exception cref="ArgumentException">The timeout is zero or negative, or the options have a reply-to or correlation id.</exception>
    public async Task<Delivery> RequestAsync(
        string exchange,
        string routingKey,
        ReadOnlyMemory<byte> body,
        TimeSpan? timeout = null,
        PublishOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(exchange);
        ArgumentNullException.ThrowIfNull(routingKey);
        var limit = timeout ?? _options.RequestTimeout;
        if (limit <= TimeSpan.Zero && limit != Timeout.InfiniteTimeSpan)
        {
            throw new ArgumentOutOfRangeException(nameof(timeout), limit, "must be above zero, or Timeout.InfiniteTimeSpan");
        }

        options = Limit(options ?? s_request, limit);
        var begun = Stopwatch.GetTimestamp();
        string? errorType = null;
        using var expired = new CancellationTokenSource(limit, _options.TimeProvider);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(expired.Token, cancellationToken);
        try
        {
            Delivery reply;
            while (true)
            {
                var channel = await RepliesAsync(linked.Token).ConfigureAwait(false);
                if (await channel.RequestAsync(exchange, routingKey, body, options, linked.Token).ConfigureAwait(false) is { } received)
                {
                    reply = received;
                    break;
                }
            }

            return reply.Properties.Headers.TryGetValue(ReplyAddress.ErrorHeader, out var error) ? throw new ReplyErrorException(error.AsText() ?? "") : reply;
        }
        catch (OperationCanceledException) when (expired.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            errorType = "timeout";
            throw new TimeoutException($"no reply to the request to exchange '{exchange}', routing key '{routingKey}', within {limit.TotalSeconds:0.###} s");
        }
        catch (Exception e)
        {
            errorType = TagNames.ErrorTypeOf(e);
            throw;
        }
        finally
        {
            if (ClientMetrics.OperationDuration.Enabled)
            {
                ClientMetrics.OperationDuration.Record(
                    Stopwatch.GetElapsedTime(begun).TotalSeconds,
                    ClientMetrics.Tags(Operations.Request, PublishObservation.DestinationOf(exchange, routingKey), errorType));
            }
        }
    }

    /// <summary>
    /// Answers the requests that come to a queue: publishes to each request's reply-to what the handler returns, then acknowledges the request. A request without
    /// reply-to is rejected.
    /// </summary>
    /// <param name="queue">The queue.</param>
    /// <param name="handler">Makes the reply. When it throws, the reply says so, with the text of a <see cref="ReplyErrorException"/>, else with the exception's type
    /// alone, and <see cref="BrokerClient.RequestAsync"/> throws that; the request is acknowledged. When its token is cancelled because the responder is stopped, the
    /// request goes back to the queue.</param>
    /// <param name="options">How to call the handler. <c>null</c>: defaults, with which one handler runs at a time. What
    /// <see cref="HandlerOptions.OnException"/> returns counts only if the reply could not be sent.</param>
    /// <param name="cancellationToken">Ends the wait for the subscription; no effect later.</param>
    /// <returns>The consumer of requests, which runs; dispose it to stop.</returns>
    /// <exception cref="BrokerStreamException">The server refused.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public Task<CallbackConsumer> RespondAsync(
        string queue, Func<Delivery, CancellationToken, Task<ReplyMessage>> handler, HandlerOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(handler);
        options ??= new HandlerOptions();
        return ConsumeAsync(queue, new Responder(this, handler, options).HandleAsync, options, cancellationToken);
    }

    private static PublishOptions Limit(PublishOptions options, TimeSpan limit)
    {
        var properties = options.Properties ?? new MessageProperties();
        if (properties.ReplyTo is not null || properties.CorrelationId is not null)
        {
            throw new ArgumentException("reply-to and correlation id of a request are the client's; leave them out", nameof(options));
        }

        return options with
        {
            Properties = properties with { Expiration = properties.Expiration ?? (limit == Timeout.InfiniteTimeSpan ? null : limit) },
        };
    }

    /// <summary>What requests of the connection in use share.</summary>
    private async ValueTask<RequestChannel> RepliesAsync(CancellationToken cancellationToken)
    {
        var pacer = new RecoveryPacer(_options);
        while (true)
        {
            ObjectDisposedException.ThrowIf(_disposed != 0, this);
            var connection = await _keeper.GetAsync(cancellationToken).ConfigureAwait(false);
            RequestChannel channel;
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_disposed != 0, this);
                if (_replies is null or { IsOver: true } || _replies.Connection != connection)
                {
                    Task? former = null;
                    if (_replies?.Connection == connection)
                    {
                        former = _replies.DisposeAsync().AsTask();
                    }
                    else
                    {
                        _replies?.Leave();
                    }

                    _replies = new RequestChannel(_keeper, _options, connection, former);
                    _replies.Start();
                }

                channel = _replies;
            }

            try
            {
                await channel.Ready.WaitAsync(cancellationToken).ConfigureAwait(false);
                return channel;
            }
            catch (BrokerException e) when (_options.RecoverConnection && !_keeper.IsOver && Recovery.IsWorthwhile(e))
            {
                // Nothing was sent, so nothing is repeated.
                if (!await pacer.WaitAsync(cancellationToken).ConfigureAwait(false))
                {
                    throw;
                }
            }
        }
    }
}
