using System.Collections.Concurrent;
using System.Text;
using Broker.Actors.Tests.Nodes.Durable;
using Broker.Protocol;
using Broker.Storage.Disks;
using Broker.Storage.Log;

namespace Broker.Actors.Tests.Nodes;

/// <summary>Commands that give their rows as they come, such as <c>store verify</c>, which has one for each file.</summary>
public sealed class AdminStreamTests
{
    private readonly MemoryDisk _disk = new();

    [Fact]
    public async Task Rows_come_before_the_command_has_ended()
    {
        await using var broker = await StartWithFilesAsync(3);
        await using var admin = await broker.AdministerAsync();
        var files = LogFiles();
        using (var hold = new DiskHold(_disk, o => o.Kind == DiskOperationKind.Read && o.Path == files[1]))
        {
            await SendAsync(admin, "store verify");
            Assert.Contains(files[0], await ExpectRowAsync(admin), StringComparison.Ordinal);
            await hold.ReachedAsync();
        }

        for (var i = 1; i < files.Count; i++)
        {
            Assert.Contains(files[i], await ExpectRowAsync(admin), StringComparison.Ordinal);
        }

        await admin.Stream.ExpectAsync(FrameType.AdminEnd);
        await SendAsync(admin, "cluster show");
        await ExpectRowAsync(admin);
    }

