using Broker.Protocol;
using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Segments;

namespace Broker.Actors.Tests.Nodes.Durable;

/// <summary>What a durable queue leaves behind when it ends, in order or not.</summary>
public sealed class QueueEndTests
{
    private readonly MemoryDisk _disk = new();

    [Fact]
    public async Task Deleted_queue_leaves_no_file_behind_even_if_messages_were_just_being_copied()
    {
        var created = 0;
        var pausing = new PausingDisk(_disk, path => path.StartsWith("queues/", StringComparison.Ordinal) && Interlocked.Increment(ref created) == 3);
        await using var broker = await BrokerFixture.StartAsync(
            disk: pausing,
            storage: s => s with { CheckInterval = TimeSpan.FromMilliseconds(10) },
            store: s => s with { Log = new LogOptions { FileBytes = 64 << 10, MaxBytes = 128 << 10 }, Segments = new SegmentOptions { SegmentBytes = 4 << 10, BlockBytes = 1 << 10 } });
        await using var admin = await broker.AdministerAsync();
        await admin.Connection.FillDurableAsync("orders", Enumerable.Range(1, 100).Select(i => $"{i}".PadRight(4096)));
        await pausing.PausedAsync();
        await admin.RunAsync("queue delete", """{"queue":"orders"}""");
        for (var i = 0; i < 20; i++)
        {
            await admin.RunAsync("store quarantine list"); // by the threads that delete files, after all that they were asked before
        }

        var copied = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _disk.OnOperation = o =>
        {
            _ = o.Kind == DiskOperationKind.Sync && o.Path.StartsWith("queues/", StringComparison.Ordinal) && copied.TrySetResult();
            return null;
        };
        pausing.Release();
        await copied.Task.WaitAsync(WireConnection.Timeout);
        await WireAdmin.UntilAsync(
            () => Task.FromResult(string.Join(", ", _disk.ListFolders("queues").SelectMany(f => _disk.ListFiles($"queues/{f}").Select(n => $"{f}/{n}")))),
            files => files.Length == 0,
            "the files of the queue to be gone");
    }

    [Fact]
    public async Task Queue_whose_actor_has_failed_takes_nothing_that_the_next_start_would_lose()
    {
        await using (var broker = await StartAsync(out var scheduler))
        {
            await using var client = await broker.ConnectAsync();
            await client.FillDurableAsync("orders", "first", "second");
            await using var publisher = await client.OpenPublisherAsync();
            scheduler.OnWake = () =>
            {
                scheduler.OnWake = null;
                throw new InvalidOperationException("the test lets the queue's actor fail");
            };
            await publisher.PublishAsync(1, "", "orders", "unknown");
            await publisher.ExpectRejectAsync();
            Assert.Single(broker.TakeFaults());
            await using var requests = await client.OpenRequestsAsync();
            for (var round = 0; round < 2; round++)
            {
                await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = "orders", Flags = DeclareQueueFlags.Durable }.Write(w));
                Assert.Contains("started anew", await requests.ExpectRefusalAsync(ErrorCode.Unavailable), StringComparison.Ordinal);
            }

            await publisher.PublishAsync(2, "", "orders", "rejected");
            Assert.Equal(ErrorCode.Unavailable, (await publisher.ExpectRejectAsync()).Code);
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var admin = await restarted.AdministerAsync();
        await admin.Connection.FillDurableAsync("orders", "third");
        var bodies = (await admin.RunAsync("queue peek", """{"queue":"orders"}""")).Select(r => (string)r["body"]!).Where(b => b != "unknown");
        Assert.Equal(["first", "second", "third"], bodies);
    }

    private Task<BrokerFixture> StartAsync(out HeldScheduler scheduler)
    {
        HeldScheduler? made = null;
        var starting = BrokerFixture.StartAsync(disk: _disk, storage: s => s with { CheckInterval = TimeSpan.FromHours(1), Scheduler = made = new HeldScheduler(s.Scheduler) });
        scheduler = made!; // the storage is opened before anything is waited for
        return starting;
    }
}
