using System.Globalization;
using System.Text;
using Broker.Client.Tests.Scripted;
using Broker.Storage.Disks;
using Broker.Transport.InMemory;

namespace Broker.Client.Tests.Recovery;

/// <summary>Clients and nodes as they are, on a network in memory.</summary>
public sealed class RealNodeTests
{
    private readonly InMemoryNetwork _network = new();
    private readonly MemoryDisk _disk = new();

    [Fact]
    public async Task Client_goes_on_when_its_node_is_started_anew()
    {
        await using var transport = new InMemoryTransport(_network);
        var node = await RealNode.StartAsync(_network, _disk, 7400);
        await using var client = await BrokerClient.ConnectAsync(RealNode.Options(transport, 7400));
        await client.DeclareQueueAsync("orders");
        await using var publisher = await client.CreatePublisherAsync();
        await publisher.PublishAsync("", "orders", Body(1));
        await publisher.FlushAsync();
        await node.DisposeAsync();
        for (var i = 2; i <= 5; i++)
        {
            await publisher.PublishAsync("", "orders", Body(i));
        }

        await using var restarted = await RealNode.StartAsync(_network, _disk, 7400);
        await Within.TimeAsync(publisher.FlushAsync(), "the confirms of what was published meanwhile");
        await client.PublishAsync("", "orders", Body(6));
        Assert.Equal([1, 2, 3, 4, 5, 6], await ConsumeAsync(client, 6));
    }

    [Fact]
    public async Task Consumer_goes_on_when_its_node_is_started_anew()
    {
        await using var transport = new InMemoryTransport(_network);
        var node = await RealNode.StartAsync(_network, _disk, 7400);
        await using var client = await BrokerClient.ConnectAsync(RealNode.Options(transport, 7400));
        await client.DeclareQueueAsync("orders");
        await client.PublishAsync("", "orders", Body(1));
        await using var consumer = await client.SubscribeAsync("orders", new ConsumerOptions { ConfirmSettles = true });
        using (var batch = await Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), "the first"))
        {
            await Within.TimeAsync(batch!.AckAllAsync().AsTask(), "the settlement");
        }

        await client.PublishAsync("", "orders", Body(2));
        using var unsettled = await Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), "the second");
        await node.DisposeAsync();
        var read = consumer.ReadBatchAsync().AsTask();
        await using var restarted = await RealNode.StartAsync(_network, _disk, 7400);
        using var again = await Within.TimeAsync(read, "the second again");
        Assert.Equal((2, true), (Number(Assert.Single(again!).Body), again![0].Redelivered));
    }

    [Fact]
    public async Task Client_goes_to_another_node_when_its_node_goes_away()
    {
        await using var transport = new InMemoryTransport(_network);
        var first = await RealNode.StartAsync(_network, _disk, 7400);
        await using var second = await RealNode.StartAsync(_network, new MemoryDisk(), 7401);
        var lost = new TaskCompletionSource<ConnectionLost>();
        await using var client = await BrokerClient.ConnectAsync(
            RealNode.Options(transport, 7400, 7401) with { OnConnectionLost = reason => lost.TrySetResult(reason) });
        await client.DeclareQueueAsync("here", new QueueOptions { Durable = false });
        Assert.Equal("node-7400", client.NodeId);
        await first.DisposeAsync();
        Assert.Equal(7400, (await Within.TimeAsync(lost.Task, "the loss")).Endpoint.Port);
        await client.PublishAsync("", "here", Body(1), new PublishOptions { Mandatory = true }); // the queue was declared anew
        Assert.Equal("node-7401", client.NodeId);
        Assert.Equal([1], await ConsumeAsync(client, 1, "here"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Whatever_is_confirmed_while_connections_are_cut_is_there_once_and_in_order(int seed)
    {
        const int Count = 3000;
        await using var transport = new InMemoryTransport(_network);
        await using var node = await RealNode.StartAsync(_network, _disk, 7400);
        await using var client = await BrokerClient.ConnectAsync(RealNode.Options(transport, 7400));
        await client.DeclareQueueAsync("orders");
        await using var publisher = await client.CreatePublisherAsync(new PublisherOptions { MaxInFlightMessages = 64 });
        var random = new Random(seed);
        var cuts = 0;
        await Within.TimeAsync(PublishAsync(), $"the confirms, seed {seed}");
        Assert.True(cuts > 5, $"only {cuts} connections were cut");
        Assert.Equal(Enumerable.Range(1, Count), await ConsumeAsync(client, Count));
        Assert.Null(await client.GetAsync("orders"));

        async Task PublishAsync()
        {
            var next = random.Next(1, 100);
            for (var i = 1; i <= Count; i++)
            {
                await publisher.PublishAsync("", "orders", Body(i));
                if (i == next)
                {
                    await CutAsync();
                    next += random.Next(1, 200);
                }
            }

            await publisher.FlushAsync();
        }

        // The one before may have been cut so lately that there is no other yet.
        async Task CutAsync()
        {
            int cut;
            while ((cut = await node.Transport.CutAsync()) == 0)
            {
                await Task.Yield();
            }

            cuts += cut;
        }
    }

    private static byte[] Body(int number) => Encoding.UTF8.GetBytes($"{number}");

    private static int Number(ReadOnlyMemory<byte> body) => int.Parse(Encoding.UTF8.GetString(body.Span), CultureInfo.InvariantCulture);

    private static async Task<List<int>> ConsumeAsync(BrokerClient client, int count, string queue = "orders")
    {
        var numbers = new List<int>();
        await using var consumer = await client.SubscribeAsync(queue, new ConsumerOptions { ConfirmSettles = true });
        while (numbers.Count < count)
        {
            using var batch = await Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), $"message {numbers.Count + 1} of {count}");
            numbers.AddRange(batch!.Select(static delivery => Number(delivery.Body)));
            await Within.TimeAsync(batch!.AckAllAsync().AsTask(), "the settlements");
        }

        return numbers;
    }
}
