using System.Buffers;
using Broker.Protocol;
using Broker.Storage.Disks;

namespace Broker.Actors.Tests.Nodes.Durable;

/// <summary>What is declared durable outlives the node's process, and nothing else does (docs/protocol.md, section 9.1).</summary>
public sealed class RestartedTopologyTests
{
    private readonly MemoryDisk _disk = new();

    [Fact]
    public async Task What_is_declared_durable_is_there_after_a_restart_and_what_is_transient_is_not()
    {
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await RequestAsync(client, DeclareExchange("lasting", "fanout", DeclareExchangeFlags.Durable), FrameType.Ok);
            await RequestAsync(client, DeclareExchange("passing", "direct", DeclareExchangeFlags.None), FrameType.Ok);
            await client.DeclareQueueAsync("kept", DeclareQueueFlags.Durable);
            await client.DeclareQueueAsync("lost");
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var admin = await restarted.AdministerAsync();
        Assert.Equal(
            [":direct:true", "lasting:fanout:true"],
            (await admin.RunAsync("exchange list")).Where(e => !((string)e["name"]!).StartsWith("amq.", StringComparison.Ordinal)).Select(e => $"{e["name"]}:{e["type"]}:{e["durable"]}"));
        Assert.Equal(["kept:true"], (await admin.RunAsync("queue list")).Select(q => $"{q["name"]}:{q["durable"]}"));
    }

    [Fact]
    public async Task Binding_outlives_a_restart_if_both_its_ends_do()
    {
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await RequestAsync(client, DeclareExchange("lasting", "direct", DeclareExchangeFlags.Durable), FrameType.Ok);
            await RequestAsync(client, DeclareExchange("passing", "direct", DeclareExchangeFlags.None), FrameType.Ok);
            await client.DeclareQueueAsync("kept", DeclareQueueFlags.Durable);
            await client.DeclareQueueAsync("lost");
            foreach (var exchange in new[] { "lasting", "passing", "amq.direct" })
            {
                await RequestAsync(client, Bind(exchange, "kept", "k"), FrameType.Ok);
                await RequestAsync(client, Bind(exchange, "lost", "l"), FrameType.Ok);
            }

            await RequestAsync(client, Bind("lasting", "kept", "unbound"), FrameType.Ok);
            await RequestAsync(client, w => new UnbindFrame { RequestId = 1, Exchange = "lasting", Destination = "kept", RoutingKey = "unbound" }.Write(w), FrameType.Ok);
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var admin = await restarted.AdministerAsync();
        Assert.Equal(["amq.direct:k:kept", "lasting:k:kept"], (await admin.RunAsync("binding list")).Select(b => $"{b["exchange"]}:{b["key"]}:{b["destination"]}"));
        await using var publisher = await admin.Connection.OpenPublisherAsync();
        await publisher.PublishAsync(1, "lasting", "k", "routed");
        await publisher.PublishAsync(2, "lasting", "unbound", "not routed");
        await publisher.ExpectConfirmsAsync(2);
        await using var consumer = await admin.Connection.SubscribeAsync("kept");
        Assert.Equal("routed", (await consumer.ExpectDeliveryAsync()).Text);
        await admin.ExpectQueueAsync("kept", ready: 0, unsettled: 1);
    }

    [Fact]
    public async Task Durable_queue_that_the_server_has_named_keeps_its_name_and_its_messages()
    {
        string name;
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await using var requests = await client.OpenRequestsAsync();
            await requests.SendAsync(DeclareQueue("", DeclareQueueFlags.Durable));
            name = (await requests.ExpectQueueOkAsync()).Name;
            Assert.StartsWith("amq.gen-", name, StringComparison.Ordinal);
            await using var publisher = await client.OpenPublisherAsync();
            await publisher.PublishAsync(1, "", name, "hello");
            await publisher.ExpectConfirmsAsync(1);
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var again = await restarted.ConnectAsync();
        await using var consumer = await again.SubscribeAsync(name);
        Assert.Equal("hello", (await consumer.ExpectDeliveryAsync()).Text);
    }

