using Broker.Actors.Runtime;
using Broker.Actors.Tests.Runtime;
using Broker.Actors.Topology;
using Broker.Protocol;
using Broker.Storage.Disks;

namespace Broker.Actors.Tests.Nodes;

/// <summary>Queues that belong to one connection.</summary>
public sealed class ExclusiveQueueTests
{
    [Theory]
    [InlineData(DeclareQueueFlags.Exclusive)]
    [InlineData(DeclareQueueFlags.Exclusive | DeclareQueueFlags.Durable)]
    public async Task Only_its_connection_uses_it_and_takes_it_along(DeclareQueueFlags flags)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var other = await broker.ConnectAsync();
        await using var admin = await broker.AdministerAsync();
        var owner = await broker.ConnectAsync();
        await owner.DeclareAsync("mine", flags);
        await owner.SendAsync("mine", "1");
        await other.SendAsync("mine", "2"); // everybody may publish
        Assert.Equal(ErrorCode.ResourceLocked, (await other.ExpectRefusedAsync("mine", SubscribeFlags.None)).Code);
        await using var requests = await other.OpenRequestsAsync();
        await requests.GetAsync("mine");
        await requests.ExpectRefusalAsync(ErrorCode.ResourceLocked);
        await requests.SendAsync(w => new PurgeQueueFrame(2, "mine").Write(w));
        await requests.ExpectRefusalAsync(ErrorCode.ResourceLocked);
        await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 3, Name = "mine", Flags = flags }.Write(w));
        await requests.ExpectRefusalAsync(ErrorCode.ResourceLocked);
        await requests.SendAsync(w => new DeleteQueueFrame { RequestId = 4, Name = "mine" }.Write(w));
        await requests.ExpectRefusalAsync(ErrorCode.ResourceLocked);
        var consumer = await owner.SubscribeAsync("mine");
        Assert.Equal(["1", "2"], await consumer.ExpectBodiesAsync(2));
        await owner.DisposeAsync();
        await admin.ExpectGoneAsync("mine");
        await other.DeclareAsync("mine", flags);
    }

    [Fact]
    public async Task A_queue_that_the_server_has_named_goes_with_its_connection_too()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        var owner = await broker.ConnectAsync();
        await using (var requests = await owner.OpenRequestsAsync())
        {
            await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = "", Flags = DeclareQueueFlags.Exclusive }.Write(w));
            var name = (await requests.ExpectQueueOkAsync()).Name;
            Assert.StartsWith("amq.gen-", name, StringComparison.Ordinal);
            Assert.NotEqual("", (string)(await admin.QueueAsync(name))!["owner"]!);
            await owner.DisposeAsync();
            await admin.ExpectGoneAsync(name);
        }
    }

    [Fact]
    public async Task What_a_life_of_the_node_has_left_is_not_there_in_the_next_one()
    {
        var disk = new MemoryDisk();
        await using (var broker = await BrokerFixture.StartAsync(disk: disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.DeclareAsync("everybody's");
            await DeclareLeftAsync(broker, "mine");
            await client.SendAsync("mine", "1");
        }

        await using (var broker = await BrokerFixture.StartAsync(disk: disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.DeclareAsync("mine", DeclareQueueFlags.Exclusive | DeclareQueueFlags.Durable);
            await using var admin = await broker.AdministerAsync();
            Assert.Equal(0, (int)(await admin.QueueAsync("mine"))!["ready"]!);
            Assert.NotNull(await admin.QueueAsync("everybody's"));
        }
    }

    [Fact]
    public async Task What_was_missed_is_found_later()
    {
        var time = new ManualTimeProvider();
        time.Advance(TimeSpan.FromDays(10_000));
        await using var broker = await BrokerFixture.StartAsync(time: time);
        await using var owner = await broker.ConnectAsync();
        await owner.DeclareAsync("mine", DeclareQueueFlags.Exclusive | DeclareQueueFlags.Durable);
        await DeclareLeftAsync(broker, "left");
        await using var admin = await broker.AdministerAsync();
        Assert.NotNull(await admin.QueueAsync("left"));
        time.Advance(TimeSpan.FromSeconds(6));
        await admin.ExpectGoneAsync("left");
        Assert.NotNull(await admin.QueueAsync("mine"));
    }

    /// <summary>Declares a queue for a connection that was to the node in an earlier life.</summary>
    private static async Task DeclareLeftAsync(BrokerFixture broker, string queue)
    {
        var request = new TopologyRequest.DeclareQueue(queue, Durable: true, Passive: false) { Exclusive = true, Asker = "node-1@1/1" };
        Assert.Null((await (await broker.ServerAsync()).Node.Topology.AskAsync<TopologyReply>(request, WireConnection.Timeout)).Fault);
    }
}
