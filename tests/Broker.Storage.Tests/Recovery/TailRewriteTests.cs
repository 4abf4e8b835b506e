using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Tests.Log;

namespace Broker.Storage.Tests.Recovery;

/// <summary>What a recovery has accepted stays, even if the process before it had written it and not, or not successfully, synced it.</summary>
public sealed class TailRewriteTests
{
    private const int Seeds = 400;

    [Fact]
    public void What_a_killed_process_had_written_is_synced_before_it_counts()
    {
        var kept = 0;
        for (var seed = 0; seed < Seeds; seed++)
        {
            var log = new TestLog(new MemoryDisk(new MemoryDiskOptions { Seed = seed }));
            log.Commit(1);
            log.Append(1, messages: 2, bytes: 900);
            log.Append(2, messages: 1, bytes: 2000);
            log.Disk.CrashAt(log.Disk.OperationCount + 2);
            Assert.Throws<DiskCrashedException>(() => log.Log.CommitGroup());
            log = log.Crash(lossless: true);
            Assert.Equal(["1/1", "1/2", "2/1"], log.Found.Story);
            Assert.Equal(log.Found.Story, log.Crash().Found.Story); // the power fails before anything more is written
            kept++;
        }

        Assert.Equal(Seeds, kept);
    }

    [Fact]
    public void What_a_failed_sync_left_to_be_seen_is_written_again_before_it_counts()
    {
        var (seen, missing) = (0, 0);
        for (var seed = 0; seed < Seeds; seed++)
        {
            var log = new TestLog(new MemoryDisk(new MemoryDiskOptions { Seed = seed }));
            log.Commit(1, messages: 2);
            log.Append(1, messages: 1 + (seed % 3), bytes: 40 + (seed % 700));
            log.Append(2, messages: 2, bytes: 300);
            log.Disk.OnOperation = operation => operation.Kind == DiskOperationKind.Sync ? DiskError.Io : null;
            Assert.False(log.Log.CommitGroup());
            Assert.Equal(LogState.Failed, log.Log.State);

            // The process ends in order. The system still shows what it has not written, and takes it for written.
            log = log.Crash(lossless: true);
            var accepted = log.Found.Story.Where(line => line != "torn").ToList();
            seen += accepted.Count == 3 ? 1 : 0;
            missing += accepted.Count < 3 ? 1 : 0;
            if (seed % 2 == 0)
            {
                log.Commit(3);
                accepted.Add("3/1");
            }

            var after = log.Crash().Found;
            Assert.Equal(accepted, after.Story);
            after.CheckBytes();
        }

        Assert.True(seen > Seeds / 10 && missing > Seeds / 10, $"too few cases: all seen {seen}, some missing {missing}");
    }

    [Fact]
    public void A_recovery_whose_own_sync_fails_promises_nothing_and_the_next_one_does_it_again()
    {
        for (var seed = 0; seed < Seeds / 4; seed++)
        {
            var log = new TestLog(new MemoryDisk(new MemoryDiskOptions { Seed = seed }));
            log.Commit(1);
            log.Append(1, messages: 3, bytes: 500);
            log.Disk.OnOperation = operation => operation.Kind == DiskOperationKind.Sync ? DiskError.Io : null;
            log.CommitAll();
            var disk = log.Disk.Crash(lossless: true);
            disk.OnOperation = operation => operation.Kind == DiskOperationKind.Sync ? DiskError.Io : null;
            Assert.Throws<DiskException>(() => new TestLog(disk));
            log = new TestLog(disk.Crash(lossless: true));
            var accepted = log.Found.Story.Where(line => line != "torn").ToList();
            Assert.Equal(accepted, log.Crash().Found.Story);
        }
    }
}
