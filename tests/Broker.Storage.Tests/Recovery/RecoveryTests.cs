using System.Diagnostics;
using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Records;
using Broker.Storage.Recovery;
using Broker.Storage.Tests.Disks;
using Broker.Storage.Tests.Log;

namespace Broker.Storage.Tests.Recovery;

public sealed class RecoveryTests
{
    [Fact]
    public void An_empty_folder_is_an_empty_log()
    {
        var log = new TestLog();
        Assert.Empty(log.Found.Story);
        Assert.Equal([new RecoveryProgress(0, 0)], log.Found.Progress);
        Assert.Equal((0L, 0L, 0L, 0), (log.Log.StartPosition, log.Log.SyncedPosition, log.Log.SizeBytes, log.Log.FileCount));
        Assert.True(log.Crash().Found.IsQuiet);
    }

    [Fact]
    public void What_was_committed_comes_back_in_order_over_many_starts()
    {
        var log = new TestLog();
        var expected = new List<string>();
        for (var start = 1; start <= 6; start++)
        {
            for (var i = 0; i < 5; i++)
            {
                var record = log.Commit(1 + ((ulong)(start + i) % 3), messages: i, bytes: 300 * start, operations: i * 9);
                expected.Add($"{record.Entity}/{record.Index}");
            }

            log = start % 2 == 0 ? log.Crash() : log.Stop();
            Assert.Equal(expected, log.Found.Story);
            log.Found.CheckBytes();
        }
    }

    [Fact]
    public void Records_say_which_run_wrote_them_and_how_far_the_disk_was()
    {
        var log = new TestLog();
        log.Commit(1);
        var before = log.Log.SyncedPosition;
        log.Append(1);
        log.Commit(1);
        log = log.Crash();
        log.Commit(1);
        var headers = log.Crash().Found.Records.Select(r => r.Header).ToList();
        Assert.Equal([1, 1, 1, 2], headers.Select(h => (int)h.Run));
        Assert.Equal([FileHeader.Size, before, before, headers[3].Position], headers.Select(h => h.SyncedPosition));
    }

    [Fact]
    public void The_log_goes_on_in_another_file_so_that_nothing_old_is_written_over()
    {
        var log = new TestLog();
        log.Commit(1);
        log.Commit(1);
        var end = log.Log.SyncedPosition;
        log = log.Crash();
        Assert.Equal(end, log.Log.SyncedPosition);
        Assert.Equal(end, log.Disk.ReadAll(TestLog.FirstFile).Length);
        Assert.Equal(end + FileHeader.Size, log.Commit(1).Position);
        Assert.Equal([TestLog.FirstFile, $"{TestLog.Folder}/{end:x16}.log"], log.Files);
    }

    [Fact]
    public void Everything_can_be_read_by_its_place()
    {
        var log = new TestLog();
        for (var i = 0; i < 30; i++)
        {
            log.Commit(1, messages: 2, bytes: 2500);
        }

        log = log.Crash();
        foreach (var found in log.Found.Records)
        {
            var record = log.Log.Read(found.Header.Position, (int)found.Header.Length);
            Assert.Equal(found.Header, record!.Header);
            var (path, offset) = log.Log.FileOf(found.Header.Position)!.Value;
            Assert.True(RecordHeader.TryRead(log.Disk.ReadAll(path).AsSpan((int)offset), TestLog.Key, found.Header.Position, out _));
        }
    }

    [Fact]
    public void Spare_files_of_the_last_run_are_cleared_away()
    {
        var log = new TestLog();
        log.Commit(1);
        log.Log.PrepareSpare();
        Assert.Single(log.Spares);
        log = log.Crash();
        Assert.Empty(log.Spares);
        Assert.False(log.Log.HasSpare);
    }

    [Theory]
    [InlineData("0000000000000000.log.copy")]
    [InlineData("000000000000000A.log")]
    [InlineData("ffffffffffffffff.log")]
    [InlineData("spare-1.old")]
    public void What_somebody_else_has_put_into_the_folder_is_left_alone(string name)
    {
        var log = new TestLog();
        log.Commit(1);
        log.Disk.CreateSynced($"{TestLog.Folder}/{name}", [1, 2, 3]).Dispose();
        log = log.Crash();
        Assert.Equal(["1/1"], log.Found.Story);
        Assert.Equal([1, 2, 3], log.Disk.ReadAll($"{TestLog.Folder}/{name}"));
    }

