using Broker.Actors.Server;
using Broker.Actors.Storage;
using Broker.Machines.Queues;
using Broker.Protocol;
using Broker.Storage.Disks;

namespace Broker.Actors.Tests.Nodes.Durable;

/// <summary>What a durable queue tells anybody, it tells once it is on the disk; all others go on meanwhile.</summary>
public sealed class CommitTests
{
    private readonly MemoryDisk _disk = new();

    [Fact]
    public async Task Message_is_confirmed_and_delivered_when_it_is_on_the_disk_and_not_before()
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
        await using var publisher = await client.OpenPublisherAsync();
        await using var consumer = await client.SubscribeAsync("orders");
        using var hold = DiskHold.OfSyncs(_disk);
        await publisher.PublishAsync(1, "", "orders", "held");
        var confirming = publisher.ExpectConfirmsAsync(1);
        var delivering = consumer.ExpectDeliveryAsync();
        await hold.ReachedAsync();
        await PingAsync(client);
        Assert.False(confirming.IsCompleted, "confirmed before the sync");
        Assert.False(delivering.IsCompleted, "delivered before the sync");
        hold.Release();
        Assert.Equal([1UL], await confirming);
        Assert.Equal("held", (await delivering).Text);
    }

    [Fact]
    public async Task Transient_queue_goes_on_while_the_disk_is_slow()
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
        await client.DeclareQueueAsync("passing");
        await using var publisher = await client.OpenPublisherAsync();
        await using var consumer = await client.SubscribeAsync("passing", flags: SubscribeFlags.ConfirmSettles);
        using var hold = DiskHold.OfSyncs(_disk);
        await publisher.PublishAsync(1, "", "orders", "held");
        await hold.ReachedAsync();
        for (var i = 1UL; i <= 100; i++)
        {
            await publisher.PublishAsync(i + 1, "", "passing", $"{i}");
            Assert.Equal([i + 1], await publisher.ExpectConfirmsAsync(1)); // on the same stream, past the one that waits
            Assert.Equal($"{i}", (await consumer.ExpectDeliveryAsync()).Text);
            await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(i, i));
            await consumer.ExpectSettledAsync(1);
        }

        hold.Release();
        Assert.Equal([1UL], await publisher.ExpectConfirmsAsync(1));
    }

    [Fact]
    public async Task Message_for_a_durable_and_a_transient_queue_is_confirmed_when_the_durable_one_has_it()
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
        await client.BindAsync("copies", "fanout", "", "passing");
        await using var requests = await client.OpenRequestsAsync();
        await requests.SendAsync(w => new BindFrame { RequestId = 1, Exchange = "copies", Destination = "orders" }.Write(w));
        await requests.ExpectAsync(FrameType.Ok);
        await using var publisher = await client.OpenPublisherAsync();
        await using var consumer = await client.SubscribeAsync("passing");
        using var hold = DiskHold.OfSyncs(_disk);
        await publisher.PublishAsync(1, "copies", "", "both");
        var confirming = publisher.ExpectConfirmsAsync(1);
        await hold.ReachedAsync();
        Assert.Equal("both", (await consumer.ExpectDeliveryAsync()).Text);
        await PingAsync(client);
        Assert.False(confirming.IsCompleted, "confirmed before the durable queue had it");
        hold.Release();
        await confirming;
    }

    [Fact]
    public async Task Delivery_of_what_has_long_been_on_the_disk_waits_until_it_is_noted_there_too()
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.FillDurableAsync("orders", "1");
        await using var consumer = await client.SubscribeAsync("orders", messages: 0);
        using var hold = DiskHold.OfSyncs(_disk);
        await consumer.SendAsync(w => new CreditFrame(1, 0).Write(w));
        var delivering = consumer.ExpectDeliveryAsync();
        await hold.ReachedAsync();
        await PingAsync(client);
        Assert.False(delivering.IsCompleted, "after a crash it would come back as never delivered");
        hold.Release();
        Assert.Equal("1:Durable:0", (await delivering).ToString());
    }

    [Fact]
    public async Task Settlement_is_confirmed_when_it_is_on_the_disk_and_not_before()
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.FillDurableAsync("orders", "1", "2", "3");
        await using var consumer = await client.SubscribeAsync("orders", flags: SubscribeFlags.ConfirmSettles);
        await consumer.ExpectDeliveriesAsync(3);
        using var hold = DiskHold.OfSyncs(_disk);
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 1));
        await hold.ReachedAsync();
        await consumer.SettleAsync(SettleOutcome.Reject, new SequenceRange(3, 3));
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(2, 2));
        var settling = consumer.ExpectSettledAsync(3);
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 0, unsettled: 0); // in effect
        Assert.False(settling.IsCompleted, "confirmed before the sync");
        hold.Release();
        Assert.Equal([1UL, 3, 2], await settling);
    }

    [Theory]
    [InlineData("purge", FrameType.CountOk)]
    [InlineData("delete", FrameType.CountOk)]
    [InlineData("get", FrameType.GetOk)]
    [InlineData("get without acknowledgement", FrameType.GetOk)]
    public async Task Request_is_answered_when_what_it_did_is_on_the_disk_and_not_before(string what, FrameType answer)
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.FillDurableAsync("orders", "1");
        await using var requests = await client.OpenRequestsAsync();
        using var hold = DiskHold.OfSyncs(_disk);
        await requests.SendAsync(w =>
        {
            switch (what)
            {
                case "purge":
                    new PurgeQueueFrame(1, "orders").Write(w);
                    break;
                case "delete":
                    new DeleteQueueFrame(1, "orders", DeleteQueueFlags.None).Write(w);
                    break;
                case "get":
                    new GetFrame(1, "orders", GetFlags.None).Write(w);
                    break;
                default:
                    new GetFrame(1, "orders", GetFlags.NoAck).Write(w);
                    break;
            }
        });
        var answering = requests.ExpectAsync(answer);
        await hold.ReachedAsync();
        await PingAsync(client);
        Assert.False(answering.IsCompleted, "answered before the sync");
        hold.Release();
        await answering;
    }

    [Fact]
    public async Task Declaration_is_answered_when_it_is_on_the_disk_and_not_before()
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var requests = await client.OpenRequestsAsync();
        using var hold = new DiskHold(_disk, o => o.Kind == DiskOperationKind.Sync && o.Path.StartsWith("metadata/", StringComparison.Ordinal));
        await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = "orders", Flags = DeclareQueueFlags.Durable }.Write(w));
        var answering = requests.ExpectQueueOkAsync();
        await hold.ReachedAsync();
        await PingAsync(client);
        Assert.False(answering.IsCompleted, "answered before the sync");
        await using var admin = await broker.AdministerAsync();
        Assert.Empty(await admin.RunAsync("queue list"));
        hold.Release();
        await answering;
    }

    [Fact]
    public async Task All_that_has_waited_for_the_disk_comes_in_order()
    {
        const int Count = 50;
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
        await using var publisher = await client.OpenPublisherAsync();
        await using var consumer = await client.SubscribeAsync("orders");
        await using var admin = await broker.AdministerAsync();
        using (var hold = DiskHold.OfSyncs(_disk))
        {
            for (var i = 1; i <= Count; i++)
            {
                await publisher.PublishAsync((ulong)i, "", "orders", $"{i}");
                await admin.ExpectQueueAsync("orders", ready: 0, unsettled: i); // one record each
            }

            await hold.ReachedAsync();
        }

        Assert.Equal(Enumerable.Range(1, Count).Select(i => (ulong)i), await publisher.ExpectConfirmsAsync(Count));
        Assert.Equal(Enumerable.Range(1, Count).Select(i => $"{i}"), await consumer.ExpectBodiesAsync(Count));
    }

    [Fact]
    public async Task Publishers_of_all_queues_share_a_sync()
    {
        const int Queues = 10;
        const int Publishers = 50;
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        for (var i = 0; i < Queues; i++)
        {
            await client.DeclareQueueAsync($"q{i}", DeclareQueueFlags.Durable);
        }

        var publishers = new List<WireStream>();
        for (var i = 0; i < Publishers; i++)
        {
            publishers.Add(await client.OpenPublisherAsync());
        }

        await using var admin = await broker.AdministerAsync();
        var before = (long)(await admin.RunAsync("store show"))[0]["syncs"]!;
        using (var hold = DiskHold.OfSyncs(_disk))
        {
            await publishers[0].PublishAsync(1, "", "q0", "held");
            await hold.ReachedAsync();
            for (var i = 1; i < Publishers; i++)
            {
                await publishers[i].PublishAsync(1, "", $"q{i % Queues}", "shares");
            }

            await WireAdmin.UntilAsync(
                async () => (await admin.RunAsync("queue list")).Sum(q => (int)q["ready"]!), sum => sum == Publishers, "all messages to have reached their queues");
        }

        foreach (var publisher in publishers)
        {
            Assert.Equal([1UL], await publisher.ExpectConfirmsAsync(1));
        }

        var shown = (await admin.RunAsync("store show"))[0];
        Assert.InRange((long)shown["syncs"]! - before, 2, 4); // the one that was held, one for all others, and the mark of a log at rest, if it came to that
        Assert.True((long)shown["records"]! >= 2 * Queues - 1, $"there are {shown["records"]} records");
    }

    [Fact]
    public async Task Publisher_that_is_too_far_ahead_of_the_disk_waits_and_is_told_why()
    {
        await using var broker = await StartAsync(new BrokerLimits { Queue = new QueueLimits { MaxUncertainBytes = 1 } });
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
        await using var publisher = await client.OpenPublisherAsync();
        await using var admin = await broker.AdministerAsync();
        using (var hold = DiskHold.OfSyncs(_disk))
        {
            await publisher.PublishAsync(1, "", "orders", "1");
            await hold.ReachedAsync();
            await publisher.PublishAsync(2, "", "orders", "2");
            Assert.Equal("queue 'orders' waits for the disk", await publisher.ExpectBlockedAsync());
            Assert.Equal("publishers wait", (string)(await admin.QueueAsync("orders"))!["blocked"]!);
        }

        Assert.Equal([1UL, 2], await publisher.ExpectConfirmsAndUnblockedAsync(2));
        await WireAdmin.UntilAsync(() => admin.QueueAsync("orders"), q => (string)q!["blocked"]! == "" && (int)q["ready"]! == 2, "the queue to have taken both");
    }

    /// <summary>A node that touches its disk only when it is asked to.</summary>
    private Task<BrokerFixture> StartAsync(BrokerLimits? limits = null) =>
        BrokerFixture.StartAsync(limits, disk: _disk, storage: (BrokerStorageOptions s) => s with { CheckInterval = TimeSpan.FromHours(1) });

    /// <summary>A round trip through the node: what it had to say before has been said.</summary>
    private static async Task PingAsync(WireConnection client)
    {
        await using var echo = await client.OpenAsync(StreamKind.Echo);
        for (byte i = 0; i < 20; i++)
        {
            await echo.SendBytesAsync(i);
            var read = await echo.Quic.Input.ReadAsync().AsTask().WaitAsync(WireConnection.Timeout);
            echo.Quic.Input.AdvanceTo(read.Buffer.End);
        }
    }
}
