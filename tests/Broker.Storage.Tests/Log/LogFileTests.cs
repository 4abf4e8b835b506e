using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Records;
using Broker.Storage.Tests.Disks;

namespace Broker.Storage.Tests.Log;

/// <summary>Files that come, are given up, and come again.</summary>
public sealed class LogFileTests
{
    [Fact]
    public void A_spare_is_made_once_and_taken_for_the_next_file()
    {
        var log = new TestLog();
        log.Log.PrepareSpare();
        log.Log.PrepareSpare();
        Assert.Single(log.Spares);
        Assert.True(log.Log.HasSpare);
        log.Commit(1);
        Assert.Empty(log.Spares);
        Assert.False(log.Log.HasSpare);
    }

    [Fact]
    public void A_file_that_is_there_ahead_of_its_time_needs_no_space()
    {
        var log = new TestLog(new MemoryDisk(new MemoryDiskOptions { CapacityBytes = 2 * TestLog.FileBytes }));
        log.Commit(1);
        log.Log.PrepareSpare();
        Assert.Equal(0, log.Disk.FreeBytes);
        log.FillFile(1);
        Assert.Equal((LogState.Running, 2), (log.Log.State, log.Log.FileCount));
    }

    [Fact]
    public void A_large_record_leaves_the_spare_for_those_of_usual_size()
    {
        var log = new TestLog();
        log.Log.PrepareSpare();
        log.Commit(1, bytes: 100_000);
        Assert.True(log.Log.HasSpare);
    }

    [Fact]
    public void Retired_files_become_spares_as_many_as_are_kept_and_the_others_go()
    {
        var log = new TestLog(options: TestLog.Small with { SpareFiles = 2 });
        while (log.Log.FileCount < 6)
        {
            log.Commit(1, bytes: 9000);
        }

        var checkpoint = log.Commit(1, messages: 0, kind: RecordKind.Checkpoint);
        Assert.True(log.Log.Retire(checkpoint.Position));
        Assert.Equal((1, 2), (log.Log.FileCount, log.Spares.Count));
        Assert.Single(log.Files);
        Assert.False(log.Log.Retire(checkpoint.Position));
        Assert.Equal(Convert.ToInt64(log.Files[0][4..20], 16), log.Log.StartPosition);
    }

    [Fact]
    public void A_file_of_its_own_size_does_not_become_a_spare()
    {
        var log = new TestLog();
        log.Commit(1, bytes: 100_000);
        log.Commit(1);
        var checkpoint = log.Commit(1, messages: 0, kind: RecordKind.Checkpoint);
        Assert.True(log.Log.Retire(checkpoint.Position));
        Assert.Empty(log.Spares);
    }

    [Fact]
    public void What_a_file_held_in_its_life_before_is_never_taken_for_records()
    {
        // The same sizes again, so that old records stand exactly where new ones would.
        for (var seed = 0; seed < 60; seed++)
        {
            var log = new TestLog(new MemoryDisk(new MemoryDiskOptions { Seed = seed }));
            for (var round = 0; round < 3; round++)
            {
                while (log.Log.FileCount < 3)
                {
                    log.Commit(1, messages: 3, bytes: 3000);
                }

                log.Commit(1, messages: 0, kind: RecordKind.Checkpoint);
                log.Log.Retire(log.Log.SyncedPosition);
            }

            Assert.True(log.Log.HasSpare);
            while (log.Log.HasSpare)
            {
                log.Commit(1, messages: 3, bytes: 3000);
            }

            var first = log.Commit(1, messages: 3, bytes: 3000);
            log.Append(1, messages: 3, bytes: 3000);
            if (seed % 2 == 0)
            {
                log.Disk.CrashAt(log.Disk.OperationCount + 2);
                Assert.Throws<DiskCrashedException>(() => log.Log.CommitGroup());
            }

            var found = log.Crash().Found;
            Assert.True(found.IsQuiet, string.Join(' ', found.Story));
            Assert.Contains(found.Records, r => r.Header.Position == first.Position);
            Assert.Equal(found.Records.Select(r => r.Header.Index), Enumerable.Range((int)found.Records[0].Header.Index, found.Records.Count).Select(i => (ulong)i));
            found.CheckBytes();
        }
    }

    [Fact]
    public void Nothing_that_somebody_needs_is_given_up()
    {
        var log = new TestLog();
        var needed = log.Commit(1);
        while (log.Log.FileCount < 4)
        {
            log.Commit(2, bytes: 9000);
        }

        log.Commit(2, messages: 0, kind: RecordKind.Checkpoint);
        Assert.Equal([1UL], log.Log.EntitiesNeeding(log.Log.SyncedPosition - 1000));
        Assert.False(log.Log.Retire(long.MaxValue));
        Assert.NotNull(log.Log.Read(needed.Position, needed.Length));

        // Its messages still lie in the log, where the checkpoint says.
        var second = log.Commit(1, bytes: 9000);
        log.FillFile(2);
        var checkpoint = new TestRecord { Client = log.Client, Kind = RecordKind.Checkpoint, Entity = 1, Index = 3, NeededFrom = second.Position };
        log.Log.Append(checkpoint);
        log.Commit(2, messages: 0, kind: RecordKind.Checkpoint);
        Assert.True(log.Log.Retire(long.MaxValue));
        Assert.Null(log.Log.Read(needed.Position, needed.Length));
        Assert.NotNull(log.Log.Read(second.Position, second.Length));
        Assert.InRange(log.Log.StartPosition, second.Position - TestLog.FileBytes, second.Position);
    }