    [Fact]
    public async Task Next_command_begins_when_the_one_before_has_ended()
    {
        await using var broker = await StartWithFilesAsync(2);
        await using var admin = await broker.AdministerAsync();
        await SendAsync(admin, "store verify");
        await SendAsync(admin, "store verify");
        for (var round = 0; round < 2; round++)
        {
            foreach (var file in LogFiles())
            {
                Assert.Contains(file, await ExpectRowAsync(admin), StringComparison.Ordinal);
            }

            await admin.Stream.ExpectAsync(FrameType.AdminEnd);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Command_ends_when_its_client_abandons_it(bool connection)
    {
        await using var broker = await StartWithFilesAsync(4);
        await using var admin = await broker.AdministerAsync();
        await using var other = await broker.AdministerAsync();
        var files = LogFiles();
        var read = new ConcurrentDictionary<string, bool>();
        using (var hold = new DiskHold(_disk, o => o.Kind == DiskOperationKind.Read && read.TryAdd(o.Path, true) && o.Path == files[1]))
        {
            await SendAsync(admin, "store verify");
            await hold.ReachedAsync();
            if (connection)
            {
                await admin.DisposeAsync();
            }
            else
            {
                admin.Stream.Abandon();
            }

            await WireAdmin.UntilAsync(
                async () => (await other.HierarchyAsync()).Count(p => p.Contains("/admin-", StringComparison.Ordinal)), count => count == 1, "the actor of the abandoned stream to be gone");
            hold.Release();
            for (var i = 0; i < 20; i++)
            {
                await other.RunAsync("store quarantine list"); // by the threads that read files
            }

            Assert.DoesNotContain(files[2], read.Keys);
        }
    }

    [Fact]
    public async Task Client_that_does_not_read_does_not_make_the_node_collect_all_rows()
    {
        const int Files = 1000;
        await using var broker = await StartWithFilesAsync(0, new LogOptions { FileBytes = 64 << 10, MaxBytes = 1 << 30, MaxFiles = 10_000 }, sendBuffer: 4096);
        await using var admin = await broker.AdministerAsync(c => c with { StreamReceiveWindow = 16 << 10 });
        await using var other = await broker.AdministerAsync();
        await admin.Connection.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
        await using (var publisher = await admin.Connection.OpenPublisherAsync())
        {
            for (var i = 1; i <= Files; i++)
            {
                await publisher.SendAsync(w => WireStream.WritePublish(w, (ulong)i, "", "orders", new byte[60 << 10])); // no file has room for two
                await publisher.ExpectConfirmsAsync(1);
            }
        }

        var read = new ConcurrentDictionary<string, bool>();
        _disk.OnOperation = o =>
        {
            _ = o.Kind == DiskOperationKind.Read && read.TryAdd(o.Path, true);
            return null;
        };
        await SendAsync(admin, "store verify");
        var last = 0;
        var same = 0;
        await WireAdmin.UntilAsync(
            async () => (await other.RunAsync("cluster show")).Count,
            _ =>
            {
                same = read.Count == last && last > 0 ? same + 1 : 0;
                last = read.Count;
                return same == 200;
            },
            "the node to stop reading files whose rows nobody takes");
        Assert.InRange(last, 1, Files - 1);
        for (var i = 0; i < Files; i++)
        {
            await ExpectRowAsync(admin);
        }

        Assert.Equal(Files, read.Count);
    }

    [Theory]
    [InlineData("queue delete", "second", new[] { "", "first" })]
    [InlineData("queue purge", "second", new[] { "", "first" })]
    [InlineData("queue purge", "first", new[] { "", "second" })]
    public async Task What_goes_away_while_it_is_verified_is_left_out_and_not_taken_for_damaged(string command, string queue, string[] expected)
    {
        HeldScheduler? scheduler = null;
        await using var broker = await BrokerFixture.StartAsync(
            disk: _disk,
            storage: s => s with { CheckInterval = TimeSpan.FromMilliseconds(10), Scheduler = scheduler = new HeldScheduler(s.Scheduler) },
            store: s => s with { Log = new LogOptions { FileBytes = 64 << 10, MaxBytes = 128 << 10 } });
        await using var admin = await broker.AdministerAsync();
        await using var other = await broker.AdministerAsync();
        foreach (var name in new[] { "first", "second" })
        {
            await admin.Connection.FillDurableAsync(name, Enumerable.Range(1, 100).Select(i => $"{i}".PadRight(4096)));
        }

        await WireAdmin.UntilAsync(
            async () => await other.RunAsync("store verify"),
            rows => rows.Any(r => (string)r["queue"]! == "first") && rows.Any(r => (string)r["queue"]! == "second"),
            "both queues to have segments");
        await broker.StoreAtRestAsync(other);
        var logFiles = (await other.RunAsync("store verify")).Count(r => (string)r["queue"]! == "");
        scheduler!.HoldJobs(after: logFiles + 1); // each file, and that there are no more
        var verifying = admin.RunAsync("store verify");
        await WireAdmin.UntilAsync(() => Task.FromResult(scheduler.HeldJobs), held => held == 1, "the first segment to be about to be verified");
        await other.RunAsync(command, $$"""{"queue":"{{queue}}"}""");
        await WireAdmin.UntilAsync(() => Task.FromResult(scheduler.HeldJobs), held => held >= 2, "its segments to be about to be deleted");
        scheduler.ReleaseJobs();
        var rows = await verifying;
        Assert.All(rows, r => Assert.Equal(0, (int)r["damaged"]!));
        Assert.Equal(expected, rows.Select(r => (string)r["queue"]!).Distinct());
        Assert.Empty(await other.RunAsync("store quarantine list"));
    }

    [Fact]
    public async Task Failure_after_some_rows_ends_the_command_and_not_the_stream()
    {
        await using var broker = await StartWithFilesAsync(3);
        await using var admin = await broker.AdministerAsync();
        var files = LogFiles();
        _disk.OnOperation = o => o.Kind == DiskOperationKind.Read && o.Path == files[1] ? DiskError.Io : null;
        var (rows, code, message) = await admin.TryRunAsync("store verify");
        Assert.Single(rows);
        Assert.NotEqual(ErrorCode.NoError, code);
        Assert.Contains(files[1], message, StringComparison.Ordinal);
        _disk.OnOperation = null;
        Assert.Equal(files.Count, (await admin.RunAsync("store verify")).Count);
    }

    /// <summary>A node whose log has so many files, because it was started so often.</summary>
    private async Task<BrokerFixture> StartWithFilesAsync(int files, LogOptions? log = null, int sendBuffer = 1 << 20)
    {
        for (var i = 1; ; i++)
        {
            var broker = await BrokerFixture.StartAsync(
                disk: _disk,
                listener: l => l with { SendBufferSize = sendBuffer },
                storage: s => s with { CheckInterval = TimeSpan.FromHours(1) },
                store: s => s with { Log = log ?? s.Log });
            if (files > 0)
            {
                await using var client = await broker.ConnectAsync();
                await client.FillDurableAsync("orders", $"{i}");
            }

            if (i >= files)
            {
                return broker;
            }

            await broker.DisposeAsync();
        }
    }

    private List<string> LogFiles() => [.. _disk.ListFiles("log").Select(f => $"log/{f}").Where(DiskHold.IsLogFile)];

    private static Task SendAsync(WireAdmin admin, string command) => admin.Stream.SendAsync(w => new AdminRequestFrame(1, command, default).Write(w));

    private static async Task<string> ExpectRowAsync(WireAdmin admin)
    {
        Assert.True(AdminRowFrame.TryRead(await admin.Stream.ExpectAsync(FrameType.AdminRow), out var row, out _));
        return Encoding.UTF8.GetString(row.Json.Span);
    }
}