    [Fact]
    public async Task Declaring_it_differently_is_refused_before_and_after_a_restart()
    {
        for (var run = 0; run < 2; run++)
        {
            await using var broker = await BrokerFixture.StartAsync(disk: _disk);
            await using var client = await broker.ConnectAsync();
            await using var requests = await client.OpenRequestsAsync();
            await requests.SendAsync(DeclareQueue("kept", DeclareQueueFlags.Durable));
            await requests.ExpectQueueOkAsync();
            await requests.SendAsync(DeclareQueue("kept", DeclareQueueFlags.None));
            Assert.Contains("durable", await requests.ExpectRefusalAsync(ErrorCode.PreconditionFailed), StringComparison.Ordinal);
            await requests.SendAsync(DeclareExchange("lasting", "fanout", DeclareExchangeFlags.Durable));
            await requests.ExpectAsync(FrameType.Ok);
            await requests.SendAsync(DeclareExchange("lasting", "fanout", DeclareExchangeFlags.None));
            Assert.Contains("durable", await requests.ExpectRefusalAsync(ErrorCode.PreconditionFailed), StringComparison.Ordinal);
            await requests.SendAsync(DeclareExchange("lasting", "direct", DeclareExchangeFlags.Durable));
            await requests.ExpectRefusalAsync(ErrorCode.PreconditionFailed);
        }
    }

    [Fact]
    public async Task Name_of_a_transient_queue_is_free_after_a_restart()
    {
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.DeclareQueueAsync("orders");
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var again = await restarted.ConnectAsync();
        await again.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
    }

    [Fact]
    public async Task What_was_deleted_stays_deleted()
    {
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await RequestAsync(client, DeclareExchange("lasting", "fanout", DeclareExchangeFlags.Durable), FrameType.Ok);
            await RequestAsync(client, DeclareExchange("deleted", "fanout", DeclareExchangeFlags.Durable), FrameType.Ok);
            await client.FillDurableAsync("deleted", "1", "2", "3");
            await RequestAsync(client, Bind("lasting", "deleted", ""), FrameType.Ok);
            await using var requests = await client.OpenRequestsAsync();
            await requests.SendAsync(w => new DeleteQueueFrame(1, "deleted", DeleteQueueFlags.None).Write(w));
            Assert.Equal(3UL, await requests.ExpectCountAsync());
            await RequestAsync(client, w => new DeleteExchangeFrame(1, "deleted", DeleteExchangeFlags.None).Write(w), FrameType.Ok);
        }

