using System.Buffers;
using Broker.Client.Connections;
using Broker.Client.Requests;
using Broker.Protocol;

namespace Broker.Client;

public sealed partial class BrokerClient
{
    /// <summary>Makes a queue, or checks that it is as described.</summary>
    /// <param name="name">At most 255 bytes of UTF-8. Empty: the broker makes a name up.</param>
    /// <param name="options">What it is to be. <c>null</c>: defaults.</param>
    /// <param name="cancellationToken">Ends the wait; the queue may have been made.</param>
    /// <exception cref="ArgumentException">An option cannot be.</exception>
    /// <exception cref="BrokerRequestException">The broker refused: it exists and is different, or the permission is missing.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public async Task<QueueInfo> DeclareQueueAsync(string name, QueueOptions? options = null, CancellationToken cancellationToken = default)
    {
        var declaration = new QueueDeclaration(name, options ?? new QueueOptions());
        var queue = await AskAsync(declaration.Create, declaration.Write, isRepeatable: name.Length > 0, cancellationToken).ConfigureAwait(false);
        _declared.Add(declaration);
        return queue;
    }

    /// <summary>Deletes a queue with its messages and bindings. A queue that does not exist is deleted already.</summary>
    /// <param name="name">The queue.</param>
    /// <param name="ifUnused">Refuse while it has consumers.</param>
    /// <param name="ifEmpty">Refuse while it has messages.</param>
    /// <param name="cancellationToken">Ends the wait; the queue may have been deleted.</param>
    /// <returns>How many messages were deleted with it; 0 if the answer was lost with a connection and the request was repeated.</returns>
    /// <exception cref="BrokerRequestException">The broker refused.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public async Task<long> DeleteQueueAsync(string name, bool ifUnused = false, bool ifEmpty = false, CancellationToken cancellationToken = default)
    {
        var flags = (ifUnused ? DeleteQueueFlags.IfUnused : 0) | (ifEmpty ? DeleteQueueFlags.IfEmpty : 0);
        var count = await AskAsync(
            () => new CountRequest($"delete queue '{name}'"),
            (id, writer) => new DeleteQueueFrame(id, name, flags).Write(writer),
            isRepeatable: true,
            cancellationToken).ConfigureAwait(false);
        _declared.RemoveQueue(name);
        return count;
    }

    /// <summary>
    /// Drops the messages that wait in a queue; those that consumers hold stay. Not repeated after the loss of a connection: messages that came meanwhile would be
    /// dropped too.
    /// </summary>
    /// <returns>How many were dropped.</returns>
    /// <exception cref="BrokerRequestException">The broker refused, or there is no such queue.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public Task<long> PurgeQueueAsync(string name, CancellationToken cancellationToken = default) =>
        AskAsync(
            () => new CountRequest($"purge queue '{name}'"),
            (id, writer) => new PurgeQueueFrame(id, name).Write(writer),
            isRepeatable: false,
            cancellationToken);

    /// <summary>Makes an exchange, or checks that it is as described.</summary>
    /// <param name="name">1 to 255 bytes of UTF-8.</param>
    /// <param name="type">One of <see cref="ExchangeType"/>.</param>
    /// <param name="options">What it is to be. <c>null</c>: defaults.</param>
    /// <param name="cancellationToken">Ends the wait; the exchange may have been made.</param>
    /// <exception cref="ArgumentException">An option cannot be.</exception>
    /// <exception cref="BrokerRequestException">The broker refused: it exists and is different, or the permission is missing.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public async Task DeclareExchangeAsync(string name, string type, ExchangeOptions? options = null, CancellationToken cancellationToken = default)
    {
        var declaration = new ExchangeDeclaration(name, type, options ?? new ExchangeOptions());
        await AskAsync(declaration.Create, declaration.Write, isRepeatable: true, cancellationToken).ConfigureAwait(false);
        _declared.Add(declaration);
    }

    /// <summary>Deletes an exchange with its bindings. An exchange that does not exist is deleted already.</summary>
    /// <param name="name">The exchange.</param>
    /// <param name="ifUnused">Refuse while something is bound to it.</param>
    /// <param name="cancellationToken">Ends the wait; the exchange may have been deleted.</param>
    /// <exception cref="BrokerRequestException">The broker refused.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public async Task DeleteExchangeAsync(string name, bool ifUnused = false, CancellationToken cancellationToken = default)
    {
        var flags = ifUnused ? DeleteExchangeFlags.IfUnused : DeleteExchangeFlags.None;
        await AskAsync(
            () => new OkRequest($"delete exchange '{name}'"),
            (id, writer) => new DeleteExchangeFrame(id, name, flags).Write(writer),
            isRepeatable: true,
            cancellationToken).ConfigureAwait(false);
        _declared.RemoveExchange(name);
    }

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
        BindAsync(new BindingDeclaration(exchange, DestinationKind.Queue, queue, routingKey, arguments ?? FieldTable.Empty), cancellationToken);

