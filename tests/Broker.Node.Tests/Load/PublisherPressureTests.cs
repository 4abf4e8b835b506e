using System.Diagnostics;
using Broker.Client;
using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Load;

/// <summary>A full queue stops its own publishers and nobody else, not even on the same connection. A queue that is durable leaves to the disk what is too much, so these are not.</summary>
[Collection(ProcessCollection.Name)]
public sealed class PublisherPressureTests(ITestOutputHelper output)
{
    private const int LargeBytes = 8 << 10;
    private const int LargeMessages = 4_000; // 32 MiB for a queue of 1 MiB: more than all windows on the way can hide
    private const int SmallMessages = 200_000;

    [Fact]
    public async Task Of_two_publishers_on_one_connection_a_full_queue_stops_one_and_the_other_runs_at_full_rate()
    {
        await using var node = await NodeProcess.StartAsync(new NodeSettings { Environment = [("BROKER_LIMITS__MAXQUEUEBYTES", $"{1 << 20}")] });
        await using var client = await node.ConnectAsync();
        await using var admin = await node.ConnectAsync("admin");
        await client.DeclareQueueAsync("full", new QueueOptions { Durable = false });
        await client.DeclareQueueAsync("free", new QueueOptions { Durable = false });
        await RoundAsync(client); // compiles
        var alone = await RoundAsync(client);

        await using var stopped = await client.CreatePublisherAsync();
        var publishing = Task.Run(() => FillAsync(stopped));
        await Wait.Until(() => BlockedAsync(admin), reasons => reasons.Contains("full", StringComparison.Ordinal), "the publisher of the full queue is listed as blocked");
        var beside = await RoundAsync(client);
        for (var again = 0; again < 2 && beside > Allowed(alone); again++)
        {
            // One round may have been stopped by something else on the machine. What a blocked publisher costs, it costs each time.
            beside = await RoundAsync(client);
        }

        Assert.False(publishing.IsCompleted, "the full queue has taken everything");
        Assert.Contains("full", await BlockedAsync(admin), StringComparison.Ordinal);
        output.WriteLine($"{SmallMessages / alone.TotalSeconds:0} messages/s alone, {SmallMessages / beside.TotalSeconds:0} beside a blocked publisher");

        Assert.True(beside <= Allowed(alone), $"beside a blocked publisher: {beside}; alone: {alone}");

        await DrainAsync(client);
        await Wait.For(publishing, "the blocked publisher to go on when there is room");
        await Wait.Until(() => BlockedAsync(admin), reasons => reasons.Length == 0, "nobody is listed as blocked");
    }

    /// <summary>"Full rate", as far as two runs on a machine that others use as well can be compared; a stall would last until the other queue is drained.</summary>
    private static TimeSpan Allowed(TimeSpan alone) => (alone * 2.5) + TimeSpan.FromSeconds(1);

    private static async Task FillAsync(Publisher publisher)
    {
        for (var number = 0; number < LargeMessages; number++)
        {
            var body = new byte[LargeBytes];
            BitConverter.TryWriteBytes(body, number);
            await publisher.PublishAsync("", "full", body);
        }

        await publisher.FlushAsync();
    }

    private static async Task DrainAsync(BrokerClient client)
    {
        await using var consumer = await client.SubscribeAsync("full");
        await using var deliveries = consumer.ReadAllAsync().GetAsyncEnumerator();
        for (var next = 0; next < LargeMessages; next++)
        {
            Assert.True(await Wait.For(deliveries.MoveNextAsync(), $"message {next} of the full queue"));
            Assert.Equal(next, BitConverter.ToInt32(deliveries.Current.Body.Span));
            await deliveries.Current.AckAsync();
        }
    }

    /// <summary>Messages through the free queue: published, confirmed, delivered in order, acknowledged.</summary>
    private static async Task<TimeSpan> RoundAsync(BrokerClient client)
    {
        var start = Stopwatch.GetTimestamp();
        var consuming = Task.Run(() => ConsumeAsync(client));
        await using var publisher = await client.CreatePublisherAsync();
        for (var number = 0; number < SmallMessages; number++)
        {
            await publisher.PublishAsync("", "free", BitConverter.GetBytes(number));
        }

        await Wait.For(publisher.FlushAsync(), "the confirms of the free publisher");
        await Wait.For(consuming, "the messages of the free queue");
        return Stopwatch.GetElapsedTime(start);
    }

    private static async Task ConsumeAsync(BrokerClient client)
    {
        var next = 0;
        await foreach (var delivery in client.ConsumeAsync("free"))
        {
            Assert.Equal(next, BitConverter.ToInt32(delivery.Body.Span));
            await delivery.AckAsync();
            if (++next == SmallMessages)
            {
                return;
            }
        }
    }

    private static async Task<string> BlockedAsync(BrokerClient admin) =>
        string.Concat((await NodeState.RowsAsync(admin, "connection list")).Select(row => row.GetProperty("blocked").GetString()));
}
