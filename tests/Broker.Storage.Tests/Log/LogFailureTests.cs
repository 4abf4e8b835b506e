using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Records;
using Broker.Storage.Tests.Disks;
using Broker.Storage.Tests.Recovery;

namespace Broker.Storage.Tests.Log;

/// <summary>A disk that is full, and one that fails.</summary>
public sealed class LogFailureTests
{
    [Fact]
    public void A_full_disk_lets_records_wait_until_there_is_space_again()
    {
        var disk = new MemoryDisk(new MemoryDiskOptions { CapacityBytes = (2 * TestLog.FileBytes) + 10_000 });
        disk.CreateSynced("ballast", new byte[40_000]).Dispose();
        var log = new TestLog(disk);
        var states = new List<string>();
        log.Log.Changed = () => states.Add($"{log.Log.State} {log.Log.FileCount}");
        var records = Enumerable.Range(0, 9).Select(_ => log.Append(1, bytes: 9000)).ToList();
        Assert.False(log.Log.CommitGroup());
        Assert.Equal(LogState.Full, log.Log.State);
        Assert.Contains("the log has no room for its next file", log.Log.Reason, StringComparison.Ordinal);
        Assert.Same(records[6], Assert.Single(log.Client.Committed)); // those that fit are on the disk, and told
        Assert.Equal([true, true, true, true, true, true, true, false, false], records.Select(r => r.Position >= 0));

        // It may be tried as often as somebody likes.
        Assert.False(log.Log.CommitGroup());
        log.Append(2);
        Assert.False(log.Log.CommitGroup());
        Assert.Empty(log.Client.Failures);
        var between = new TestLog(LogImage.Of(disk).ToDisk()).Found;
        Assert.Equal(7, between.Records.Count);
        Assert.True(between.IsQuiet && between.TornTails.Count == 0);

        disk.Delete("ballast");
        log.CommitAll();
        Assert.Equal((LogState.Running, ""), (log.Log.State, log.Log.Reason));
        Assert.Equal(["Running 1", "Full 1", "Full 2", "Running 2"], states);
        Assert.Equal(["1/8", "1/9", "2/1"], log.Crash().Found.Story.Skip(7));
    }

    [Fact]
    public void A_mark_does_not_wait_for_space()
    {
        var log = new TestLog(new MemoryDisk(new MemoryDiskOptions { CapacityBytes = TestLog.FileBytes }));
        log.Append(1);
        log.Append(1, bytes: 65_200);
        log.CommitAll();
        Assert.Equal(LogState.Full, log.Log.State);
        log.Log.CommitMark();
        Assert.DoesNotContain(LogImage.Of(log.Disk).Records, r => r.Header.Kind == RecordKind.Mark);
    }

    [Theory]
    [InlineData(DiskOperationKind.Write, DiskError.Io)]
    [InlineData(DiskOperationKind.Write, DiskError.Full)] // not when the next file is begun but within one: it was all there before
    [InlineData(DiskOperationKind.Sync, DiskError.Io)]
    [InlineData(DiskOperationKind.Sync, DiskError.Full)]
    public void A_write_or_sync_that_fails_ends_the_log(DiskOperationKind kind, DiskError error)
    {
        var log = new TestLog();
        var states = new List<LogState>();
        log.Commit(1);
        log.Log.Changed = () => states.Add(log.Log.State);
        var others = new[] { new TestClient(), new TestClient(), new TestClient() };
        foreach (var client in others)
        {
            log.Append(2, client: client);
            log.Append(3, client: client);
        }

        var asked = new List<DiskOperationKind>();
        log.Disk.OnOperation = operation =>
        {
            asked.Add(operation.Kind);
            return operation.Kind == kind ? error : null;
        };
        Assert.False(log.Log.CommitGroup());
        Assert.Equal((LogState.Failed, 1), (log.Log.State, states.Count));
        Assert.Contains("the log cannot be written", log.Log.Reason, StringComparison.Ordinal);
        Assert.All(others, client => Assert.Equal(log.Log.Reason, Assert.Single(client.Failures).Reason)); // once, whatever it has appended
        Assert.All(others, client => Assert.Empty(client.Committed));
        Assert.Empty(log.Client.Failures); // whose record is on the disk

        // Whoever comes later is told at once, and nothing is ever tried again, though the disk would do it now.
        log.Disk.OnOperation = operation =>
        {
            asked.Add(operation.Kind);
            return null;
        };
        log.Append(1);
        log.Append(1);
        Assert.Equal(2, log.Client.Failures.Count);
        Assert.False(log.Log.CommitGroup());
        log.Log.CommitMark();
        Assert.Equal(kind == DiskOperationKind.Sync ? [DiskOperationKind.Write, DiskOperationKind.Sync] : new[] { DiskOperationKind.Write }, asked);
        Assert.Equal(1, log.Log.SyncCount);
        Assert.All(others, client => Assert.Single(client.Failures));
    }

    [Fact]
    public void A_next_file_that_cannot_be_made_ends_the_log_unless_the_disk_is_full()
    {
        var log = new TestLog();
        log.Commit(1, bytes: 40_000);
        log.Append(1, bytes: 10_000);
        log.Append(1, bytes: 40_000);
        log.Disk.OnOperation = operation => operation.Kind == DiskOperationKind.Create ? DiskError.AccessDenied : null;
        Assert.False(log.Log.CommitGroup());
        Assert.Equal(LogState.Failed, log.Log.State);
        Assert.Single(log.Client.Failures);
        var found = log.Crash().Found;
        Assert.Equal(["1/1", "1/2"], found.Story); // the second was written when its file was ended, and nobody was told: it may be there
    }

    [Fact]
    public void The_log_is_ended_from_outside_by_its_own_thread()
    {
        var log = new TestLog();
        var woken = 0;
        log.Log.Wake = () => woken++;
        log.Append(1);
        log.Log.Fail("a segment cannot be written");
        log.Log.Fail("another reason");
        Assert.Equal((3, LogState.Running), (woken, log.Log.State));
        Assert.Empty(log.Client.Failures);
        Assert.False(log.Log.CommitGroup());
        Assert.Equal((LogState.Failed, "a segment cannot be written"), (log.Log.State, log.Log.Reason));
        Assert.Equal("a segment cannot be written", Assert.Single(log.Client.Failures).Reason);
        Assert.Equal(0, log.Log.SyncCount);
        log.Log.CommitGroup();
        Assert.Single(log.Client.Failures);
    }

    [Fact]
    public void A_spare_that_cannot_be_made_is_the_askers_affair()
    {
        var log = new TestLog(new MemoryDisk(new MemoryDiskOptions { CapacityBytes = TestLog.FileBytes + 1000 }));
        log.Commit(1);
        Assert.Equal(DiskError.Full, Assert.Throws<DiskException>(log.Log.PrepareSpare).Error);
        Assert.Empty(log.Spares);
        Assert.Equal(LogState.Running, log.Log.State);
        log.Commit(1);
        Assert.Equal(2, log.Client.Committed.Count);
    }
}