        for (var run = 0; run < 2; run++)
        {
            await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
            await using var admin = await restarted.AdministerAsync();
            Assert.Empty(await admin.RunAsync("queue list"));
            Assert.Empty(await admin.RunAsync("binding list"));
            Assert.DoesNotContain(await admin.RunAsync("exchange list"), e => (string)e["name"]! == "deleted");
        }
    }

    [Fact]
    public async Task Queue_that_is_declared_again_after_its_deletion_is_empty_and_stays_so()
    {
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await using var requests = await client.OpenRequestsAsync();
            for (var life = 1; life <= 3; life++)
            {
                await client.FillDurableAsync("orders", $"{life}.1", $"{life}.2");
                if (life < 3)
                {
                    await requests.SendAsync(w => new DeleteQueueFrame(1, "orders", DeleteQueueFlags.None).Write(w), DeclareQueue("orders", DeclareQueueFlags.Durable));
                    Assert.Equal(2UL, await requests.ExpectCountAsync());
                    Assert.Equal(0UL, (await requests.ExpectQueueOkAsync()).Messages);
                }
            }
        }

        await using (var restarted = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await restarted.ConnectAsync();
            await using var consumer = await client.SubscribeAsync("orders");
            Assert.Equal(["3.1", "3.2"], await consumer.ExpectBodiesAsync(2));
            await using var requests = await client.OpenRequestsAsync();
            await requests.SendAsync(w => new DeleteQueueFrame(1, "orders", DeleteQueueFlags.None).Write(w), DeclareQueue("orders", DeclareQueueFlags.Durable));
            await requests.ExpectCountAsync();
            await requests.ExpectQueueOkAsync();
        }

        await using var last = await BrokerFixture.StartAsync(disk: _disk);
        await using var admin = await last.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 0, unsettled: 0);
    }

    [Fact]
    public async Task Exchange_with_more_bindings_than_a_transaction_takes_is_deleted_with_all_of_them()
    {
        const int Count = 300;
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await RequestAsync(client, DeclareExchange("wide", "direct", DeclareExchangeFlags.Durable), FrameType.Ok);
            await client.DeclareQueueAsync("kept", DeclareQueueFlags.Durable);
            await BindManyAsync(client, "wide", "kept", Count);
            await using var admin = await broker.AdministerAsync();
            Assert.Equal(Count, (await admin.RunAsync("binding list")).Count);
            await RequestAsync(client, w => new DeleteExchangeFrame(1, "wide", DeleteExchangeFlags.None).Write(w), FrameType.Ok);
            Assert.Empty(await admin.RunAsync("binding list"));
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var after = await restarted.AdministerAsync();
        Assert.Empty(await after.RunAsync("binding list"));
        Assert.DoesNotContain(await after.RunAsync("exchange list"), e => (string)e["name"]! == "wide");
        Assert.Single(await after.RunAsync("queue list"));
    }

    [Fact]
    public async Task Queue_with_more_bindings_than_a_transaction_takes_is_deleted_with_all_of_them()
    {
        const int Count = 300;
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.DeclareQueueAsync("wide", DeclareQueueFlags.Durable);
            await BindManyAsync(client, "amq.direct", "wide", Count);
            await RequestAsync(client, w => new DeleteQueueFrame(1, "wide", DeleteQueueFlags.None).Write(w), FrameType.CountOk);
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var admin = await restarted.AdministerAsync();
        Assert.Empty(await admin.RunAsync("binding list"));
        Assert.Empty(await admin.RunAsync("queue list"));
    }

    [Fact]
    public async Task Names_with_any_characters_come_back()
    {
        string[] names = ["with blank", "a/b/../c", "100%25", "grüße", "漢字", new string('ä', 127)];
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            foreach (var name in names)
            {
                await RequestAsync(client, DeclareExchange(name, "fanout", DeclareExchangeFlags.Durable), FrameType.Ok);
                await client.FillDurableAsync(name, name);
                await RequestAsync(client, Bind(name, name, "key\nof two lines"), FrameType.Ok);
            }
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var again = await restarted.ConnectAsync();
        await using var publisher = await again.OpenPublisherAsync();
        for (var i = 0; i < names.Length; i++)
        {
            await publisher.PublishAsync((ulong)i + 1, names[i], "", "routed");
            await using var consumer = await again.SubscribeAsync(names[i]);
            Assert.Equal([names[i], "routed"], await consumer.ExpectBodiesAsync(2));
        }
    }

    private static async Task BindManyAsync(WireConnection client, string exchange, string queue, int count)
    {
        await using var requests = await client.OpenRequestsAsync();
        await requests.SendAsync([.. Enumerable.Range(0, count).Select(i => Bind(exchange, queue, $"key-{i}"))]);
        for (var i = 0; i < count; i++)
        {
            await requests.ExpectAsync(FrameType.Ok);
        }
    }

    private static async Task RequestAsync(WireConnection client, Action<IBufferWriter<byte>> request, FrameType answer)
    {
        await using var requests = await client.OpenRequestsAsync();
        await requests.SendAsync(request);
        await requests.ExpectAsync(answer);
    }

    private static Action<IBufferWriter<byte>> DeclareExchange(string name, string type, DeclareExchangeFlags flags) =>
        w => new DeclareExchangeFrame { RequestId = 1, Name = name, Type = type, Flags = flags }.Write(w);

    private static Action<IBufferWriter<byte>> DeclareQueue(string name, DeclareQueueFlags flags) => w => new DeclareQueueFrame { RequestId = 1, Name = name, Flags = flags }.Write(w);

    private static Action<IBufferWriter<byte>> Bind(string exchange, string queue, string key) =>
        w => new BindFrame { RequestId = 1, Exchange = exchange, Destination = queue, RoutingKey = key }.Write(w);
}
