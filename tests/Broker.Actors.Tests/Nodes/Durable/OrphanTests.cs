using Broker.Coordination;
using Broker.Coordination.Embedded;
using Broker.Protocol;
using Broker.Storage;
using Broker.Storage.Disks;

namespace Broker.Actors.Tests.Nodes.Durable;

/// <summary>A queue whose messages are on the disk and whose definition is not gets a name, so that its messages can be had.</summary>
public sealed class OrphanTests
{
    private readonly MemoryDisk _disk = new();

    [Fact]
    public async Task Queue_without_a_definition_comes_back_under_a_name_that_tells_its_number()
    {
        await FillAsync("orders", "first", "second");
        await DeleteKeyAsync("topology/queues/orders");
        for (var run = 0; run < 2; run++)
        {
            await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
            await using var admin = await restarted.AdministerAsync();
            var queue = Assert.Single(await admin.RunAsync("queue list"));
            Assert.Matches("^amq\\.recovered-[0-9]+$", (string)queue["name"]!);
            Assert.Equal((true, 2), ((bool)queue["durable"]!, (int)queue["ready"]!));
        }
    }

    [Fact]
    public async Task It_is_a_queue_like_any_other()
    {
        await FillAsync("orders", "first", "second");
        await DeleteKeyAsync("topology/queues/orders");
        string name;
        await using (var restarted = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var admin = await restarted.AdministerAsync();
            name = (string)Assert.Single(await admin.RunAsync("queue list"))["name"]!;
            await admin.Connection.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
            await admin.ExpectQueueAsync("orders", ready: 0, unsettled: 0);
            await using var publisher = await admin.Connection.OpenPublisherAsync();
            await publisher.PublishAsync(1, "", name, "third");
            await publisher.ExpectConfirmsAsync(1);
            await using var consumer = await admin.Connection.SubscribeAsync(name, flags: SubscribeFlags.ConfirmSettles);
            Assert.Equal(["first", "second", "third"], await consumer.ExpectBodiesAsync(3));
            await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 1));
            await consumer.ExpectSettledAsync(1);
        }

        await using (var restarted = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var admin = await restarted.AdministerAsync();
            await admin.ExpectQueueAsync(name, ready: 2, unsettled: 0);
            await admin.ExpectQueueAsync("orders", ready: 0, unsettled: 0);
            await admin.RunAsync("queue delete", $$"""{"queue":"{{name}}"}""");
        }

        await using var last = await BrokerFixture.StartAsync(disk: _disk);
        await using var after = await last.AdministerAsync();
        Assert.Equal("orders", (string)Assert.Single(await after.RunAsync("queue list"))["name"]!);
    }

    [Fact]
    public async Task Queue_that_is_declared_when_the_metadata_is_lost_never_gets_the_number_of_one_that_was_recovered()
    {
        const int Count = 12;
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var admin = await broker.AdministerAsync();
            for (var i = 0; i < Count / 2; i++)
            {
                await admin.RunAsync("exchange declare", $$"""{"exchange":"x{{i}}"}""");
            }

            await admin.Connection.FillDurableAsync("a", "old a");
            await admin.Connection.FillDurableAsync("b", "old b");
        }

        _disk.DeleteFolder("metadata");
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            for (var i = 0; i < Count; i++)
            {
                await client.FillDurableAsync($"new{i}", $"{i}");
            }
        }

        for (var run = 0; run < 2; run++)
        {
            await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
            await using var admin = await restarted.AdministerAsync();
            var queues = (await admin.RunAsync("queue list")).Select(q => (string)q["name"]!).ToList();
            Assert.Equal(Count + 2, queues.Count);
            Assert.Equal(["old a", "old b"], await PeekAsync(admin, queues.Where(q => q.StartsWith("amq.recovered-", StringComparison.Ordinal))));
            for (var i = 0; i < Count; i++)
            {
                Assert.Equal([$"{i}"], await PeekAsync(admin, [$"new{i}"]));
            }

            await admin.RunAsync("queue delete", """{"queue":"new3"}"""); // and its number is not given away either
            await admin.Connection.FillDurableAsync("new3", "3");
        }
    }

    [Fact]
    public async Task Binding_without_its_queue_does_not_keep_the_node_from_starting()
    {
        await FillAsync("orders", "first");
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var admin = await broker.AdministerAsync();
            await admin.RunAsync("binding declare", """{"exchange":"amq.fanout","destination":"orders"}""");
        }

        await DeleteKeyAsync("topology/queues/orders");
        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var after = await restarted.AdministerAsync();
        Assert.Empty(await after.RunAsync("binding list"));
        await after.RunAsync("queue declare", """{"queue":"orders"}""");
        await after.RunAsync("binding declare", """{"exchange":"amq.fanout","destination":"orders"}""");
        Assert.Single(await after.RunAsync("binding list"));
    }

    private async Task FillAsync(string queue, params string[] bodies)
    {
        await using var broker = await BrokerFixture.StartAsync(disk: _disk);
        await using var client = await broker.ConnectAsync();
        await client.FillDurableAsync(queue, bodies);
    }

    private async Task DeleteKeyAsync(string key)
    {
        using var store = NodeStore.Open(_disk, new StoreOptions { NodeName = "node-1" });
        await using var metadata = EmbeddedMetadataStore.Open(_disk, "metadata", store.Identity.Store);
        Assert.Single((await metadata.ReadAsync(key)).Values);
        await metadata.CommitAsync(new MetadataTransaction { Operations = [MetadataOperation.Delete(key)] });
    }

    private static async Task<List<string>> PeekAsync(WireAdmin admin, IEnumerable<string> queues)
    {
        var bodies = new List<string>();
        foreach (var queue in queues)
        {
            bodies.AddRange((await admin.RunAsync("queue peek", $$"""{"queue":"{{queue}}"}""")).Select(r => (string)r["body"]!));
        }

        return bodies;
    }
}
