using Broker.Actors.Storage;
using Broker.Protocol;
using Broker.Storage;
using Broker.Storage.Disks;
using Broker.Storage.Segments;

namespace Broker.Actors.Tests.Nodes.Durable;

/// <summary>A disk without room makes the publishers of durable queues wait, and nobody else; with room they go on, without a restart.</summary>
public sealed class FullDiskTests
{
    private const long MinFree = 4 << 20;
    private const int BodyBytes = 32 << 10;
    private readonly MemoryDisk _disk = new(new MemoryDiskOptions { CapacityBytes = 24 << 20 });

    [Fact]
    public async Task Publisher_of_a_durable_queue_waits_and_is_told_why_and_no_other_is()
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var admin = await broker.AdministerAsync();
        await client.DeclareQueueAsync("passing");
        await using var publisher = await client.OpenPublisherAsync();
        await FillAsync(broker, admin, publisher);
        Assert.Equal("publishers wait", (string)(await admin.QueueAsync("orders"))!["blocked"]!);
        Assert.Contains("disk space", (string)(await admin.RunAsync("store show"))[0]["blocked"]!, StringComparison.Ordinal);
        Assert.Contains(await admin.RunAsync("connection list"), c => ((string)c["blocked"]!).Contains("'orders' waits for disk space", StringComparison.Ordinal));

