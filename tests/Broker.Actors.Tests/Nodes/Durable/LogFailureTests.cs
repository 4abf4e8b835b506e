using System.Buffers;
using Broker.Actors.Storage;
using Broker.Protocol;
using Broker.Protocol.Bbq;
using Broker.Storage.Disks;

namespace Broker.Actors.Tests.Nodes.Durable;

/// <summary>
/// A log whose sync has failed takes nothing more: whatever a durable queue had not told yet it never tells, everybody is told UNAVAILABLE, and nothing else of the node notices.
/// </summary>
public sealed class LogFailureTests
{
    private readonly MemoryDisk _disk = new();
    private readonly List<StoreNotice> _notices = [];

    [Fact]
    public async Task Messages_that_waited_for_the_disk_and_later_ones_are_rejected_and_the_stream_goes_on()
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
        await client.DeclareQueueAsync("passing");
        await using var publisher = await client.OpenPublisherAsync();
        using var hold = DiskHold.OfSyncs(_disk);
        await publisher.PublishAsync(1, "", "orders", "held");
        await hold.ReachedAsync();
        await publisher.PublishAsync(2, "", "orders", "behind it");
        hold.Release(DiskError.Io);
        await ExpectRejectedAsync(publisher, 1);
        await ExpectRejectedAsync(publisher, 2);
        await publisher.PublishAsync(3, "", "orders", "later");
        await ExpectRejectedAsync(publisher, 3);
        await publisher.PublishAsync(4, "", "passing", "goes on");
        Assert.Equal([4UL], await publisher.ExpectConfirmsAsync(1));
        await using var consumer = await client.SubscribeAsync("passing");
        Assert.Equal("goes on", (await consumer.ExpectDeliveryAsync()).Text);
    }

    [Fact]
    public async Task Message_for_a_durable_and_a_transient_queue_is_rejected()
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
        await client.BindAsync("copies", "fanout", "", "passing");
        await using var requests = await client.OpenRequestsAsync();
        await requests.SendAsync(w => new BindFrame { RequestId = 1, Exchange = "copies", Destination = "orders" }.Write(w));
        await requests.ExpectAsync(FrameType.Ok);
        using var hold = await FailAsync(broker, client);
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "copies", "", "both");
        await ExpectRejectedAsync(publisher, 1);
    }

    public static TheoryData<string> Waiting => ["publish", "get", "get without acknowledgement", "purge", "declare", "delete", "subscribe", "settle", "cancel", "peer of bbq", "admin purge"];

    [Theory]
    [MemberData(nameof(Waiting))]
    public async Task Whoever_waited_for_the_disk_is_told_that_it_has_failed(string what)
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var bbq = await broker.ConnectRawAsync("bbq");
        await client.FillDurableAsync("orders", "1", "2", "3");
        await using var other = await client.OpenPublisherAsync();
        await using var consumer = await client.SubscribeAsync("orders", messages: 1, flags: SubscribeFlags.ConfirmSettles);
        await consumer.ExpectDeliveryAsync();
        await using var requests = await client.OpenRequestsAsync();
        await using var admin = await broker.AdministerAsync();
        using var hold = DiskHold.OfSyncs(_disk);
        await other.PublishAsync(1, "", "orders", "held");
        await hold.ReachedAsync();
        switch (what)
        {
            case "publish":
                await other.PublishAsync(2, "", "orders", "behind it");
                await ReleaseAsync(admin, hold, _ => true);
                await ExpectRejectedAsync(other, 1);
                await ExpectRejectedAsync(other, 2);
                break;
            case "get" or "get without acknowledgement":
                await requests.GetAsync("orders", noAck: what != "get");
                await ReleaseAsync(admin, hold, q => (int)q["ready"]! == 2);
                await ExpectUnavailableAsync(requests);
                break;
            case "purge":
                await requests.SendAsync(w => new PurgeQueueFrame(1, "orders").Write(w));
                await ReleaseAsync(admin, hold, q => (int)q["ready"]! == 0);
                await ExpectUnavailableAsync(requests);
                break;
            case "admin purge":
                var purging = admin.TryRunAsync("queue purge", """{"queue":"orders"}""");
                await using (var second = await broker.AdministerAsync())
                {
                    await ReleaseAsync(second, hold, q => (int)q["ready"]! == 0);
                }

                Assert.Equal(ErrorCode.Unavailable, (await purging).Code);
                break;
            case "declare":
                await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = "orders", Flags = DeclareQueueFlags.Durable }.Write(w));
                await ReleaseAsync(admin, hold, _ => true);
                await ExpectUnavailableAsync(requests);
                break;
            case "delete":
                await requests.SendAsync(w => new DeleteQueueFrame(1, "orders", DeleteQueueFlags.None).Write(w));
                await WireAdmin.UntilAsync(() => admin.QueueAsync("orders"), q => q is null, "the queue to be taken out of the list");
                hold.Release(DiskError.Io);
                await ExpectUnavailableAsync(requests);
                Assert.Equal(ErrorCode.Unavailable, (await consumer.ExpectCancelledAsync()).Code);
                break;
            case "subscribe":
                var late = await client.OpenAsync(StreamKind.Consume);
                await late.SendAsync(w => new SubscribeFrame { Queue = "orders", CreditMessages = 1, CreditBytes = 1 }.Write(w));
                await ReleaseAsync(admin, hold, q => (int)q["consumers"]! == 2);
                await late.ExpectFaultAsync(ErrorCode.Unavailable);
                break;
            case "settle":
                await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 1));
                await ReleaseAsync(admin, hold, q => (int)q["unsettled"]! == 0);
                Assert.Equal(ErrorCode.Unavailable, (await consumer.ExpectCancelledAsync()).Code);
                await consumer.ExpectFaultAsync(ErrorCode.Unavailable);
                break;
            case "cancel":
                await consumer.SendAsync(w => default(CancelFrame).Write(w));
                await ReleaseAsync(admin, hold, q => (int)q["consumers"]! == 0);
                await consumer.ExpectCancelledAsync(); // as it has asked for, or because nothing can follow
                consumer.Finish();
                await consumer.ExpectEndAsync();
                break;
            default:
                var stream = new WireStream(await bbq.Quic.OpenStreamAsync());
                await stream.SendAsync(w => BbqRequest.WritePublish(w, ""u8, "orders"u8, "behind it"u8));
                await ReleaseAsync(admin, hold, q => (int)q["ready"]! == 4);
                await stream.ExpectResetAsync(ErrorCode.Unavailable);
                break;
        }
    }

    public static TheoryData<string> Later => ["get", "purge", "declare", "delete", "subscribe", "settle", "settle of a get", "peek", "bbq publish", "bbq consume"];

    [Theory]
    [MemberData(nameof(Later))]
    public async Task Whoever_asks_a_queue_whose_log_has_failed_is_told_so(string what)
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var bbq = await broker.ConnectRawAsync("bbq");
        await client.FillDurableAsync("orders", "1", "2", "3");
        await using var consumer = await client.SubscribeAsync("orders", messages: 1, flags: SubscribeFlags.ConfirmSettles);
        await consumer.ExpectDeliveryAsync();
        await using var requests = await client.OpenRequestsAsync();
        await requests.GetAsync("orders");
        await requests.ExpectGotAsync();
        await using var admin = await broker.AdministerAsync();
        using var hold = await FailAsync(broker, client);
        Assert.Equal(ErrorCode.Unavailable, (await consumer.ExpectCancelledAsync()).Code);
        Action<IBufferWriter<byte>>? request = what switch
        {
            "get" => w => new GetFrame(1, "orders", GetFlags.None).Write(w),
            "purge" => w => new PurgeQueueFrame(1, "orders").Write(w),
            "declare" => w => new DeclareQueueFrame { RequestId = 1, Name = "orders", Flags = DeclareQueueFlags.Durable }.Write(w),
            "delete" => w => new DeleteQueueFrame(1, "orders", DeleteQueueFlags.None).Write(w),
            _ => null,
        };
        switch (what)
        {
            case "subscribe":
                var late = await client.OpenAsync(StreamKind.Consume);
                await late.SendAsync(w => new SubscribeFrame { Queue = "orders", CreditMessages = 1, CreditBytes = 1 }.Write(w));
                await late.ExpectFaultAsync(ErrorCode.Unavailable);
                break;
            case "settle":
                await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 1));
                await consumer.ExpectFaultAsync(ErrorCode.Unavailable);
                break;
            case "settle of a get":
                await requests.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 1));
                await requests.ExpectFaultAsync(ErrorCode.Unavailable);
                break;
            case "peek":
                await admin.RefusedAsync(ErrorCode.Unavailable, "queue peek", """{"queue":"orders"}""");
                break;
            case "bbq publish":
                var publish = new WireStream(await bbq.Quic.OpenStreamAsync());
                await publish.SendAsync(w => BbqRequest.WritePublish(w, ""u8, "orders"u8, "late"u8));
                await publish.ExpectResetAsync(ErrorCode.Unavailable);
                break;
            case "bbq consume":
                var consume = new WireStream(await bbq.Quic.OpenStreamAsync());
                await consume.SendAsync(w => BbqRequest.WriteConsume(w, "orders"u8));
                await consume.ExpectResetAsync(ErrorCode.Unavailable);
                break;
            default:
                await requests.SendAsync(request!);
                await ExpectUnavailableAsync(requests);
                break;
        }
    }

    [Fact]
    public async Task Consumer_of_a_queue_that_had_nothing_under_way_hears_of_it_too()
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("idle", DeclareQueueFlags.Durable);
        await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
        await using var consumer = await client.SubscribeAsync("idle");
        using var hold = await FailAsync(broker, client);
        Assert.Equal(ErrorCode.Unavailable, (await consumer.ExpectCancelledAsync()).Code);
    }

    [Fact]
    public async Task Queue_that_is_declared_after_the_failure_takes_nothing_either()
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
        using var hold = await FailAsync(broker, client);
        await using var requests = await client.OpenRequestsAsync();
        await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = "new", Flags = DeclareQueueFlags.Durable }.Write(w));
        await ExpectUnavailableAsync(requests);
        await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = "passing" }.Write(w));
        await requests.ExpectQueueOkAsync();
    }

    [Fact]
    public async Task Operators_see_that_the_log_has_failed_and_why()
    {
        await using var broker = await StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var admin = await broker.AdministerAsync();
        await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
        var server = await broker.ServerAsync();
        Assert.Null(server.Problem);
        Assert.Equal("up", (string)(await admin.RunAsync("cluster show"))[0]["status"]!);
        using var hold = await FailAsync(broker, client);
        Assert.Contains("log", server.Problem, StringComparison.Ordinal);
        Assert.Equal("log failed", (string)(await admin.RunAsync("cluster show"))[0]["status"]!);
        var shown = (await admin.RunAsync("store show"))[0];
        Assert.Equal(("failed", server.Problem), ((string)shown["state"]!, (string)shown["reason"]!));
        var notice = await WireAdmin.UntilAsync(() => Task.FromResult(Notices(StoreNoticeSeverity.Error)), n => n.Count > 0, "a notice of the failure");
        Assert.Contains(server.Problem!, Assert.Single(notice).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_synced_again_and_a_restart_brings_everything_back_that_was_confirmed()
    {
        const int Count = 200;
        await using (var broker = await StartAsync())
        {
            await using var client = await broker.ConnectAsync();
            await client.FillDurableAsync("orders", Enumerable.Range(1, Count).Select(i => $"{i}"));
            await using (var consumer = await client.SubscribeAsync("orders", messages: 3, flags: SubscribeFlags.ConfirmSettles))
            {
                await consumer.ExpectDeliveriesAsync(3);
                await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 2));
                await consumer.ExpectSettledAsync(2);
            }

            using var hold = await FailAsync(broker, client);
            await using var publisher = await client.OpenPublisherAsync();
            for (var i = 1UL; i <= 10; i++)
            {
                await publisher.PublishAsync(i, "", "orders", "rejected");
                await ExpectRejectedAsync(publisher, i);
            }

            await client.DisposeAsync();
            Assert.Equal(0, hold.LaterCount);
        }

        await using var restarted = await StartAsync();
        await using var again = await restarted.ConnectAsync();
        await using var all = await again.SubscribeAsync("orders", Count);
        Assert.Equal("3:Redelivered, Durable:1", (await all.ExpectDeliveryAsync()).ToString());
        Assert.Equal(Enumerable.Range(4, Count - 3).Select(i => $"{i}:Durable:0"), await all.ExpectDeliveriesAsync(Count - 3));
        Assert.Null((await restarted.ServerAsync()).Problem);
        await all.DisposeAsync();
        await using var admin = await restarted.AdministerAsync();
        var left = await WireAdmin.UntilAsync(() => admin.QueueAsync("orders"), q => (int)q!["unsettled"]! == 0, "all to be back in the queue");
        Assert.InRange((int)left!["ready"]!, Count - 2, Count - 1); // what was under way when the sync failed may be there, and what was rejected later is not
        await again.FillDurableAsync("orders", "new");
    }

    [Fact]
    public async Task Segment_that_cannot_be_written_ends_the_log_as_well()
    {
        await using var broker = await StartAsync(s => s with { CheckInterval = TimeSpan.FromMilliseconds(20) });
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
        await using var publisher = await client.OpenPublisherAsync();
        _disk.OnOperation = o => o.Kind == DiskOperationKind.Sync && o.Path.StartsWith("queues/", StringComparison.Ordinal) ? DiskError.Io : null;
        var rejected = 0;
        for (var i = 1UL; rejected == 0; i++)
        {
            Assert.True(i < 1000, "ten megabytes went into a log that keeps four, and no segment was written");
            await publisher.SendAsync(w => WireStream.WritePublish(w, i, "", "orders", new byte[16 << 10]));
            rejected += (await publisher.ReadAsync())!.Value.Type == FrameType.Reject ? 1 : 0;
        }

        Assert.Contains("segments", (await broker.ServerAsync()).Problem, StringComparison.Ordinal);
    }

    private Task<BrokerFixture> StartAsync(Func<BrokerStorageOptions, BrokerStorageOptions>? storage = null) => BrokerFixture.StartAsync(disk: _disk, storage: s =>
    {
        var options = s with
        {
            CheckInterval = TimeSpan.FromHours(1),
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

    private List<StoreNotice> Notices(StoreNoticeSeverity severity)
    {
        lock (_notices)
        {
            return [.. _notices.Where(n => n.Severity == severity)];
        }
    }

    /// <summary>Lets the log fail under a message for <c>orders</c>, and waits until that is known.</summary>
    private async Task<DiskHold> FailAsync(BrokerFixture broker, WireConnection client)
    {
        var hold = DiskHold.OfSyncs(_disk);
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "orders", "fails");
        await hold.ReachedAsync();
        hold.Release(DiskError.Io);
        await ExpectRejectedAsync(publisher, 1);
        Assert.NotNull((await broker.ServerAsync()).Problem);
        return hold;
    }

    /// <summary>Lets the held sync fail once the queue <c>orders</c> is as it is to be.</summary>
    private static async Task ReleaseAsync(WireAdmin admin, DiskHold hold, Func<System.Text.Json.Nodes.JsonObject, bool> condition)
    {
        await WireAdmin.UntilAsync(() => admin.QueueAsync("orders"), q => condition(q!), "the queue to have done what was asked");
        hold.Release(DiskError.Io);
    }

    private static async Task ExpectUnavailableAsync(WireStream requests) => Assert.NotEmpty(await requests.ExpectRefusalAsync(ErrorCode.Unavailable));

    private static async Task ExpectRejectedAsync(WireStream publisher, ulong sequence)
    {
        var reject = await publisher.ExpectRejectAsync();
        Assert.Equal((sequence, ErrorCode.Unavailable), (reject.Sequence, reject.Code));
        Assert.NotEmpty(reject.Reason);
    }
}