    [Fact]
    public void Only_sealed_files_up_to_the_position_are_given_up()
    {
        var log = new TestLog();
        while (log.Log.FileCount < 4)
        {
            log.Commit(1, bytes: 9000);
        }

        log.Log.Forget(1);
        var second = Convert.ToInt64(log.Files[1][4..20], 16);
        Assert.False(log.Log.Retire(second - 1));
        Assert.True(log.Log.Retire(second));
        Assert.Equal((3, second), (log.Log.FileCount, log.Log.StartPosition));
        Assert.True(log.Log.Retire(long.MaxValue));
        Assert.Equal(1, log.Log.FileCount); // the last is written to
    }

    [Fact]
    public void The_deletion_of_an_entity_frees_what_it_needed_but_for_the_record_that_says_so()
    {
        var log = new TestLog();
        log.Commit(1);
        log.FillFile(2);
        var deleted = log.Commit(1, messages: 0, kind: RecordKind.Deleted);
        log.Commit(2, messages: 0, kind: RecordKind.Checkpoint);
        Assert.Empty(log.Log.EntitiesNeeding(deleted.Position));
        Assert.True(log.Log.Retire(long.MaxValue));
        log.FillFile(2);
        log.Commit(2, messages: 0, kind: RecordKind.Checkpoint);
        Assert.False(log.Log.Retire(long.MaxValue));
        Assert.NotNull(log.Log.Read(deleted.Position, deleted.Length));

        // What follows from the deletion is done.
        log.Log.Forget(1);
        Assert.True(log.Log.Retire(long.MaxValue));
        Assert.Null(log.Log.Read(deleted.Position, deleted.Length));
    }

    [Fact]
    public void The_goal_is_as_much_as_brings_the_log_under_its_bound_of_bytes()
    {
        var log = new TestLog(options: TestLog.Small with { MaxBytes = 4 * TestLog.FileBytes, MaxFiles = 100 });
        Assert.Equal(0, log.Log.RetirementGoal());
        while (log.Log.SyncedPosition < 3 * TestLog.FileBytes)
        {
            Assert.Equal(0, log.Log.RetirementGoal());
            log.Commit(1, bytes: 9000);
        }

        while (log.Log.FileCount < 7)
        {
            log.Commit(1, bytes: 9000);
        }

        var goal = log.Log.RetirementGoal();
        Assert.Contains($"{TestLog.Folder}/{goal:x16}.log", log.Files);
        Assert.InRange(log.Log.SyncedPosition - goal, 2 * TestLog.FileBytes, 3 * TestLog.FileBytes);
    }

    [Fact]
    public void The_goal_is_as_much_as_brings_the_log_under_its_number_of_files()
    {
        // Each start begins a file, however little was written in the last one.
        var log = new TestLog(options: TestLog.Small with { MaxFiles = 4 });
        for (var start = 0; start < 7; start++)
        {
            log.Commit(1);
            log = log.Crash();
        }

        log.Commit(1);
        Assert.Equal(8, log.Log.FileCount);
        var goal = log.Log.RetirementGoal();
        Assert.Equal($"{TestLog.Folder}/{goal:x16}.log", log.Files[4]);
    }

    [Theory]
    [InlineData(DiskOperationKind.Move)]
    [InlineData(DiskOperationKind.Delete)]
    public void A_file_that_could_not_be_given_up_stays_the_first_one(DiskOperationKind kind)
    {
        // Were the next one given up before it, the log would have a gap after the next start.
        var log = new TestLog(options: TestLog.Small with { SpareFiles = kind == DiskOperationKind.Move ? 4 : 0 });
        while (log.Log.FileCount < 4)
        {
            log.Commit(1, bytes: 9000);
        }

        log.Commit(1, messages: 0, kind: RecordKind.Checkpoint);
        var (before, start) = (log.Files, log.Log.StartPosition);
        log.Disk.OnOperation = operation => operation.Kind == kind ? DiskError.Full : null;
        Assert.Equal(DiskError.Full, DiskBytes.Error(() => log.Log.Retire(long.MaxValue)));
        log.Disk.OnOperation = null;
        Assert.Equal(before, log.Files);
        Assert.Equal(start, log.Log.StartPosition);
        Assert.True(log.Log.Retire(long.MaxValue));
        Assert.Single(log.Files);
        Assert.True(log.Crash().Found.IsQuiet);
    }

    [Fact]
    public void A_crash_while_files_are_given_up_leaves_no_gap()
    {
        for (var at = 1; at <= 12; at++)
        {
            for (var seed = 0; seed < 8; seed++)
            {
                var log = new TestLog(new MemoryDisk(new MemoryDiskOptions { Seed = seed }), TestLog.Small with { SpareFiles = 2 });
                while (log.Log.FileCount < 6)
                {
                    log.Commit(1, bytes: 9000);
                }

                log.Commit(1, messages: 0, kind: RecordKind.Checkpoint);
                log.Disk.CrashAt(log.Disk.OperationCount + at);
                try
                {
                    log.Log.Retire(long.MaxValue);
                    log.FillFile(1);
                }
                catch (DiskCrashedException)
                {
                    // The next process finds what is left.
                }

                var found = log.Crash().Found;
                Assert.True(found.IsQuiet, string.Join(' ', found.Story));
                Assert.Contains(found.Records, r => r.Header.Kind == RecordKind.Checkpoint);
            }
        }
    }

    [Fact]
    public void A_reader_of_a_file_that_is_given_up_gets_nothing()
    {
        var log = new TestLog();
        var record = log.Commit(1);
        log.FillFile(1);
        log.Commit(1, messages: 0, kind: RecordKind.Checkpoint);
        Assert.NotNull(log.Log.FileOf(record.Position));
        log.Log.Retire(long.MaxValue);
        Assert.Null(log.Log.Read(record.Position, record.Length));
        Assert.Null(log.Log.FileOf(record.Position));
    }
}
