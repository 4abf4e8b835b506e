using Broker.Client;
using Broker.Transport;
using Broker.Transport.Auto;

namespace Broker.Bench.Peers;

/// <summary>This broker, by its own client library, which reconnects and publishes again by itself.</summary>
internal sealed class OwnBroker(IReadOnlyList<BrokerEndpoint> nodes, DirectoryInfo certificates) : IComparedBroker
{
    private static readonly PublishOptions s_durable = new() { Durable = true };
    private readonly IQuicTransport _transport = QuicTransports.Create("auto");

    public Task PrepareAsync() => LeaderAsync();

    public async Task<int> LeaderAsync()
    {
        await using var client = await ConnectAsync(0);
        var queue = await client.DeclareQueueAsync(Load.Queue, new QueueOptions { Durable = true });
        return queue.Leader.Length == 0 ? 0 : nodes.ToList().IndexOf(BrokerEndpoint.Parse(queue.Leader));
    }

    public async Task<IComparedProducer> OpenProducerAsync(int node)
    {
        var client = await ConnectAsync(node);
        return new Producer(client, await client.CreatePublisherAsync(new PublisherOptions { MaxInFlightMessages = Load.Window }));
    }

    public async Task<IAsyncDisposable> OpenConsumerAsync(int node, Action received)
    {
        var client = await ConnectAsync(node);
        return new Reader(client, await client.SubscribeAsync(
            Load.Queue, new ConsumerOptions { PrefetchMessages = Load.Window, PrefetchBytes = 8 << 20, SettleDelay = TimeSpan.FromMilliseconds(1) }), received);
    }

    public ValueTask DisposeAsync() => _transport.DisposeAsync();

    private Task<BrokerClient> ConnectAsync(int node) => BrokerClient.ConnectAsync(new BrokerClientOptions
    {
        Endpoints = [.. nodes.Skip(node), .. nodes.Take(node)],
        KeepEndpointOrder = true,
        ServerName = "localhost",
        Tls = BenchSuite.Tls(certificates, "client"),
        Transport = _transport,
    });

    private sealed class Producer(BrokerClient client, Publisher publisher) : IComparedProducer
    {
        public async ValueTask PublishAsync(ReadOnlyMemory<byte> body, CancellationToken cancellationToken) =>
            await publisher.PublishAsync("", Load.Queue, body, s_durable, cancellationToken);

        public Task FlushAsync() => publisher.FlushAsync();

        public async ValueTask DisposeAsync()
        {
            await publisher.DisposeAsync();
            await client.DisposeAsync();
        }
    }

    private sealed class Reader : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly BrokerClient _client;
        private readonly Consumer _consumer;
        private readonly Task _reading;

        public Reader(BrokerClient client, Consumer consumer, Action received)
        {
            _client = client;
            _consumer = consumer;
            _reading = Task.Run(() => ReadAsync(received));
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _reading;
            await _consumer.DisposeAsync();
            await _client.DisposeAsync();
            _stop.Dispose();
        }

        private async Task ReadAsync(Action received)
        {
            try
            {
                while (await _consumer.ReadBatchAsync(_stop.Token) is { } batch)
                {
                    using (batch)
                    {
                        foreach (var delivery in batch)
                        {
                            received();
                            await delivery.AckAsync();
                        }
                    }
                }
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                // nobody wants more
            }
        }
    }
}
