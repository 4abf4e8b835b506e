using System.Globalization;
using System.Text;
using Broker.Client.Tests.Scripted;
using Broker.Protocol;
using Broker.Storage.Disks;
using Broker.Transport.InMemory;

namespace Broker.Client.Tests.Recovery;

/// <summary>Logs, through the client library and a whole node.</summary>
public sealed class RealNodeLogTests
{
    private static readonly QueueOptions s_log = new() { Type = QueueType.Log };
    private readonly InMemoryNetwork _network = new();
    private readonly MemoryDisk _disk = new();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Each_consumer_reads_everything_from_where_it_begins(bool durable)
    {
        await using var transport = new InMemoryTransport(_network);
        await using var node = await RealNode.StartAsync(_network, _disk, 7400);
        await using var client = await BrokerClient.ConnectAsync(RealNode.Options(transport, 7400));
        await client.DeclareQueueAsync("events", s_log with { Durable = durable });
        await PublishAsync(client, 0, 200);
        Assert.Equal(Numbers(0, 200), await ReadAsync(client, LogOffset.First, 200));
        Assert.Equal(Numbers(150, 200), await ReadAsync(client, LogOffset.At(150), 50));
        Assert.Equal([199], await ReadAsync(client, LogOffset.Last, 1));
        Assert.Equal(Numbers(0, 200), await ReadAsync(client, LogOffset.Since(DateTimeOffset.UtcNow.AddHours(-1)), 200));
        await using var next = await client.SubscribeAsync("events");
        await using var future = await client.SubscribeAsync("events", new ConsumerOptions { Offset = LogOffset.Since(DateTimeOffset.UtcNow.AddHours(1)) });
        await PublishAsync(client, 200, 210);
        Assert.Equal(Numbers(200, 210), await ReadAsync(next, 10));
        Assert.Equal(Numbers(200, 210), await ReadAsync(future, 10));
        Assert.Equal(210, (await client.DeclareQueueAsync("events", s_log with { Durable = durable })).Messages);
    }

    [Fact]
    public async Task A_consumer_goes_on_behind_what_it_has_read_after_its_node_was_started_anew()
    {
        await using var transport = new InMemoryTransport(_network);
        var node = await RealNode.StartAsync(_network, _disk, 7400);
        await using var client = await BrokerClient.ConnectAsync(RealNode.Options(transport, 7400));
        await client.DeclareQueueAsync("events", s_log);
        await PublishAsync(client, 0, 100);
        await using var consumer = await client.SubscribeAsync("events", new ConsumerOptions { Offset = LogOffset.First, PrefetchMessages = 10 });
        Assert.Equal(Numbers(0, 30), await ReadAsync(consumer, 30));
        await node.DisposeAsync();
        await using var restarted = await RealNode.StartAsync(_network, _disk, 7400);
        Assert.Equal(Numbers(30, 100), await ReadAsync(consumer, 70));
        await PublishAsync(client, 100, 105);
        Assert.Equal(Numbers(100, 105), await ReadAsync(consumer, 5));
    }

    [Fact]
    public async Task Only_what_is_asked_for_comes()
    {
        await using var transport = new InMemoryTransport(_network);
        await using var node = await RealNode.StartAsync(_network, _disk, 7400);
        await using var client = await BrokerClient.ConnectAsync(RealNode.Options(transport, 7400));
        await client.DeclareQueueAsync("events", s_log);
        for (var i = 0; i < 30; i++)
        {
            var headers = i % 3 == 0 ? FieldTable.Empty : FieldTable.Of(("colour", FieldValue.From(i % 3 == 1 ? "red" : "blue")));
            await client.PublishAsync("", "events", Body(i), new PublishOptions { Properties = new MessageProperties { Headers = headers } });
        }

        var filter = new ConsumerOptions { Offset = LogOffset.First, Filter = ["red"], FilterHeader = "colour" };
        await using var red = await client.SubscribeAsync("events", filter);
        await using var notBlue = await client.SubscribeAsync("events", filter with { MatchUnfiltered = true });
        Assert.Equal(Numbers(0, 30).Where(i => i % 3 == 1), await ReadAsync(red, 10));
        Assert.Equal(Numbers(0, 30).Where(i => i % 3 != 2), await ReadAsync(notBlue, 20));
    }

    [Fact]
    public async Task A_log_keeps_to_its_size_and_what_is_not_for_logs_is_refused()
    {
        await using var transport = new InMemoryTransport(_network);
        await using var node = await RealNode.StartAsync(_network, _disk, 7400);
        await using var client = await BrokerClient.ConnectAsync(RealNode.Options(transport, 7400));
        await client.DeclareQueueAsync("events", s_log with { MaxLengthBytes = 1 << 20 });
        var body = new byte[10_000];
        await using (var publisher = await client.CreatePublisherAsync())
        {
            for (var i = 0; i < 1_000; i++)
            {
                await publisher.PublishAsync("", "events", body);
            }

            await publisher.FlushAsync();
        }

        await using var consumer = await client.SubscribeAsync("events", new ConsumerOptions { Offset = LogOffset.First });
        using (var batch = await Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), "the oldest messages"))
        {
            Assert.InRange(batch![0].Offset!.Value, 890, 930);
        }

        Assert.Equal(ErrorCode.PreconditionFailed, (await Assert.ThrowsAsync<BrokerRequestException>(() => client.GetAsync("events"))).ErrorCode);
        foreach (var wrong in new[] { s_log with { MessageTtl = TimeSpan.FromSeconds(1) }, s_log with { Exclusive = true }, s_log with { AutoDelete = true } })
        {
            Assert.Equal(ErrorCode.InvalidArgument, (await Assert.ThrowsAsync<BrokerRequestException>(() => client.DeclareQueueAsync("wrong", wrong))).ErrorCode);
        }

        await client.DeclareQueueAsync("queue");
        var refused = await Assert.ThrowsAsync<BrokerStreamException>(() => client.SubscribeAsync("queue", new ConsumerOptions { Offset = LogOffset.First }));
        Assert.Equal(ErrorCode.InvalidArgument, refused.ErrorCode);
        Assert.Contains("is for logs", refused.Message, StringComparison.Ordinal);
    }

    private static async Task PublishAsync(BrokerClient client, int from, int to)
    {
        await using var publisher = await client.CreatePublisherAsync();
        for (var i = from; i < to; i++)
        {
            await publisher.PublishAsync("", "events", Body(i));
        }

        await publisher.FlushAsync();
    }

    private static async Task<List<int>> ReadAsync(BrokerClient client, LogOffset offset, int count)
    {
        await using var consumer = await client.SubscribeAsync("events", new ConsumerOptions { Offset = offset });
        return await ReadAsync(consumer, count);
    }

    private static async Task<List<int>> ReadAsync(Consumer consumer, int count)
    {
        var numbers = new List<int>();
        while (numbers.Count < count)
        {
            using var batch = await Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), $"message {numbers.Count + 1} of {count}");
            foreach (var delivery in batch!)
            {
                numbers.Add(int.Parse(Encoding.UTF8.GetString(delivery.Body.Span), CultureInfo.InvariantCulture));
                Assert.Equal(numbers[^1], delivery.Offset);
                Assert.Equal(0, delivery.DeliveryCount);
            }

            await batch!.AckAllAsync();
        }

        return numbers;
    }

    private static byte[] Body(int number) => Encoding.UTF8.GetBytes($"{number}");

    private static IEnumerable<int> Numbers(int from, int to) => Enumerable.Range(from, to - from);
}
