using Broker.Client.Requests;
using Broker.Protocol;

namespace Broker.Client;

public sealed partial class BrokerClient
{
    /// <summary>Makes a queue, or checks that it is as described.</summary>
    /// <param name="name">At most 255 bytes of UTF-8. Empty: the broker makes a name up.</param>
    /// <param name="options">What it is to be. <c>null</c>: defaults.</param>
    /// <param name="cancellationToken">Ends the wait; the queue may have been made.</param>
    /// <exception cref="BrokerRequestException">The broker refused: it exists and is different, or the permission is missing.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public Task<QueueInfo> DeclareQueueAsync(string name, QueueOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new QueueOptions();
        return Requests().AskAsync(
            new QueueRequest($"declare queue '{name}'"),
            (id, writer) => new DeclareQueueFrame { RequestId = id, Name = name, Flags = options.Flags, Arguments = options.Arguments }.Write(writer),
            cancellationToken);
    }

    /// <summary>Deletes a queue with its messages and bindings. A queue that does not exist is deleted already.</summary>
    /// <param name="name">The queue.</param>
    /// <param name="ifUnused">Refuse while it has consumers.</param>
    /// <param name="ifEmpty">Refuse while it has messages.</param>
    /// <param name="cancellationToken">Ends the wait; the queue may have been deleted.</param>
    /// <returns>How many messages were deleted with it.</returns>
    /// <exception cref="BrokerRequestException">The broker refused.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public Task<long> DeleteQueueAsync(string name, bool ifUnused = false, bool ifEmpty = false, CancellationToken cancellationToken = default)
    {
        var flags = (ifUnused ? DeleteQueueFlags.IfUnused : 0) | (ifEmpty ? DeleteQueueFlags.IfEmpty : 0);
        return Requests().AskAsync(
            new CountRequest($"delete queue '{name}'"), (id, writer) => new DeleteQueueFrame(id, name, flags).Write(writer), cancellationToken);
    }

    /// <summary>Drops the messages that wait in a queue; those that consumers hold stay.</summary>
    /// <returns>How many were dropped.</returns>
    /// <exception cref="BrokerRequestException">The broker refused, or there is no such queue.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public Task<long> PurgeQueueAsync(string name, CancellationToken cancellationToken = default) =>
        Requests().AskAsync(new CountRequest($"purge queue '{name}'"), (id, writer) => new PurgeQueueFrame(id, name).Write(writer), cancellationToken);

    /// <summary>Makes an exchange, or checks that it is as described.</summary>
    /// <param name="name">1 to 255 bytes of UTF-8.</param>
    /// <param name="type"><c>direct</c>, <c>fanout</c> and whatever else the broker has.</param>
    /// <param name="options">What it is to be. <c>null</c>: defaults.</param>
    /// <param name="cancellationToken">Ends the wait; the exchange may have been made.</param>
    /// <exception cref="BrokerRequestException">The broker refused: it exists and is different, or the permission is missing.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public Task DeclareExchangeAsync(string name, string type, ExchangeOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new ExchangeOptions();
        return Requests().AskAsync(
            new OkRequest($"declare exchange '{name}'"),
            (id, writer) => new DeclareExchangeFrame
            {
                RequestId = id, Name = name, Type = type, Flags = options.Flags, Arguments = options.Arguments,
            }.Write(writer),
            cancellationToken);
    }

    /// <summary>Deletes an exchange with its bindings. An exchange that does not exist is deleted already.</summary>
    /// <param name="name">The exchange.</param>
    /// <param name="ifUnused">Refuse while something is bound to it.</param>
    /// <param name="cancellationToken">Ends the wait; the exchange may have been deleted.</param>
    /// <exception cref="BrokerRequestException">The broker refused.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public Task DeleteExchangeAsync(string name, bool ifUnused = false, CancellationToken cancellationToken = default) => Requests().AskAsync(
        new OkRequest($"delete exchange '{name}'"),
        (id, writer) => new DeleteExchangeFrame(id, name, ifUnused ? DeleteExchangeFlags.IfUnused : DeleteExchangeFlags.None).Write(writer),
        cancellationToken);

    /// <summary>Routes messages from an exchange to a queue. A binding that exists stays as it is.</summary>
    /// <param name="exchange">Where messages come from.</param>
    /// <param name="queue">Where they go.</param>
    /// <param name="routingKey">Which ones, in the exchange type's terms. Default: the empty key.</param>
    /// <param name="arguments">Arguments in the exchange type's terms. Default: none.</param>
    /// <param name="cancellationToken">Ends the wait; the binding may have been made.</param>
    /// <exception cref="BrokerRequestException">The broker refused, or exchange or queue do not exist.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public Task BindAsync(
        string exchange, string queue, string routingKey = "", FieldTable? arguments = null, CancellationToken cancellationToken = default) =>
        Requests().AskAsync(
            new OkRequest($"bind queue '{queue}' to exchange '{exchange}'"),
            (id, writer) => new BindFrame
            {
                RequestId = id, Exchange = exchange, Destination = queue, RoutingKey = routingKey, Arguments = arguments ?? FieldTable.Empty,
            }.Write(writer),
            cancellationToken);

    /// <summary>Removes a binding, named by all that <see cref="BindAsync"/> was given. One that does not exist is removed already.</summary>
    /// <exception cref="BrokerRequestException">The broker refused, or exchange or queue do not exist.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public Task UnbindAsync(
        string exchange, string queue, string routingKey = "", FieldTable? arguments = null, CancellationToken cancellationToken = default) =>
        Requests().AskAsync(
            new OkRequest($"unbind queue '{queue}' from exchange '{exchange}'"),
            (id, writer) => new UnbindFrame
            {
                RequestId = id, Exchange = exchange, Destination = queue, RoutingKey = routingKey, Arguments = arguments ?? FieldTable.Empty,
            }.Write(writer),
            cancellationToken);

    private RequestStream Requests()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed != 0, this);
            if (_requests is null or { End: BrokerStreamException })
            {
                _requests = new RequestStream(_connection);
                _requests.Start();
            }

            return _requests;
        }
    }
}
