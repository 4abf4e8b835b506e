using Broker.Client;
using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Load;

/// <summary>Ten connections with ten streams each, half of them publishing to the next connection's queues, half consuming their own.</summary>
[Collection(ProcessCollection.Name)]
public sealed class MixedLoadTests
{
    private const int Connections = 10;
    private const int Pairs = 5;
    private const int Messages = 400;
    private const int MaxBody = 20_000;

    [Fact]
    public async Task Every_message_arrives_once_unchanged_and_in_order_among_a_hundred_streams()
    {
        await using var node = await NodeProcess.StartAsync();
        var clients = await Task.WhenAll(Enumerable.Range(0, Connections).Select(_ => node.ConnectAsync()));
        try
        {
            foreach (var (connection, pair) in Streams())
            {
                await clients[connection].DeclareQueueAsync(Queue(connection, pair));
            }

            var consuming = Streams().Select(s => Task.Run(() => ConsumeAsync(clients[s.Connection], Queue(s.Connection, s.Pair))));
            var publishing = Streams().Select(s => Task.Run(() => PublishAsync(clients[s.Connection], Queue((s.Connection + 1) % Connections, s.Pair))));
            await Wait.For(Task.WhenAll([.. consuming, .. publishing]), "the mixed load", TimeSpan.FromMinutes(2));

            await using var admin = await node.ConnectAsync("admin");
            await Wait.Until(() => NodeState.ReadAsync(admin), state => state.MessageBytes == 0, "all messages are settled");
        }
        finally
        {
            await Task.WhenAll(clients.Select(client => client.DisposeAsync().AsTask()));
        }
    }

    private static async Task PublishAsync(BrokerClient client, string queue)
    {
        await using var publisher = await client.CreatePublisherAsync(new PublisherOptions { MaxInFlightMessages = 64 });
        for (var number = 0; number < Messages; number++)
        {
            await publisher.PublishAsync("", queue, Body(queue, number));
        }

        await publisher.FlushAsync();
    }

    private static async Task ConsumeAsync(BrokerClient client, string queue)
    {
        var number = 0;
        await foreach (var delivery in client.ConsumeAsync(queue, new ConsumerOptions { PrefetchMessages = 50 }))
        {
            Assert.True(delivery.Body.Span.SequenceEqual(Body(queue, number)), $"message {number} of {queue} is another, or changed");
            Assert.Equal((queue, false), (delivery.RoutingKey, delivery.Redelivered));
            await delivery.AckAsync();
            if (++number == Messages)
            {
                return;
            }
        }

        Assert.Fail($"the subscription to {queue} ended after {number} messages");
    }

    /// <summary>A message that says which it is by every byte; some are empty, some long.</summary>
    private static byte[] Body(string queue, int number)
    {
        var random = new Random((queue[2] * 1_000_003) + (queue[4] * 10_007) + number);
        var body = new byte[number % 10 == 0 ? random.Next(MaxBody) : random.Next(200)];
        random.NextBytes(body);
        return body;
    }

    private static IEnumerable<(int Connection, int Pair)> Streams() =>
        from connection in Enumerable.Range(0, Connections)
        from pair in Enumerable.Range(0, Pairs)
        select (connection, pair);

    private static string Queue(int connection, int pair) => $"q-{connection}-{pair}";
}