        await using var other = await client.OpenPublisherAsync();
        await other.PublishAsync(1, "", "passing", "goes on");
        Assert.Equal([1UL], await other.ExpectConfirmsAsync(1));
        await client.DeclareQueueAsync("new", DeclareQueueFlags.Durable);
        await other.PublishAsync(2, "", "new", "waits"); // also one that has come since
        Assert.Equal("queue 'new' waits for disk space", await other.ExpectBlockedAsync());
    }

    [Theory]
    [InlineData("purge")]
    [InlineData("delete")]
    [InlineData("drain")]
    public async Task Room_that_comes_back_lets_publishers_go_on_and_all_they_had_sent_is_confirmed(string how)
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var admin = await broker.AdministerAsync();
        await using var publisher = await client.OpenPublisherAsync();
        var filled = await FillAsync(broker, admin, publisher);
        await client.DeclareQueueAsync("other", DeclareQueueFlags.Durable);
        await using var waiting = await client.OpenPublisherAsync();
        await waiting.PublishAsync(1, "", "other", "1");
        await waiting.ExpectBlockedAsync();
        await waiting.PublishAsync(2, "", "other", "2");
        switch (how)
        {
            case "purge":
                Assert.Equal(filled, (int)(await admin.RunAsync("queue purge", """{"queue":"orders"}"""))[0]["messages"]!);
                break;
            case "delete":
                Assert.Equal(filled, (int)(await admin.RunAsync("queue delete", """{"queue":"orders"}"""))[0]["messages"]!);
                break;
            default:
                await using (var consumer = await client.SubscribeAsync("orders", 1, 1 << 30, SubscribeFlags.ConfirmSettles))
                {
                    for (var i = 1; i <= filled; i++)
                    {
                        Assert.Equal((ulong)i, (await consumer.ExpectDeliveryAsync()).Tag);
                        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange((ulong)i, (ulong)i));
                        Assert.Equal([(ulong)i], await consumer.ExpectSettledAsync(1)); // settling needs room as well, and has it
                        await consumer.SendAsync(w => new CreditFrame(1, 0).Write(w));
                    }
                }

                break;
        }

        Assert.Equal([1UL, 2], await waiting.ExpectConfirmsAndUnblockedAsync(2));
        Assert.Equal("", (string)(await admin.RunAsync("store show"))[0]["blocked"]!);
        await using var reader = await client.SubscribeAsync("other");
        Assert.Equal(["1", "2"], await reader.ExpectBodiesAsync(2));
        Assert.Null((await broker.ServerAsync()).Problem);
        if (how != "delete")
        {
            var late = await publisher.ExpectConfirmsAndUnblockedAsync(1);
            Assert.Equal([(ulong)filled + 1], late);
        }
        else
        {
            Assert.Equal(ErrorCode.QueueDeleted, (await publisher.ExpectRejectAsync()).Code);
        }
    }

    [Fact]
    public async Task What_was_confirmed_before_the_disk_was_full_is_there_after_a_restart()
    {
        int filled;
        await using (var broker = await StartAsync())
        {
            await using var client = await broker.ConnectAsync();
            await using var admin = await broker.AdministerAsync();
            await using var publisher = await client.OpenPublisherAsync();
            filled = await FillAsync(broker, admin, publisher);
        }

        await using var restarted = await StartAsync(2 * MinFree); // a start makes some room
        await using var again = await restarted.AdministerAsync();
        await again.ExpectQueueAsync("orders", ready: filled, unsettled: 0);
        Assert.Contains("disk space", (string)(await restarted.StoreAtRestAsync(again))["blocked"]!, StringComparison.Ordinal);
        await using var late = await again.Connection.OpenPublisherAsync();
        await late.PublishAsync(1, "", "orders", "late");
        await late.ExpectBlockedAsync();
        await again.RunAsync("queue purge", """{"queue":"orders"}""");
        await late.ExpectConfirmsAndUnblockedAsync(1);
    }

    [Fact]
    public async Task Log_without_room_for_its_next_file_waits_and_goes_on()
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var admin = await broker.AdministerAsync();
        await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
        await using var publisher = await client.OpenPublisherAsync();
        var full = true;
        _disk.OnOperation = o =>
            Volatile.Read(ref full) && o.Kind is DiskOperationKind.Allocate or DiskOperationKind.Move && o.Path.StartsWith("log/", StringComparison.Ordinal) ? DiskError.Full : null;
        var sent = 0UL;
        await WireAdmin.UntilAsync(
            async () =>
            {
                if (sent < 100)
                {
                    await publisher.SendAsync(w => WireStream.WritePublish(w, ++sent, "", "orders", new byte[BodyBytes]));
                }

                return (await admin.RunAsync("store show"))[0];
            },
            s => (string)s["state"]! == "full" && (string)s["blocked"]! != "",
            "the log to be full");
        Volatile.Write(ref full, false);
        var confirmed = 0;
        while (confirmed < (int)sent)
        {
            var (type, payload) = (await publisher.ReadAsync())!.Value;
            confirmed += type == FrameType.Confirm ? WireStream.NumbersOf(payload).Count : 0;
        }

        await WireAdmin.UntilAsync(
            async () => (await admin.RunAsync("store show"))[0], s => (string)s["state"]! == "running" && (string)s["blocked"]! == "", "the log to run again");
        Assert.Equal((int)sent, (int)(await admin.QueueAsync("orders"))!["ready"]!);
    }

    [Fact]
    public async Task Free_space_that_cannot_be_read_for_a_while_is_said_and_does_not_end_the_care_for_the_log()
    {
        var notices = new List<StoreNotice>();
        var disk = new PausingDisk(_disk) { KnowsFreeBytes = false };
        await using var broker = await BrokerFixture.StartAsync(disk: disk, storage: s => s with
        {
            CheckInterval = TimeSpan.FromMilliseconds(10),
            MinFreeBytes = MinFree,
            OnNotice = n =>
            {
                lock (notices)
                {
                    notices.Add(n);
                }
            },
        });
        await using var admin = await broker.AdministerAsync();
        await admin.Connection.FillDurableAsync("orders", Enumerable.Range(1, 250).Select(i => $"{i}".PadRight(BodyBytes))); // twice what the log keeps
        disk.KnowsFreeBytes = true;
        await broker.StoreAtRestAsync(admin);
        lock (notices)
        {
            Assert.Single(notices, n => n.Severity == StoreNoticeSeverity.Warning && n.Text.Contains("the test does not tell", StringComparison.Ordinal));
        }
    }

    private Task<BrokerFixture> StartAsync(long minFree = MinFree) => BrokerFixture.StartAsync(
        disk: _disk,
        storage: (BrokerStorageOptions s) => s with { MinFreeBytes = minFree, CheckInterval = TimeSpan.FromMilliseconds(10) },
        store: (StoreOptions s) => s with { Segments = new SegmentOptions { SegmentBytes = 1 << 20 } });

    /// <summary>Publishes to the durable queue <c>orders</c> until its publisher has to wait, with one message that waits.</summary>
    /// <returns>How many messages the queue has.</returns>
    private async Task<int> FillAsync(BrokerFixture broker, WireAdmin admin, WireStream publisher)
    {
        await admin.Connection.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
        for (var i = 1; i < 2000; i++)
        {
            await publisher.SendAsync(w => WireStream.WritePublish(w, (ulong)i, "", "orders", new byte[BodyBytes]));
            var (type, payload) = (await publisher.ReadAsync())!.Value;
            if (type == FrameType.Blocked)
            {
                Assert.True(BlockedFrame.TryRead(payload, out var blocked, out _));
                Assert.Equal("queue 'orders' waits for disk space", blocked.Reason);
                if ((string)(await broker.StoreAtRestAsync(admin))["blocked"]! != "")
                {
                    return i - 1;
                }

                await publisher.ExpectConfirmsAndUnblockedAsync(1); // the log has given files up meanwhile
                continue;
            }

            Assert.Equal(FrameType.Confirm, type);
            if (_disk.FreeBytes < MinFree)
            {
                // Who looks after the store learns of it a moment later. Until then there is a way on, to a disk so full that the log cannot be cleared either.
                await broker.StoreAtRestAsync(admin);
            }
        }

        Assert.Fail("sixty megabytes have gone onto a disk of twenty-four");
        return 0;
    }
}
