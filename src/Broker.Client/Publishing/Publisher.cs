using Broker.Client.Publishing;

namespace Broker.Client;

/// <summary>
/// Publishes many messages without waiting for each: publishing waits only while the window is full, and <see cref="FlushAsync"/> waits for all outcomes.
/// Thread-safe; messages go out in the order of the calls, on a stream of their own, so a publisher that the broker slows down slows no other. It outlives
/// connections: what has no outcome is sent again, in order, and no queue takes it twice (<see cref="PublisherOptions.Idempotent"/>).
/// </summary>
public sealed class Publisher : IAsyncDisposable
{
    private readonly BrokerClient _client;
    private readonly PublishChannel _channel;
    private int _disposed;

    internal Publisher(BrokerClient client, PublishChannel channel)
    {
        _client = client;
        _channel = channel;
    }

    /// <summary>Hands a message over. Completes at once while the window has room.</summary>
    /// <param name="exchange">The exchange; empty for the default exchange, which routes to the queue that the routing key names. At most 255 bytes of
    /// UTF-8.</param>
    /// <param name="routingKey">The routing key. At most 255 bytes of UTF-8.</param>
    /// <param name="body">The body; must not change until the call completes.</param>
    /// <param name="options">How to publish. <c>null</c>: <see cref="PublishOptions.Default"/>.</param>
    /// <param name="cancellationToken">Ends the wait for room; the message is not sent then.</param>
    /// <returns>The message's number. Its outcome comes to <see cref="PublisherOptions.OnFailure"/> and <see cref="FlushAsync"/>.</returns>
    /// <exception cref="PublishRejectedException">The message is over the node's limit and was not sent.</exception>
    /// <exception cref="BrokerStreamException">The server has ended this publisher.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended, and could not be made again within
    /// <see cref="BrokerClientOptions.RecoveryPatience"/>.</exception>
    public ValueTask<PublishTicket> PublishAsync(
        string exchange, string routingKey, ReadOnlyMemory<byte> body, PublishOptions? options = null, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return _channel.PublishAsync(exchange, routingKey, body, options ?? PublishOptions.Default, null, cancellationToken);
    }

    /// <summary>Waits until every message handed over so far has been answered for.</summary>
    /// <exception cref="PublishException">At least one was returned or rejected since the last flush; this is the first, and says how many more.</exception>
    /// <exception cref="BrokerStreamException">The server has ended this publisher; what was not answered is unknown.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended; what was not answered is unknown.</exception>
    public Task FlushAsync(CancellationToken cancellationToken = default) => _channel.FlushAsync(cancellationToken);

    /// <summary>
    /// Sends what was handed over, waits for the outcomes within <see cref="BrokerClientOptions.CloseTimeout"/>, and ends the stream. Does not throw: flush
    /// first to know.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _client.Forget(this);
            await _client.EndAsync(_channel).ConfigureAwait(false);
        }
    }
}
