using Broker.Client.Publishing;

namespace Broker.Client;

public sealed partial class BrokerClient
{
    /// <summary>
    /// Publishes one message and waits until the broker has taken responsibility for it. Calls share one stream and are sent in the order of the calls; those
    /// that are
    /// made at the same time leave together.
    /// </summary>
    /// <param name="exchange">The exchange; empty for the default exchange, which routes to the queue that the routing key names. At most 255 bytes of
    /// UTF-8.</param>
    /// <param name="routingKey">The routing key. At most 255 bytes of UTF-8.</param>
    /// <param name="body">The body; must not change until the task completes.</param>
    /// <param name="options">How to publish. <c>null</c>: <see cref="PublishOptions.Default"/>.</param>
    /// <param name="cancellationToken">Ends the wait. A message that was sent already stays sent.</param>
    /// <exception cref="PublishReturnedException">It was mandatory and no queue took it.</exception>
    /// <exception cref="PublishRejectedException">The broker refused it.</exception>
    /// <exception cref="BrokerStreamException">The server ended the stream; what became of the message is unknown. The next call opens another.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended and could not be made again; what became of the message is unknown.</exception>
    public async Task PublishAsync(
        string exchange, string routingKey, ReadOnlyMemory<byte> body, PublishOptions? options = null, CancellationToken cancellationToken = default)
    {
        var outcome = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await SharedPublisher().PublishAsync(exchange, routingKey, body, options ?? PublishOptions.Default, outcome, cancellationToken).ConfigureAwait(false);
        await outcome.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Opens a publisher that does not wait for each message.</summary>
    /// <param name="options">Its window. <c>null</c>: defaults.</param>
    /// <param name="cancellationToken">Ends the wait; the stream is given up.</param>
    /// <exception cref="BrokerStreamException">The server refused it.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public async Task<Publisher> CreatePublisherAsync(PublisherOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new PublisherOptions();
        options.Validate();
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        var channel = new PublishChannel(_keeper, _options, options, SourceOf(options));
        channel.Start();
        try
        {
            await channel.Ready.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            channel.Abandon();
            throw;
        }

        var publisher = new Publisher(this, channel);
        _children[publisher] = true;
        return publisher;
    }

    private PublishChannel SharedPublisher()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed != 0, this);
            if (_sharedPublisher is null or { End: BrokerStreamException })
            {
                _sharedPublisher = new PublishChannel(_keeper, _options, _options.SharedPublisher, SourceOf(_options.SharedPublisher));
                _sharedPublisher.Start();
            }

            return _sharedPublisher;
        }
    }
}
