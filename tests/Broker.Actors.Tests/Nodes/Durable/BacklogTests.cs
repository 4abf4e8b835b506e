using System.Text;
using Broker.Actors.Server;
using Broker.Actors.Storage;
using Broker.Machines.Queues;
using Broker.Protocol;
using Broker.Storage.Disks;

namespace Broker.Actors.Tests.Nodes.Durable;

/// <summary>A backlog of any length needs the memory of its ends (docs/adr/0005).</summary>
public sealed class BacklogTests
{
    private const int Count = 2000; // of 4 KiB each: 8 MiB
    private const long Budget = 128 << 10;
    private static readonly BrokerLimits s_small = new() { Queue = new QueueLimits { MaxLoadedBytes = Budget, MinLoadedBytes = 64 << 10, ReadAheadBytes = 64 << 10 } };
    private readonly MemoryDisk _disk = new();

    [Fact]
    public async Task Backlog_far_larger_than_the_memory_for_it_is_drained_in_order()
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var admin = await broker.AdministerAsync();
        await FillAsync(client, Count);
        var queue = await admin.QueueAsync("orders");
        Assert.InRange((long)queue!["bytesInMemory"]!, 1, Budget);
        Assert.InRange((long)queue["bytes"]!, Count * 4096L, Count * 4200L);
        await using var consumer = await client.SubscribeAsync("orders", messages: 50, bytes: 1 << 30, flags: SubscribeFlags.ConfirmSettles);
        for (var i = 1; i <= Count; i++)
        {
            Assert.Equal($"{i}:Durable:0", await ReadAsync(consumer));
            if (i % 50 == 0)
            {
                Assert.InRange((long)(await admin.QueueAsync("orders"))!["bytesInMemory"]!, 0, Budget);
                await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange((ulong)i - 49, (ulong)i));
                await consumer.ExpectSettledAsync(50);
                await consumer.SendAsync(w => new CreditFrame(50, 0).Write(w));
            }
        }

        queue = await admin.QueueAsync("orders");
        Assert.Equal((0, 0, 0, 0), ((int)queue!["ready"]!, (int)queue["unsettled"]!, (int)queue["bytes"]!, (int)queue["bytesInMemory"]!));
        Assert.Equal(0, (int)(await admin.RunAsync("store show"))[0]["lostMessages"]!);
    }

    [Fact]
    public async Task Backlog_is_drained_in_order_while_more_is_published()
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await FillAsync(client, Count / 2);
        await using var consumer = await client.SubscribeAsync("orders", messages: Count, bytes: 1 << 30, flags: SubscribeFlags.NoAck);
        var publishing = FillAsync(client, Count / 2, first: (Count / 2) + 1);
        for (var i = 1; i <= Count; i++)
        {
            Assert.Equal($"{i}:Durable:0", await ReadAsync(consumer));
        }

        await publishing;
    }

    [Fact]
    public async Task Messages_that_consumers_hold_leave_their_bytes_to_the_disk_and_come_back_in_order()
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var admin = await broker.AdministerAsync();
        await FillAsync(client, Count);
        var consumer = await client.SubscribeAsync("orders", messages: Count, bytes: 1 << 30);
        for (var i = 1; i <= Count; i++)
        {
            await ReadAsync(consumer);
        }

        await admin.ExpectQueueAsync("orders", ready: 0, unsettled: Count);
        Assert.InRange((long)(await admin.QueueAsync("orders"))!["bytesInMemory"]!, 0, Budget);
        await consumer.SettleAsync(SettleOutcome.Requeue, new SequenceRange(501, 1500));
        await admin.ExpectQueueAsync("orders", ready: 1000, unsettled: 1000);
        Assert.InRange((long)(await admin.QueueAsync("orders"))!["bytesInMemory"]!, 0, Budget);
        await using (var second = await client.SubscribeAsync("orders", messages: 1000, bytes: 1 << 30, flags: SubscribeFlags.NoAck))
        {
            for (var i = 501; i <= 1500; i++)
            {
                Assert.Equal($"{i}:Redelivered, Durable:1", await ReadAsync(second));
            }
        }

        consumer.Abandon();
        await admin.ExpectQueueAsync("orders", ready: 1000, unsettled: 0);
        await using var third = await client.SubscribeAsync("orders", messages: 1000, bytes: 1 << 30, flags: SubscribeFlags.NoAck);
        foreach (var i in Enumerable.Range(1, 500).Concat(Enumerable.Range(1501, 500)))
        {
            Assert.Equal($"{i}:Redelivered, Durable:1", await ReadAsync(third));
        }
    }

    [Fact]
    public async Task Get_waits_for_messages_that_are_on_the_disk_only()
    {
        await using (var broker = await StartAsync())
        {
            await using var client = await broker.ConnectAsync();
            await FillAsync(client, 200);
        }

        await using var restarted = await StartAsync();
        await using var again = await restarted.ConnectAsync();
        await using var requests = await again.OpenRequestsAsync();
        await requests.SendAsync(w =>
        {
            for (var i = 1UL; i <= 201; i++)
            {
                new GetFrame(i, "orders", i % 2 == 0 ? GetFlags.NoAck : GetFlags.None).Write(w);
            }
        });
        for (var i = 1UL; i <= 200; i++)
        {
            var got = await requests.ExpectGotAsync();
            Assert.Equal((i, i, 200 - i, $"{i}"), (got.RequestId, got.Tag, got.Remaining, got.Text.TrimEnd()));
        }

        await requests.ExpectAsync(FrameType.GetEmpty);
    }

    [Fact]
    public async Task Get_of_a_message_on_the_disk_that_is_too_large_for_the_client_leaves_it_there()
    {
        await using (var broker = await StartAsync())
        {
            await using var client = await broker.ConnectAsync();
            await FillAsync(client, 1);
        }

        await using var restarted = await StartAsync();
        await using var small = await restarted.ConnectRawAsync("broker/1");
        await small.HelloAsync(new HelloFrame { ClientName = "small", MaxMessageBytes = 1024, MaxFrameBytes = 2048 });
        await using var requests = await small.OpenRequestsAsync();
        await requests.GetAsync("orders");
        await requests.ExpectRefusalAsync(ErrorCode.MessageTooLarge);
        await using var consumer = await small.SubscribeAsync("orders");
        Assert.Equal(ErrorCode.MessageTooLarge, (await consumer.ExpectCancelledAsync()).Code);
        await using var admin = await restarted.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 1, unsettled: 0);
    }

    [Fact]
    public async Task Peek_shows_messages_that_are_on_the_disk_only_and_leaves_them_there()
    {
        await using (var broker = await StartAsync())
        {
            await using var client = await broker.ConnectAsync();
            await FillAsync(client, Count);
        }

        await using var restarted = await StartAsync();
        await using var admin = await restarted.AdministerAsync();
        var rows = await admin.RunAsync("queue peek", """{"queue":"orders","count":10}""");
        Assert.Equal(Enumerable.Range(1, 10).Select(i => $"{i}"), rows.Select(r => ((string)r["body"]!).TrimEnd()));
        rows = await admin.RunAsync("queue peek", """{"queue":"orders","count":1000}"""); // as many as memory allows, from the first on
        Assert.InRange(rows.Count, 1, 1000);
        Assert.Equal(Enumerable.Range(1, rows.Count).Select(i => $"{i}"), rows.Select(r => ((string)r["body"]!).TrimEnd()));
        Assert.InRange((long)(await admin.QueueAsync("orders"))!["bytesInMemory"]!, 1, Budget);
        await using var consumer = await admin.Connection.SubscribeAsync("orders", messages: 1);
        Assert.Equal("1:Durable:0", await ReadAsync(consumer));
    }

    [Fact]
    public async Task Memory_limit_of_the_node_counts_only_what_is_in_memory()
    {
        await using var broker = await StartAsync(s_small with { MaxMessageBytes = 16 << 10, MaxMemoryBytes = 512 << 10 });
        await using var client = await broker.ConnectAsync();
        await using var admin = await broker.AdministerAsync();
        await FillAsync(client, Count); // sixteen times the limit, and the publisher never waits
        var shown = (await admin.RunAsync("cluster show"))[0];
        Assert.Equal(((long)(await admin.QueueAsync("orders"))!["bytesInMemory"]!, false), ((long)shown["messageBytes"]!, (bool)shown["publishersBlocked"]!));
        await admin.RunAsync("queue purge", """{"queue":"orders"}""");
        Assert.Equal(0, (int)(await admin.RunAsync("cluster show"))[0]["messageBytes"]!);
    }

    [Fact]
    public async Task Queues_that_nobody_uses_leave_their_messages_to_the_disk_when_the_node_is_short_of_memory()
    {
        const int Queues = 12;
        var limits = new BrokerLimits
        {
            MaxMessageBytes = 16 << 10,
            MaxMemoryBytes = 1 << 20,
            Queue = new QueueLimits { MaxLoadedBytes = 512 << 10, MinLoadedBytes = 64 << 10, ReadAheadBytes = 64 << 10 },
        };
        await using var broker = await StartAsync(limits, s => s with { CheckInterval = TimeSpan.FromMilliseconds(10) });
        await using var client = await broker.ConnectAsync();
        await using var admin = await broker.AdministerAsync();
        await FillAsync(client, 120, queue: "idle"); // just below what a queue may keep
        for (var i = 0; i < Queues; i++)
        {
            await FillAsync(client, 15, queue: $"q{i}"); // just below what it may keep when memory is short
        }

        Assert.InRange((long)(await admin.QueueAsync("idle"))!["bytesInMemory"]!, 0, 64 << 10);
    }

    [Fact]
    public async Task Consumer_of_messages_that_are_not_yet_on_the_disk_and_no_longer_in_memory_gets_them()
    {
        const int Flood = 300; // more than the queue's actor handles in one turn
        HeldScheduler? scheduler = null;
        await using var broker = await StartAsync(storage: s => s with { CheckInterval = TimeSpan.FromHours(1), Scheduler = scheduler = new HeldScheduler(s.Scheduler) });
        await using var client = await broker.ConnectAsync();
        await using var admin = await broker.AdministerAsync();
        await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
        await using var publisher = await client.OpenPublisherAsync();
        await using var consumer = await client.SubscribeAsync("orders", messages: 0, bytes: 1 << 30);
        var others = new List<WireStream>();
        for (var i = 0; i < Flood; i++)
        {
            others.Add(await client.OpenAsync(StreamKind.Consume));
        }

        // Whoever consumes waits for messages that wait for the disk. The disk has them just while the queue has a long turn, and what tells it so waits behind that.
        using (var hold = DiskHold.OfSyncs(_disk))
        {
            await publisher.SendAsync(w => Write(w, 1, 100, "orders"));
            await hold.ReachedAsync();
            await admin.ExpectQueueAsync("orders", ready: 100, unsettled: 0);
            scheduler!.HoldWake();
            await consumer.SendAsync(w => new CreditFrame(100, 0).Write(w));
            await scheduler.WakeHeldAsync();
            foreach (var other in others)
            {
                await other.SendAsync(w => new SubscribeFrame { Queue = "orders", CreditMessages = 0, CreditBytes = 0 }.Write(w));
            }

            await UntilWaitingAsync(admin, Flood);
        }

        await UntilWaitingAsync(admin, Flood + 2); // the messages, and that some were handed out
        scheduler.ReleaseWake();
        for (var i = 1; i <= 100; i++)
        {
            Assert.Equal($"{i}:None:0", await ReadAsync(consumer));
        }
    }

    private static Task<int> UntilWaitingAsync(WireAdmin admin, int messages) => WireAdmin.UntilAsync(
        async () => (int)(await admin.RunAsync("actor hierarchy")).Single(a => ((string)a["path"]!).EndsWith("/orders", StringComparison.Ordinal))["mailbox"]!,
        waiting => waiting >= messages,
        $"{messages} messages to wait for the queue's actor");

    private Task<BrokerFixture> StartAsync(BrokerLimits? limits = null, Func<BrokerStorageOptions, BrokerStorageOptions>? storage = null) =>
        BrokerFixture.StartAsync(limits ?? s_small, disk: _disk, storage: storage);

    /// <summary>Declares a durable queue and publishes so many messages of 4 KiB, whose text is a number and blanks.</summary>
    private static async Task FillAsync(WireConnection client, int count, int first = 1, string queue = "orders")
    {
        await client.DeclareQueueAsync(queue, DeclareQueueFlags.Durable);
        await using var publisher = await client.OpenPublisherAsync();
        for (var i = 0; i < count; i += 100)
        {
            var (from, to) = (first + i, first + Math.Min(i + 100, count) - 1);
            await publisher.SendAsync(w => Write(w, from, to, queue, PublishFlags.Durable));
        }

        for (var confirmed = 0; confirmed < count;)
        {
            var (type, payload) = (await publisher.ReadAsync())!.Value; // BLOCKED and UNBLOCKED only tell why it takes a moment
            confirmed += type == FrameType.Confirm ? WireStream.NumbersOf(payload).Count : 0;
        }
    }

    private static void Write(System.Buffers.IBufferWriter<byte> writer, int first, int last, string queue, PublishFlags flags = PublishFlags.None)
    {
        for (var i = first; i <= last; i++)
        {
            WireStream.WritePublish(writer, (ulong)i, "", queue, Encoding.UTF8.GetBytes($"{i}".PadRight(4096)), flags);
        }
    }

    private static async Task<string> ReadAsync(WireStream consumer)
    {
        var delivery = await consumer.ExpectDeliveryAsync();
        return $"{delivery.Text.TrimEnd()}:{delivery.Flags}:{delivery.Count}";
    }
}
