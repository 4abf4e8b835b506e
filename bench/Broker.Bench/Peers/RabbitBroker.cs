using Broker.Client;
using RabbitMQ.Client;

namespace Broker.Bench.Peers;

/// <summary>RabbitMQ with a quorum queue, by RabbitMQ.Client; its tracking of confirms, which costs time for each message, is not used.</summary>
internal sealed class RabbitBroker(IReadOnlyList<BrokerEndpoint> nodes) : IComparedBroker
{
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(2);

    public async Task PrepareAsync()
    {
        await using var connection = await ConnectAsync(0);
        await using var channel = await connection.CreateChannelAsync();
        var arguments = new Dictionary<string, object?> { ["x-queue-type"] = "quorum", ["x-queue-leader-locator"] = "client-local", ["x-quorum-initial-group-size"] = nodes.Count };
        await channel.QueueDeclareAsync(Load.Queue, durable: true, exclusive: false, autoDelete: false, arguments);
    }

    /// <summary>The node where it was declared, because that was asked for; AMQP does not tell.</summary>
    public Task<int> LeaderAsync() => Task.FromResult(0);

    public Task<IComparedProducer> OpenProducerAsync(int node) => ResendingProducer.OpenAsync(OpenLinkAsync, nodes.Count, node);

    public async Task<IAsyncDisposable> OpenConsumerAsync(int node, Action received)
    {
        var connection = await ConnectAsync(node);
        var channel = await connection.CreateChannelAsync();
        await channel.BasicQosAsync(0, Load.Window, global: false);
        await channel.BasicConsumeAsync(Load.Queue, autoAck: false, new Acknowledger(channel, received));
        return new Ending(connection);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task<IPublishLink> OpenLinkAsync(int node, LinkEvents events)
    {
        var connection = await ConnectAsync(node);
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false));
        channel.BasicAcksAsync += (_, ack) =>
        {
            events.Settled((long)ack.DeliveryTag, ack.Multiple, confirmed: true);
            return Task.CompletedTask;
        };
        channel.BasicNacksAsync += (_, nack) =>
        {
            events.Settled((long)nack.DeliveryTag, nack.Multiple, confirmed: false);
            return Task.CompletedTask;
        };
        channel.ChannelShutdownAsync += (_, _) =>
        {
            events.Lost();
            return Task.CompletedTask;
        };
        return new Link(connection, channel);
    }

    private Task<IConnection> ConnectAsync(int node) => new ConnectionFactory
    {
        HostName = nodes[node].Host,
        Port = nodes[node].Port,
        AutomaticRecoveryEnabled = false,
        TopologyRecoveryEnabled = false,
    }.CreateConnectionAsync();

    private class Ending(IConnection connection) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            try
            {
                await connection.CloseAsync(CloseTimeout);
                await connection.DisposeAsync();
            }
            catch (Exception)
            {
                // its node is gone
            }
        }
    }

    private sealed class Link(IConnection connection, IChannel channel) : Ending(connection), IPublishLink
    {
        private static readonly CachedString s_exchange = new("");
        private static readonly CachedString s_routingKey = new(Load.Queue);
        private readonly BasicProperties _persistent = new() { DeliveryMode = DeliveryModes.Persistent };

        public ValueTask PublishAsync(ReadOnlyMemory<byte> body, long tag) => channel.BasicPublishAsync(s_exchange, s_routingKey, mandatory: false, _persistent, body);
    }

    private sealed class Acknowledger(IChannel channel, Action received) : AsyncDefaultBasicConsumer(channel)
    {
        public override Task HandleBasicDeliverAsync(
            string consumerTag,
            ulong deliveryTag,
            bool redelivered,
            string exchange,
            string routingKey,
            IReadOnlyBasicProperties properties,
            ReadOnlyMemory<byte> body,
            CancellationToken cancellationToken = default)
        {
            received();
            return Channel.BasicAckAsync(deliveryTag, multiple: false, cancellationToken).AsTask();
        }
    }
}