    /// <summary>Removes a binding, named by all that <see cref="BindAsync(string, string, string, FieldTable?, CancellationToken)"/> was given. One that does not exist is removed already.</summary>
    /// <exception cref="BrokerRequestException">The broker refused.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public Task UnbindAsync(
        string exchange, string queue, string routingKey = "", FieldTable? arguments = null, CancellationToken cancellationToken = default) =>
        UnbindAsync(new BindingDeclaration(exchange, DestinationKind.Queue, queue, routingKey, arguments ?? FieldTable.Empty), cancellationToken);

    /// <summary>Routes messages from an exchange to another exchange, which routes them on by its own type. A binding that exists stays as it is.</summary>
    /// <param name="source">The exchange that messages come from.</param>
    /// <param name="destination">The exchange that they go to. A circle is allowed: no queue gets a message twice.</param>
    /// <param name="routingKey">Which ones, in the source's terms. Default: the empty key.</param>
    /// <param name="arguments">Arguments in the source's terms. Default: none.</param>
    /// <param name="cancellationToken">Ends the wait; the binding may have been made.</param>
    /// <exception cref="BrokerRequestException">The broker refused, or one of the exchanges does not exist.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public Task BindExchangeAsync(
        string source, string destination, string routingKey = "", FieldTable? arguments = null, CancellationToken cancellationToken = default) =>
        BindAsync(new BindingDeclaration(source, DestinationKind.Exchange, destination, routingKey, arguments ?? FieldTable.Empty), cancellationToken);

    /// <summary>Removes a binding, named by all that <see cref="BindExchangeAsync"/> was given. One that does not exist is removed already.</summary>
    /// <exception cref="BrokerRequestException">The broker refused.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public Task UnbindExchangeAsync(
        string source, string destination, string routingKey = "", FieldTable? arguments = null, CancellationToken cancellationToken = default) =>
        UnbindAsync(new BindingDeclaration(source, DestinationKind.Exchange, destination, routingKey, arguments ?? FieldTable.Empty), cancellationToken);

    private async Task BindAsync(BindingDeclaration binding, CancellationToken cancellationToken)
    {
        await AskAsync(binding.Create, binding.Write, isRepeatable: true, cancellationToken).ConfigureAwait(false);
        _declared.Add(binding);
    }

    private async Task UnbindAsync(BindingDeclaration binding, CancellationToken cancellationToken)
    {
        await AskAsync(binding.CreateRemoval, binding.WriteRemoval, isRepeatable: true, cancellationToken).ConfigureAwait(false);
        _declared.Remove(binding);
    }

    /// <summary>The stream that requests share: one for each connection.</summary>
    private async ValueTask<RequestStream> RequestsAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        var connection = await _keeper.GetAsync(cancellationToken).ConfigureAwait(false);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed != 0, this);
            if (_requests is null or { End: BrokerStreamException } || _requestsConnection != connection)
            {
                _requestsConnection = connection;
                _requests = new RequestStream(connection, _options.RecoverConnection);
                _requests.Start();
            }

            return _requests;
        }
    }

    /// <summary>Asks, and asks again when the connection or a leader is lost, if that does no harm.</summary>
    /// <param name="create">Makes what waits for the answer; each attempt has its own.</param>
    /// <param name="write">Writes the request.</param>
    /// <param name="isRepeatable">Whether it may be carried out twice. Else it is repeated only if it was not sent.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    private async Task<T> AskAsync<T>(
        Func<PendingRequest<T>> create, Action<ulong, IBufferWriter<byte>> write, bool isRepeatable, CancellationToken cancellationToken)
    {
        var pacer = new RecoveryPacer(_options);
        while (true)
        {
            var request = create();
            try
            {
                var stream = await RequestsAsync(cancellationToken).ConfigureAwait(false);
                return await stream.AskAsync(request, write, cancellationToken).ConfigureAwait(false);
            }
            catch (BrokerException e)
                when (_options.RecoverConnection && !_keeper.IsOver && Recovery.IsWorthwhile(e) && (isRepeatable || request.Id == 0))
            {
                if (!await pacer.WaitAsync(cancellationToken).ConfigureAwait(false))
                {
                    throw;
                }
            }
        }
    }
}
