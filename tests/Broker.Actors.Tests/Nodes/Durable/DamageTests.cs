using System.Text;
using System.Text.Json.Nodes;
using Broker.Actors.Server;
using Broker.Actors.Storage;
using Broker.Machines.Queues;
using Broker.Protocol;
using Broker.Storage.Disks;

namespace Broker.Actors.Tests.Nodes.Durable;

/// <summary>Damage costs the damaged message and no other, is said aloud, and what is left of it is kept for whoever wants to look at it.</summary>
public sealed class DamageTests
{
    private readonly MemoryDisk _disk = new();
    private readonly List<StoreNotice> _notices = [];

    [Fact]
    public async Task Damaged_message_in_the_log_is_left_out_and_the_others_are_delivered()
    {
        await FillAsync("first", "second", "third");
        Damage("log", "second");
        await using var restarted = await StartAsync();
        await using var client = await restarted.ConnectAsync();
        await using var consumer = await client.SubscribeAsync("orders");
        Assert.Equal(["first", "third"], await consumer.ExpectBodiesAsync(2));
        await using var admin = await restarted.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 0, unsettled: 2);
        Assert.Equal(1, (int)(await admin.RunAsync("store show"))[0]["lostMessages"]!);
        await client.FillDurableAsync("orders", "fourth");
        Assert.Equal("fourth", (await consumer.ExpectDeliveryAsync()).Text);
    }

    [Fact]
    public async Task Notice_names_the_queue_and_how_many_messages_are_lost()
    {
        await FillAsync("first", "second", "third");
        Damage("log", "first");
        Damage("log", "third");
        await using var restarted = await StartAsync();
        await using var client = await restarted.ConnectAsync();
        await using var consumer = await client.SubscribeAsync("orders");
        Assert.Equal(["second"], await consumer.ExpectBodiesAsync(1));
        var notice = await WireAdmin.UntilAsync(() => Task.FromResult(NoticeOfLoss()), n => n is not null, "a notice of the loss");
        Assert.Equal((StoreNoticeSeverity.Error, "orders", 2L), (notice!.Severity, notice.Queue, notice.LostMessages));
        Assert.Contains("'orders'", notice.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Damaged_piece_is_set_aside_and_can_be_had_message_by_message()
    {
        await FillAsync("first", "second", "third");
        Damage("log", "second");
        await using var restarted = await StartAsync();
        await using var admin = await restarted.AdministerAsync();
        var piece = Assert.Single(await admin.RunAsync("store quarantine list"));
        Assert.Equal(("orders", 1), ((string)piece["queue"]!, (int)piece["messages"]!));
        Assert.StartsWith("log/", (string)piece["file"]!, StringComparison.Ordinal);
        var rows = await admin.RunAsync("store quarantine export", $$"""{"id":{{piece["id"]}}}""");
        Assert.Equal(["intact", "damaged", "intact"], rows.Select(r => (string)r["state"]!));
        Assert.Equal([1, 2, 3], rows.Select(r => (int)r["position"]!));
        Assert.EndsWith("first", TextOf(rows[0]), StringComparison.Ordinal);
        Assert.DoesNotContain("second", TextOf(rows[1]), StringComparison.Ordinal);
        await admin.RefusedAsync(ErrorCode.NotFound, "store quarantine export", """{"id":99}""");
        await admin.RefusedAsync(ErrorCode.InvalidArgument, "store quarantine export", """{"id":0}""");
    }

    [Fact]
    public async Task Piece_that_was_set_aside_is_still_there_after_more_restarts_and_is_not_set_aside_again()
    {
        await FillAsync("first", "second", "third");
        Damage("log", "second");
        for (var run = 0; run < 3; run++)
        {
            await using var restarted = await StartAsync();
            await using var admin = await restarted.AdministerAsync();
            Assert.Single(await admin.RunAsync("store quarantine list"));
            Assert.Equal(["first", "third"], (await admin.RunAsync("queue peek", """{"queue":"orders"}""")).Select(r => (string)r["body"]!));
        }
    }

    [Fact]
    public async Task Piece_for_which_there_is_no_room_keeps_nobody_from_starting_and_is_set_aside_later()
    {
        await FillAsync("first", "second", "third");
        Damage("log", "second");
        _disk.OnOperation = o => o.Path.StartsWith("quarantine", StringComparison.Ordinal) && o.Kind == DiskOperationKind.Create ? DiskError.Full : null;
        await using (var full = await StartAsync())
        {
            await using var admin = await full.AdministerAsync();
            Assert.Empty(await admin.RunAsync("store quarantine list"));
            await using var consumer = await admin.Connection.SubscribeAsync("orders");
            Assert.Equal(["first", "third"], await consumer.ExpectBodiesAsync(2));
            lock (_notices)
            {
                Assert.Contains(_notices, n => n.Text.Contains("could not be set aside: the disk is full", StringComparison.Ordinal));
            }
        }

        _disk.OnOperation = null;
        await using var restarted = await StartAsync();
        await using var again = await restarted.AdministerAsync();
        Assert.Equal("orders", (string)Assert.Single(await again.RunAsync("store quarantine list"))["queue"]!);
    }

    [Fact]
    public async Task Damage_that_comes_while_the_node_runs_is_found_by_verification()
    {
        await using var broker = await StartAsync();
        await using var admin = await broker.AdministerAsync();
        await admin.Connection.FillDurableAsync("orders", "first", "second", "third");
        Assert.All(await admin.RunAsync("store verify"), r => Assert.Equal(0, (int)r["damaged"]!));
        Damage("log", "second");
        var file = Assert.Single(await admin.RunAsync("store verify"), r => (int)r["damaged"]! > 0);
        Assert.StartsWith("log/", (string)file["file"]!, StringComparison.Ordinal);
        Assert.Equal(1, (int)file["damages"]!.AsArray().Single()!["messages"]!);
        Assert.Equal("orders", (string)Assert.Single(await admin.RunAsync("store quarantine list"))["queue"]!);
        await using var consumer = await admin.Connection.SubscribeAsync("orders");
        Assert.Equal(["first", "second", "third"], await consumer.ExpectBodiesAsync(3)); // from memory
    }

    [Fact]
    public async Task Damage_in_a_segment_costs_the_damaged_messages_and_is_found_by_verification_of_the_queue()
    {
        const int Count = 600; // of 16 KiB: more than twice what the log keeps
        static string Body(int i) => $"<{i:d4}>".PadRight(16 << 10);
        await using (var broker = await StartAsync(s => s with { CheckInterval = TimeSpan.FromMilliseconds(10) }))
        {
            await using var admin = await broker.AdministerAsync();
            await admin.Connection.FillDurableAsync("orders", Enumerable.Range(1, Count).Select(Body));
            await admin.Connection.FillDurableAsync("other", "other");
            await WireAdmin.UntilAsync(
                async () => (await admin.RunAsync("store show"))[0], s => (long)s["logBytes"]! <= 5 << 20 && (int)s["checkpoints"]! > 0, "the log to be back within its bounds");
        }

        Damage("queues", "<0007>");
        await using var restarted = await StartAsync();
        await using var after = await restarted.AdministerAsync();
        Assert.Empty(await after.RunAsync("store verify", """{"queue":"other"}"""));
        var rows = await after.RunAsync("store verify", """{"queue":"orders"}""");
        Assert.Equal(1, rows.Sum(r => (int)r["damaged"]!));
        Assert.All(rows, r => Assert.Equal("orders", (string)r["queue"]!));
        await after.RefusedAsync(ErrorCode.NotFound, "store verify", """{"queue":"absent"}""");
        await using var consumer = await after.Connection.SubscribeAsync("orders", Count, 1 << 30);
        foreach (var i in Enumerable.Range(1, Count).Where(i => i != 7))
        {
            Assert.Equal($"<{i:d4}>", (await consumer.ExpectDeliveryAsync()).Text.TrimEnd());
        }

        await after.ExpectQueueAsync("orders", ready: 0, unsettled: Count - 1);
        Assert.Equal(("orders", 1L), (NoticeOfLoss()!.Queue, NoticeOfLoss()!.LostMessages));
        Assert.Single(await after.RunAsync("store quarantine list"));
    }

    [Fact]
    public async Task Get_and_peek_pass_over_a_damaged_message()
    {
        await FillAsync("first", "second", "third");
        Damage("log", "first");
        await using var restarted = await StartAsync();
        await using var admin = await restarted.AdministerAsync();
        Assert.Equal(["second", "third"], (await admin.RunAsync("queue peek", """{"queue":"orders"}""")).Select(r => (string)r["body"]!));
        await using var requests = await admin.Connection.OpenRequestsAsync();
        await requests.GetAsync("orders");
        Assert.Equal("second", (await requests.ExpectGotAsync()).Text);
        await admin.ExpectQueueAsync("orders", ready: 1, unsettled: 1);
    }

    [Fact]
    public async Task Get_from_a_queue_whose_only_message_is_damaged_finds_it_empty()
    {
        await FillAsync("first");
        Damage("log", "first");
        await using var restarted = await StartAsync();
        await using var client = await restarted.ConnectAsync();
        await using var requests = await client.OpenRequestsAsync();
        await requests.GetAsync("orders");
        await requests.ExpectAsync(FrameType.GetEmpty);
        await using var admin = await restarted.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 0, unsettled: 0);
    }

    [Fact]
    public async Task Record_that_is_lost_as_a_whole_is_said_to_be_and_what_is_left_counts_as_delivered()
    {
        await using (var broker = await StartAsync())
        {
            await using var client = await broker.ConnectAsync();
            await client.FillDurableAsync("orders", "first", "second");
            await using var consumer = await client.SubscribeAsync("orders", messages: 1, flags: SubscribeFlags.ConfirmSettles);
            await consumer.ExpectDeliveryAsync();
            await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 1));
            await consumer.ExpectSettledAsync(1);
            await client.FillDurableAsync("orders", "third");
        }

        Damage("log", "third", before: 30); // in the record's control part, which says where its messages are
        await using var restarted = await StartAsync();
        await using var again = await restarted.ConnectAsync();
        await using var admin = await restarted.AdministerAsync();
        await using var all = await again.SubscribeAsync("orders");
        Assert.Equal("second:Redelivered, Durable:1", (await all.ExpectDeliveryAsync()).ToString());
        await admin.ExpectQueueAsync("orders", ready: 0, unsettled: 1);
        var notice = NoticeOfLoss();
        Assert.Equal((StoreNoticeSeverity.Error, "orders", 1L), (notice!.Severity, notice.Queue, notice.LostMessages));
        await again.FillDurableAsync("orders", "fourth");
        Assert.Equal("fourth", (await all.ExpectDeliveryAsync()).Text);
    }

    [Fact]
    public async Task Disk_that_cannot_read_messages_ends_the_log_and_loses_none()
    {
        await FillAsync("first", "second");
        await using (var broken = await StartAsync())
        {
            await using var client = await broken.ConnectAsync();
            _disk.OnOperation = o => o.Kind == DiskOperationKind.Read ? DiskError.Io : null;
            await using var consumer = await client.SubscribeAsync("orders");
            Assert.Equal(ErrorCode.Unavailable, (await consumer.ExpectCancelledAsync()).Code);
            Assert.Contains("cannot be read", (await broken.ServerAsync()).Problem, StringComparison.Ordinal);
            _disk.OnOperation = null;
        }

        await using var restarted = await StartAsync();
        await using var again = await restarted.ConnectAsync();
        await using var all = await again.SubscribeAsync("orders");
        Assert.Equal(["first", "second"], await all.ExpectBodiesAsync(2));
    }

    private Task<BrokerFixture> StartAsync(Func<BrokerStorageOptions, BrokerStorageOptions>? storage = null) => BrokerFixture.StartAsync(
        new BrokerLimits { Queue = new QueueLimits { MaxLoadedBytes = 1 << 20 } },
        disk: _disk,
        storage: s =>
        {
            var options = s with
            {
                OnNotice = n =>
                {
                    lock (_notices)
                    {
                        _notices.Add(n);
                    }
                },
            };
            return storage?.Invoke(options) ?? options;
        });

    /// <summary>A node that has run and ended, with these messages in the durable queue <c>orders</c>.</summary>
    private async Task FillAsync(params string[] bodies)
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.FillDurableAsync("orders", bodies);
    }

    /// <summary>Turns over a bit of a message, or so many bytes before it.</summary>
    private void Damage(string folder, string body, int before = 0)
    {
        var pattern = Encoding.UTF8.GetBytes(body);
        foreach (var path in Files(folder))
        {
            var at = _disk.ReadAll(path).AsSpan().LastIndexOf(pattern);
            if (at >= 0)
            {
                _disk.FlipBit(path, at - before, 0);
                return;
            }
        }

        Assert.Fail($"'{body}' is in no file of '{folder}'");
    }

    private IEnumerable<string> Files(string folder) =>
        _disk.ListFiles(folder).Select(f => $"{folder}/{f}").Concat(_disk.ListFolders(folder).SelectMany(f => Files($"{folder}/{f}")));

    private StoreNotice? NoticeOfLoss()
    {
        lock (_notices)
        {
            return _notices.SingleOrDefault(n => n.LostMessages > 0);
        }
    }

    private static string TextOf(JsonObject row) => Encoding.UTF8.GetString(Convert.FromBase64String((string)row["data"]!));
}
