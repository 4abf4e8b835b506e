using System.Text;
using Broker.Client.Tests.Requests;
using Broker.Client.Tests.Scripted;
using Broker.Protocol;
using Broker.Storage.Disks;
using Broker.Transport.InMemory;

namespace Broker.Client.Tests.Recovery;

/// <summary>Typed declarations, and what a node makes of them.</summary>
public sealed class RealNodeTopologyTests
{
    private readonly InMemoryNetwork _network = new();
    private readonly MemoryDisk _disk = new();

    [Fact]
    public async Task A_node_takes_every_typed_option_of_a_queue_and_knows_it_again()
    {
        await using var transport = new InMemoryTransport(_network);
        await using var node = await RealNode.StartAsync(_network, _disk, 7400);
        await using var client = await BrokerClient.ConnectAsync(RealNode.Options(transport, 7400));
        var number = 0;
        foreach (var row in DeclarationOptionsTests.QueueArguments.Where(static row => row.Data.Item1.Type != QueueType.Log && row.Data.Item1.MaxAge is null))
        {
            var options = DeclarationOptionsTests.WithWhatItNeeds(row.Data.Item1, row.Data.Item2);

            // The shortest time that can be asked for is over before the queue is declared again, and then it is another queue.
            options = options.Expires is null ? options : options with { Expires = TimeSpan.FromHours(1) };
            var name = $"queue-{++number}";
            Assert.Equal(name, (await client.DeclareQueueAsync(name, options)).Name);
            await client.DeclareQueueAsync(name, options);
            var other = await Record.ExceptionAsync(() => client.DeclareQueueAsync(name, new QueueOptions { MaxLength = 77 }));
            Assert.Equal(ErrorCode.PreconditionFailed, Assert.IsType<BrokerRequestException>(other).ErrorCode);
        }
    }

    [Fact]
    public async Task Exchanges_of_every_type_route_and_pass_on_to_others()
    {
        await using var transport = new InMemoryTransport(_network);
        await using var node = await RealNode.StartAsync(_network, _disk, 7400);
        await using var client = await BrokerClient.ConnectAsync(RealNode.Options(transport, 7400));
        await client.DeclareExchangeAsync("lost", ExchangeType.Fanout);
        await client.DeclareQueueAsync("lost");
        await client.BindAsync("lost", "lost");
        (string Type, ExchangeOptions Options, string BindingKey)[] types =
        [
            (ExchangeType.Direct, new(), "a.b"), (ExchangeType.Fanout, new(), ""), (ExchangeType.Topic, new(), "a.*"),
            (ExchangeType.ConsistentHash, new() { HashProperty = HashProperty.MessageId }, "1"), (ExchangeType.ConsistentHash, new() { HashHeader = "h" }, "1"),
            (ExchangeType.Random, new(), ""), (ExchangeType.LocalRandom, new(), ""), (ExchangeType.Delayed, new() { DelayedType = ExchangeType.Topic }, "#.b"),
        ];
        var mandatory = new PublishOptions { Mandatory = true, Properties = new MessageProperties { MessageId = "m" } };
        for (var i = 0; i < types.Length; i++)
        {
            var (from, to) = ($"from-{i}", $"to-{i}");
            await client.DeclareExchangeAsync(from, types[i].Type, types[i].Options with { AlternateExchange = "lost" });
            await client.DeclareExchangeAsync(to, ExchangeType.Fanout);
            await client.DeclareQueueAsync(to);
            await client.BindAsync(to, to);
            await client.PublishAsync(from, "a.b", Encoding.UTF8.GetBytes($"{i} before"), mandatory);
            await client.BindExchangeAsync(from, to, types[i].BindingKey);
            await client.PublishAsync(from, "a.b", Encoding.UTF8.GetBytes($"{i}"), mandatory);
            await client.UnbindExchangeAsync(from, to, types[i].BindingKey);
            await client.PublishAsync(from, "a.b", Encoding.UTF8.GetBytes($"{i} after"), mandatory);
            Assert.Equal($"{i}", Text((await client.GetAsync(to, noAck: true))!.Value));
            Assert.Null(await client.GetAsync(to));
            Assert.Equal($"{i} before", Text((await client.GetAsync("lost", noAck: true))!.Value));
            Assert.Equal($"{i} after", Text((await client.GetAsync("lost", noAck: true))!.Value));
        }
    }

    [Fact]
    public async Task The_consumer_with_the_higher_priority_gets_the_messages()
    {
        await using var transport = new InMemoryTransport(_network);
        await using var node = await RealNode.StartAsync(_network, _disk, 7400);
        await using var client = await BrokerClient.ConnectAsync(RealNode.Options(transport, 7400));
        await client.DeclareQueueAsync("orders");
        await using var low = await client.SubscribeAsync("orders", new ConsumerOptions { Priority = -1 });
        await using var high = await client.SubscribeAsync("orders", new ConsumerOptions { Priority = 1 });
        var read = low.ReadBatchAsync().AsTask();
        for (var i = 0; i < 5; i++)
        {
            await client.PublishAsync("", "orders", "hello"u8.ToArray());
        }

        var count = 0;
        while (count < 5)
        {
            using var batch = await Within.TimeAsync(high.ReadBatchAsync().AsTask(), "messages");
            count += batch!.Count;
        }

        Assert.False(read.IsCompleted);
    }

    private static string Text(Delivery delivery) => Encoding.UTF8.GetString(delivery.Body.Span);
}