    [Fact]
    public void A_log_whose_only_file_was_empty_begins_where_that_one_did()
    {
        var disk = new MemoryDisk();
        disk.CreateFolder(TestLog.Folder);
        disk.CreateSynced($"{TestLog.Folder}/0000000000100000.log", new byte[TestLog.FileBytes]).Dispose();
        var log = new TestLog(disk);
        Assert.Equal((0x100000L, 0x100000L, 0L), (log.Log.SyncedPosition, log.Log.StartPosition, log.Log.SizeBytes));
        Assert.Equal(0x100000, log.Log.RetirementGoal());
        Assert.Equal(0x100000 + FileHeader.Size, log.Commit(1).Position);
    }

    [Fact]
    public void Short_reads_change_nothing()
    {
        var log = new TestLog();
        for (var i = 0; i < 8; i++)
        {
            log.Commit(1, messages: 3, bytes: 4000);
        }

        log.Log.CommitMark();
        var image = LogImage.Of(log.Disk);
        for (var seed = 0; seed < 20; seed++)
        {
            var found = new TestLog(image.ToDisk(options: new MemoryDiskOptions { Seed = seed, ShortReads = true })).Found;
            Assert.Equal(8, found.Records.Count);
            Assert.True(found.IsQuiet);
            found.CheckBytes();
        }
    }

    [Fact]
    public void Who_recovers_hears_how_far_it_is()
    {
        var options = new LogOptions { FileBytes = 8 << 20 };
        var disk = new MemoryDisk(new MemoryDiskOptions { SectorBytes = 4096 });
        var log = new TestLog(disk, options);
        for (var i = 0; i < 40; i++)
        {
            log.Append(1, bytes: 1 << 20);
        }

        log.CommitAll();
        var progress = log.Crash().Found.Progress;
        Assert.InRange(progress.Count, 3, 4);
        Assert.Equal(progress.OrderBy(p => p.DoneBytes), progress);
        Assert.Single(progress.Select(p => p.TotalBytes).Distinct());
        Assert.Equal(progress[^1].TotalBytes, progress[^1].DoneBytes);
        Assert.InRange(progress[^1].TotalBytes, 40 << 20, 48 << 20);
    }

    [Fact]
    public void Sixty_four_mebibytes_are_recovered_while_a_node_starts()
    {
        using var folder = new TemporaryFolder();
        var disk = new FileDisk(folder.Path);
        var options = new LogOptions { FileBytes = 16 << 20 };
        var client = new TestClient();
        using (var log = WriteAheadLog.Open(disk, "log", TestLog.Store, options, new Counter()))
        {
            var messages = Enumerable.Range(0, 64).Select(i => (ReadOnlyMemory<byte>)TestRecord.MessageOf(1, (ulong)i, 1000)).ToList();
            for (var i = 1UL; i <= 1024; i++)
            {
                log.Append(new TestRecord { Client = client, Kind = RecordKind.Operations, Entity = 1, Index = i, FirstPosition = ((i - 1) * 64) + 1, Messages = messages });
            }

            while (log.CommitGroup())
            {
            }
        }

        var counter = new Counter();
        var clock = Stopwatch.StartNew();
        using var recovered = WriteAheadLog.Open(disk, "log", TestLog.Store, options, counter);
        Assert.Equal((1024, 65_536L), (counter.Records, counter.Messages));
        TestContext.Current.SendDiagnosticMessage($"{recovered.SizeBytes >> 20} MiB in {clock.ElapsedMilliseconds} ms");
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(15), $"recovery of {recovered.SizeBytes >> 20} MiB took {clock.Elapsed.TotalSeconds:0.0} s; it is about 0.2 s on an idle machine");
    }

    private sealed class Counter : ILogRecoveryHandler
    {
        public int Records { get; private set; }

        public long Messages { get; private set; }

        public void OnRecord(StoredRecord record)
        {
            Records++;
            Messages += record.Header.MessageCount;
        }

        public void OnDamage(StoreDamage damage) => Assert.Fail(damage.Reason);

        public void OnLost(LostRecords lost) => Assert.Fail($"{lost}");

        public void OnTornTail(TornTail tail) => Assert.Fail($"{tail}");

        public IEnumerable<(ulong Entity, long NeededFrom)> Complete() => [];
    }
}
