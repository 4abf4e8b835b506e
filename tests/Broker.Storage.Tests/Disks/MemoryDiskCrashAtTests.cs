using Broker.Storage.Disks;

namespace Broker.Storage.Tests.Disks;

/// <summary>Small programs that keep a promise, crashed at each of their operations; and the same programs with a sync left out, which must be found out.</summary>
public sealed class MemoryDiskCrashAtTests
{
    private const int SeedsPerOperation = 40;

    [Fact]
    public void A_file_that_is_replaced_properly_is_the_old_or_the_new_one() =>
        Assert.Equal(0, Broken(disk => Replace(disk, syncFile: true), disk => disk.ReadAll("current") is var left && (IsVersion(left, 1) || IsVersion(left, 2))));

    [Fact]
    public void A_file_that_is_replaced_without_a_sync_is_found_broken() =>
        Assert.NotEqual(0, Broken(disk => Replace(disk, syncFile: false), disk => disk.ReadAll("current") is var left && (IsVersion(left, 1) || IsVersion(left, 2))));

    [Fact]
    public void A_log_has_every_record_that_was_acknowledged()
    {
        var acknowledged = 0;
        Assert.Equal(0, Broken(disk => Append(disk, sync: true, ref acknowledged), disk => CountRecords(disk) >= acknowledged));
    }

    [Fact]
    public void A_log_that_acknowledges_before_the_sync_is_found_out()
    {
        var acknowledged = 0;
        Assert.NotEqual(0, Broken(disk => Append(disk, sync: false, ref acknowledged), disk => CountRecords(disk) >= acknowledged));
    }

    [Fact]
    public void A_log_whose_folder_was_not_synced_is_found_out()
    {
        var found = 0;
        for (var seed = 0; seed < SeedsPerOperation; seed++)
        {
            var disk = DiskOf(seed);
            using var file = disk.Create("log");
            file.Write(0, [1]);
            file.Sync();
            found += disk.Crash().Exists("log") ? 1 : 0;
        }

        Assert.InRange(found, 1, SeedsPerOperation - 1);
    }

    [Fact]
    public void The_operation_that_crashes_says_so_and_all_later_ones()
    {
        var disk = DiskOf(1);
        using var file = disk.CreateSynced("a", [1]);
        Assert.Equal(4, disk.OperationCount);
        Assert.Throws<ArgumentOutOfRangeException>(() => disk.CrashAt(4));
        disk.CrashAt(6);
        file.Read(0, new byte[1]);
        file.Write(0, [2]);
        Assert.Throws<DiskCrashedException>(file.Sync);
        Assert.Throws<DiskCrashedException>(() => file.Read(0, new byte[1]));
        Assert.Equal(6, disk.OperationCount);
        var next = disk.Crash();
        Assert.Equal(0, next.OperationCount);
        Assert.Single(next.ReadAll("a"));
    }

    [Fact]
    public void An_operation_that_would_have_failed_crashes_all_the_same()
    {
        var disk = DiskOf(1);
        disk.CrashAt(1);
        Assert.Throws<DiskCrashedException>(() => disk.Create("no/folder"));
    }

    [Fact]
    public void A_write_in_a_killed_process_may_have_come_to_any_byte()
    {
        var lengths = new SortedSet<int>();
        for (var seed = 0; seed < 2000; seed++)
        {
            var disk = DiskOf(seed);
            using var file = disk.Create("a");
            disk.CrashAt(2);
            Assert.Throws<DiskCrashedException>(() => file.Write(0, DiskBytes.Pattern(1, 20)));
            var left = disk.Crash(lossless: true).ReadAll("a");
            Assert.Equal(DiskBytes.Pattern(1, 20)[..left.Length], left);
            lengths.Add(left.Length);
        }

        Assert.Equal(Enumerable.Range(0, 21), lengths);
    }

    [Fact]
    public void Each_kind_of_operation_happens_or_does_not_happen()
    {
        var met = new SortedSet<string>(StringComparer.Ordinal);
        var work = new Action<MemoryDisk>[]
        {
            disk => disk.Create("new"),
            disk => disk.Delete("a"),
            disk => disk.Move("a", "b"),
            disk => disk.DeleteFolder("x"),
            disk => disk.CreateFolder("y/z"),
            disk => disk.SyncFolder(""),
        };
        for (var seed = 0; seed < 600; seed++)
        {
            var disk = DiskOf(seed);
            disk.CreateFolder("x");
            disk.CreateSynced("a", [1]).Dispose();
            disk.CreateSynced("x/c", [1]).Dispose();
            disk.CrashAt(disk.OperationCount + 1);
            var kind = seed % work.Length;
            Assert.Throws<DiskCrashedException>(() => work[kind](disk));
            disk = disk.Crash(lossless: true);
            met.Add($"{kind}: {string.Join(' ', disk.ListFiles(""))} x/{string.Join(' ', disk.ListFiles("x"))} {string.Join(' ', disk.ListFolders(""))}");
        }

        Assert.Equal(
            [
                "0: a new x/c x", "0: a x/c x", "1:  x/c x", "1: a x/c x", "2: a x/c x", "2: b x/c x", "3: a x/ ", "3: a x/ x", "3: a x/c x",
                "4: a x/c x", "4: a x/c x y", "5: a x/c x",
            ],
            met);
    }

    // How many of the crashes, at each operation of the program and with many seeds, leave a disk that does not keep the promise.
    private static int Broken(Action<MemoryDisk> program, Func<MemoryDisk, bool> isKept)
    {
        var whole = DiskOf(0);
        program(whole);
        var broken = 0;
        for (var operation = 1L; operation <= whole.OperationCount; operation++)
        {
            for (var seed = 0; seed < SeedsPerOperation; seed++)
            {
                var disk = DiskOf(seed);
                disk.CrashAt(operation);
                Assert.Throws<DiskCrashedException>(() => program(disk));
                var left = disk.Crash(lossless: seed % 5 == 0);
                broken += !left.Exists("ready") || isKept(left) ? 0 : 1;
            }
        }

        return broken;
    }

    private static void Replace(MemoryDisk disk, bool syncFile)
    {
        disk.CreateSynced("current", DiskBytes.Pattern(1, 2000)).Dispose();
        disk.CreateSynced("ready", []).Dispose();
        using (var next = disk.Create("next"))
        {
            next.Write(0, DiskBytes.Pattern(2, 2000));
            if (syncFile)
            {
                next.Sync();
            }
        }

        disk.Move("next", "current");
        disk.SyncFolder("");
    }

    private static bool IsVersion(byte[] bytes, int version) => bytes.AsSpan().SequenceEqual(DiskBytes.Pattern(version, 2000));

    private static void Append(MemoryDisk disk, bool sync, ref int acknowledged)
    {
        acknowledged = 0;
        using var log = disk.Create("log");
        log.Allocate(4096);
        log.Sync();
        disk.SyncFolder("");
        disk.CreateSynced("ready", []).Dispose();
        for (var record = 0; record < 12; record++)
        {
            log.Write(record * 300, DiskBytes.Pattern(record, 300));
            if (sync)
            {
                log.Sync();
            }

            acknowledged++;
        }
    }

    private static int CountRecords(MemoryDisk disk)
    {
        var log = disk.ReadAll("log");
        var records = 0;
        while ((records + 1) * 300 <= log.Length && log.AsSpan(records * 300, 300).SequenceEqual(DiskBytes.Pattern(records, 300)))
        {
            records++;
        }

        return records;
    }

    private static MemoryDisk DiskOf(int seed) => new(new MemoryDiskOptions { Seed = seed });
}
