using Broker.Actors.Server;
using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Actors.Tests.Nodes;

/// <summary>Who is blocked hears why, operators see it, and nobody else is.</summary>
public sealed class BlockedByTests
{
    [Fact]
    public async Task A_full_queue_stops_only_those_who_feed_it()
    {
        await using var broker = await BrokerFixture.StartAsync(new BrokerLimits { Queue = new QueueLimits { MaxMessages = 2 } });
        await using var client = await broker.ConnectAsync();
        await client.DeclareAsync("full", DeclareQueueFlags.None);
        await client.DeclareAsync("other", DeclareQueueFlags.None);
        await client.SendAsync("full", "1", "2");
        await using var blocked = await client.OpenPublisherAsync();
        await blocked.PublishAsync(1, "", "full", "3");
        Assert.Equal("queue 'full' is full", await blocked.ExpectBlockedAsync());
        await using var admin = await broker.AdministerAsync();
        var row = Assert.Single(await admin.RunAsync("stream list", """{"blocked":true}"""));
        Assert.Equal(("client", "publish", "queue 'full' is full"), ((string)row["user"]!, (string)row["kind"]!, (string)row["blocked"]!));
        await client.SendAsync("other", "through"); // on the same connection
        var consumer = await client.SubscribeAsync("full");
        await consumer.ExpectBodiesAsync(2);
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 2));
        await blocked.ExpectConfirmsAndUnblockedAsync(1);
        Assert.Empty(await admin.RunAsync("stream list", """{"blocked":true}"""));
    }

    [Fact]
    public async Task The_memory_watermark_stops_publishers_and_no_consumer()
    {
        await using var broker = await BrokerFixture.StartAsync(new BrokerLimits { MaxMessageBytes = 16 << 10, MaxMemoryBytes = 64 << 10 });
        await using var client = await broker.ConnectAsync();
        await client.DeclareAsync("work", DeclareQueueFlags.None);
        await using var admin = await broker.AdministerAsync();
        await using var publisher = await client.OpenPublisherAsync();
        var sent = 0UL;
        while (!(bool)(await admin.RunAsync("cluster show"))[0]["publishersBlocked"]!)
        {
            await publisher.SendAsync(w => WireStream.WritePublish(w, ++sent, "", "work", new byte[8 << 10]));
            await publisher.ExpectConfirmsAsync(1);
        }

        await publisher.PublishAsync(++sent, "", "work", "late");
        Assert.Equal("the node's memory limit is reached", await publisher.ExpectBlockedAsync());
        var row = Assert.Single(await admin.RunAsync("stream list", """{"blocked":true}"""));
        Assert.Equal("the node's memory limit is reached", (string)row["blocked"]!);
        var consumer = await client.SubscribeAsync("work");
        await consumer.ExpectBodiesAsync((int)sent - 1); // consumers go on, and make room
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, sent - 1));
        await publisher.ExpectConfirmsAndUnblockedAsync(1);
        Assert.Empty(await admin.RunAsync("stream list", """{"blocked":true}"""));
    }
}
