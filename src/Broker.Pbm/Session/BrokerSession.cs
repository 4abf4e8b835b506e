using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Broker.Client;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Pbm.Session;

/// <summary>A session over the client library. It translates failures to exit codes and does nothing else.</summary>
internal sealed class BrokerSession : IBrokerSession
{
    private readonly BrokerClient _client;

    private BrokerSession(BrokerClient client) => _client = client;

    /// <summary>Connects.</summary>
    /// <exception cref="PbmException"><see cref="ExitCode.CannotConnect"/>, saying why.</exception>
    public static async Task<IBrokerSession> ConnectAsync(SessionTarget target, CancellationToken cancellationToken)
    {
        try
        {
            return new BrokerSession(await BrokerClient.ConnectAsync(OptionsFor(target), cancellationToken));
        }
        catch (BrokerException e)
        {
            throw new PbmException(ExitCode.CannotConnect, ErrorTable.NameOf(e.ErrorCode), $"{target.Host}:{target.Port}: {ReasonOf(e)}");
        }
        catch (QuicTransportException e)
        {
            throw new PbmException(ExitCode.CannotConnect, "", e.Message);
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<JsonElement> AdminAsync(
        string command, JsonObject arguments, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var rows = _client.AdminAsync(command, arguments, cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await TranslateAsync(rows.MoveNextAsync().AsTask()))
        {
            yield return rows.Current;
        }
    }

    /// <inheritdoc/>
    public async Task<PublishResult> PublishAsync(OutgoingMessage message, CancellationToken cancellationToken)
    {
        var options = new PublishOptions { Mandatory = message.Mandatory, Durable = message.Durable, Properties = message.Properties };
        try
        {
            await TranslateAsync(_client.PublishAsync(message.Exchange, message.RoutingKey, message.Body, options, cancellationToken));
            return new PublishResult(PublishOutcome.Confirmed);
        }
        catch (PublishException e)
        {
            var outcome = e is PublishReturnedException ? PublishOutcome.Returned : PublishOutcome.Rejected;
            return new PublishResult(outcome, $"{ErrorTable.NameOf(e.ErrorCode)}: {ReasonOf(e)}");
        }
    }

    /// <inheritdoc/>
    public async Task<IncomingMessage?> GetAsync(string queue, bool noAck, CancellationToken cancellationToken) =>
        await TranslateAsync(_client.GetAsync(queue, noAck, cancellationToken)) is { } delivery ? Incoming(delivery, noAck) : null;

    /// <inheritdoc/>
    public async IAsyncEnumerable<IncomingMessage> ConsumeAsync(
        string queue, bool noAck, int prefetch, FieldTable arguments, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var options = new ConsumerOptions { NoAck = noAck, PrefetchMessages = prefetch, Arguments = arguments };
        await using var deliveries = _client.ConsumeAsync(queue, options, cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await TranslateAsync(deliveries.MoveNextAsync().AsTask()))
        {
            yield return Incoming(deliveries.Current, noAck);
        }
    }

    /// <inheritdoc/>
    public Task<TimeSpan> PingAsync(CancellationToken cancellationToken) => TranslateAsync(_client.PingAsync(cancellationToken));

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _client.DisposeAsync();

    private static BrokerClientOptions OptionsFor(SessionTarget target) => new()
    {
        Endpoints = [new BrokerEndpoint(target.Host, target.Port)],
        TrustedRootsFile = Path.Combine(target.CertificateFolder, "ca.pem"),
        CertificateFile = Path.Combine(target.CertificateFolder, $"{target.User}.pem"),
        PrivateKeyFile = Path.Combine(target.CertificateFolder, $"{target.User}.key"),
        ClientName = "pbm",
        Vhost = target.Vhost,
        RecoverConnection = false, // an operator wants to hear of a loss, and can repeat the command
    };

    private static IncomingMessage Incoming(Delivery delivery, bool noAck)
    {
        var message = new IncomingMessage(
            delivery.Exchange, delivery.RoutingKey, delivery.Properties, delivery.Body, delivery.Redelivered, delivery.DeliveryCount)
        {
            Offset = delivery.Offset,
        };
        return noAck ? message : message with { AckAsync = () => TranslateAsync(delivery.AckAsync().AsTask()) };
    }

    private static async Task TranslateAsync(Task operation) => await TranslateAsync(WithResultAsync(operation));

    private static async Task<bool> WithResultAsync(Task operation)
    {
        await operation;
        return true;
    }

    private static async Task<T> TranslateAsync<T>(Task<T> operation)
    {
        try
        {
            return await operation;
        }
        catch (BrokerConnectionException e)
        {
            throw new PbmException(ExitCode.ConnectionLost, ErrorTable.NameOf(e.ErrorCode), ReasonOf(e));
        }
        catch (BrokerException e) when (e is not PublishException)
        {
            throw new PbmException(ExitCode.Failed, ErrorTable.NameOf(e.ErrorCode), ReasonOf(e));
        }
        catch (ArgumentException e)
        {
            throw new PbmException(ExitCode.Usage, "", e.Message);
        }
    }

    private static string ReasonOf(BrokerException e) => e.Reason.Length > 0 ? e.Reason : e.Message;
}
