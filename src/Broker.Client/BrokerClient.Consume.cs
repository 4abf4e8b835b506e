using System.Runtime.CompilerServices;

namespace Broker.Client;

public sealed partial class BrokerClient
{
    /// <summary>
    /// Consumes a queue until the loop is left or cancelled. Leaving the loop sends what is settled and returns everything else to the queue. The loop goes on
    /// after the loss of a connection or of the queue's leader; what was delivered and not settled comes again.
    /// </summary>
    /// <param name="queue">The queue.</param>
    /// <param name="options">How to consume. <c>null</c>: defaults.</param>
    /// <param name="cancellationToken">Ends the loop with <see cref="OperationCanceledException"/>.</param>
    /// <example><code>
    /// await foreach (var message in client.ConsumeAsync("orders"))
    /// {
    ///     await HandleAsync(message.Body);
    ///     await message.AckAsync();
    /// }
    /// </code></example>
    /// <exception cref="ConsumerCancelledException">The server has ended the subscription, usually because the queue was deleted.</exception>
    /// <exception cref="BrokerStreamException">The server refused the subscription or has ended the stream.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended, and could not be made again; unsettled messages have gone back to the
    /// queue.</exception>
    public async IAsyncEnumerable<Delivery> ConsumeAsync(
        string queue, ConsumerOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var consumer = await SubscribeAsync(queue, options, cancellationToken).ConfigureAwait(false);
        await using (consumer.ConfigureAwait(false))
        {
            await foreach (var delivery in consumer.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                yield return delivery;
            }
        }
    }

    /// <summary>
    /// Consumes a queue by calling a handler for each message: acknowledged when the handler has returned, put back or rejected when it has thrown. A handler may also
    /// settle its message itself.
    /// </summary>
    /// <param name="queue">The queue.</param>
    /// <param name="handler">Called for each message. Its token is cancelled when the consumer is stopped and the handler has used up the time that it is given to
    /// finish. The body may be kept.</param>
    /// <param name="options">How to call it. <c>null</c>: defaults, with which one handler runs at a time.</param>
    /// <param name="cancellationToken">Ends the wait for the subscription; no effect later.</param>
    /// <returns>The consumer, which runs; dispose it to stop.</returns>
    /// <example><code>
    /// await using var consumer = await client.ConsumeAsync("orders", async (message, cancelled) => await HandleAsync(message.Body, cancelled));
    /// </code></example>
    /// <exception cref="BrokerStreamException">The server refused.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public async Task<CallbackConsumer> ConsumeAsync(
        string queue, Func<Delivery, CancellationToken, Task> handler, HandlerOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(queue);
        ArgumentNullException.ThrowIfNull(handler);
        options ??= new HandlerOptions();
        options.Validate();
        ObjectDisposedException.ThrowIf(_disposed != 0, this);

        // Not a child of the client by itself: it must stay until its handlers have settled their messages.
        var consumer = await Consumer.SubscribeAsync(this, SourceOf(queue, options.Consumer), _options, queue, options.Consumer, cancellationToken).ConfigureAwait(false);
        var callbacks = new CallbackConsumer(this, _options, consumer, handler, options);
        _children[callbacks] = true;
        callbacks.Start();
        return callbacks;
    }

    /// <summary>Subscribes to a queue, for reading in batches or cancelling without leaving a loop.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="options">How to consume. <c>null</c>: defaults.</param>
    /// <param name="cancellationToken">Ends the wait; the subscription is given up.</param>
    /// <exception cref="BrokerStreamException">The server refused.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public async Task<Consumer> SubscribeAsync(string queue, ConsumerOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(queue);
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        options ??= new ConsumerOptions();
        var consumer = await Consumer.SubscribeAsync(this, SourceOf(queue, options), _options, queue, options, cancellationToken).ConfigureAwait(false);
        _children[consumer] = true;
        return consumer;
    }

    /// <summary>Takes one message of a queue without a subscription. For a look or a script; <see cref="SubscribeAsync"/> is faster by far.</summary>
    /// <remarks>Not repeated after the loss of a connection: with <paramref name="noAck"/> the message may have been on its way.</remarks>
    /// <param name="queue">The queue.</param>
    /// <param name="noAck">Settled by taking it. Default <c>false</c>: settle it, or it goes back to the queue with the connection.</param>
    /// <param name="cancellationToken">Ends the wait. A message that comes later goes back to the queue, unless <paramref name="noAck"/> is set: it is lost
    /// then.</param>
    /// <returns>The message, or <c>null</c> if none is ready. The body may be kept.</returns>
    /// <exception cref="BrokerRequestException">The broker refused, or there is no such queue.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public async Task<Delivery?> GetAsync(string queue, bool noAck = false, CancellationToken cancellationToken = default) =>
        await (await RequestsAsync(cancellationToken).ConfigureAwait(false)).GetAsync(queue, noAck, cancellationToken).ConfigureAwait(false);
}
