using Broker.Storage.Disks;

namespace Broker.Storage.Tests.Disks;

public sealed class MemoryDiskFaultTests
{
    private const int Sector = 512;

    [Fact]
    public void An_operation_that_the_hook_refuses_fails_and_has_no_effect()
    {
        var disk = new MemoryDisk();
        using var file = disk.CreateSynced("a", [1, 2, 3]);
        disk.OnOperation = operation => operation.Kind is DiskOperationKind.Sync ? null : DiskError.Io;
        Action[] calls =
        [
            () => disk.Create("b"), () => disk.Open("a"), () => disk.Exists("a"), () => disk.ListFiles(""), () => disk.ListFolders(""), () => disk.Delete("a"),
            () => disk.Move("a", "b"), () => disk.CreateFolder("x"), () => disk.DeleteFolder("x"), () => disk.SyncFolder(""), () => file.Write(0, [9]),
            () => file.Write(0, [new byte[1]]), () => file.Allocate(10), () => file.SetLength(0), () => file.Read(0, new byte[1]),
        ];
        Assert.All(calls, call => Assert.Equal(DiskError.Io, DiskBytes.Error(call)));
        disk.OnOperation = null;
        Assert.Equal(["a"], disk.ListFiles(""));
        Assert.Empty(disk.ListFolders(""));
        Assert.Equal([1, 2, 3], file.All());
        Assert.Equal([1, 2, 3], disk.Crash().ReadAll("a"));
    }

    [Fact]
    public void The_hook_hears_of_every_operation_before_it_happens()
    {
        var disk = new MemoryDisk();
        var heard = new List<DiskOperation>();
        disk.OnOperation = operation =>
        {
            heard.Add(operation);
            return null;
        };
        disk.CreateFolder("x");
        using (var file = disk.Create("x/a"))
        {
            file.Allocate(100);
            file.Write(7, [new byte[3], new byte[2]]);
            file.Read(2, new byte[50]);
            file.SetLength(10);
            file.Sync();
        }

        disk.Move("x/a", "x/b");
        disk.SyncFolder("x");
        disk.Exists("x/b");
        disk.ListFiles("x");
        disk.ListFolders("x");
        disk.Open("x/b").Dispose();
        disk.Delete("x/b");
        disk.DeleteFolder("x");
        Assert.Equal(
            [
                new(DiskOperationKind.CreateFolder, "x"), new(DiskOperationKind.Create, "x/a"), new(DiskOperationKind.Allocate, "x/a", 0, 100),
                new(DiskOperationKind.Write, "x/a", 7, 5), new(DiskOperationKind.Read, "x/a", 2, 50), new(DiskOperationKind.SetLength, "x/a", 0, 10),
                new(DiskOperationKind.Sync, "x/a"), new(DiskOperationKind.Move, "x/a", 0, 0, "x/b"), new(DiskOperationKind.SyncFolder, "x"),
                new(DiskOperationKind.Exists, "x/b"), new(DiskOperationKind.ListFiles, "x"), new(DiskOperationKind.ListFolders, "x"),
                new(DiskOperationKind.Open, "x/b"), new(DiskOperationKind.Delete, "x/b"), new(DiskOperationKind.DeleteFolder, "x"),
            ],
            heard);
        Assert.Equal(10, disk.OperationCount);
    }

    [Fact]
    public void A_sync_that_fails_may_bring_back_the_old_bytes_and_no_later_sync_writes_the_new_ones()
    {
        var met = new SortedSet<string>(StringComparer.Ordinal);
        for (var seed = 0; seed < 200; seed++)
        {
            var disk = new MemoryDisk(new MemoryDiskOptions { Seed = seed });
            using var file = disk.CreateSynced("a", Filled(2 * Sector, 1));
            file.Write(0, Filled(Sector, 2));
            disk.OnOperation = operation => operation.Kind == DiskOperationKind.Sync ? DiskError.Io : null;
            Assert.Equal(DiskError.Io, DiskBytes.Error(file.Sync));
            disk.OnOperation = null;
            var seen = file.All()[0];
            file.Sync();
            var left = disk.Crash().ReadAll("a");
            Assert.Equal(Filled(Sector, 1), left[Sector..]);
            met.Add($"sees {seen}, finds {left[0]}");
        }

        Assert.Equal(["sees 1, finds 1", "sees 2, finds 1", "sees 2, finds 2"], met);
    }

    [Fact]
    public void What_is_written_again_after_a_failed_sync_can_be_synced()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var disk = new MemoryDisk(new MemoryDiskOptions { Seed = seed });
            using var file = disk.CreateSynced("a", Filled(Sector, 1));
            using var other = disk.CreateSynced("b", Filled(Sector, 5));
            file.Write(0, Filled(Sector, 2));
            other.Write(0, Filled(Sector, 6));
            disk.OnOperation = operation => operation is { Kind: DiskOperationKind.Sync, Path: "a" } ? DiskError.Io : null;
            Assert.Equal(DiskError.Io, DiskBytes.Error(file.Sync));
            other.Sync();
            disk.OnOperation = null;
            file.Write(0, Filled(Sector, 3));
            Assert.Equal(Filled(Sector, 3), file.All());
            file.Sync();
            disk = disk.Crash();
            Assert.Equal(Filled(Sector, 3), disk.ReadAll("a"));
            Assert.Equal(Filled(Sector, 6), disk.ReadAll("b"));
        }
    }

    [Fact]
    public void A_bit_that_flips_stays_flipped()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var disk = new MemoryDisk(new MemoryDiskOptions { Seed = seed });
            using var file = disk.CreateSynced("a", Filled(1000, 1));
            file.Write(0, Filled(1000, 2));
            disk.FlipBit("a", 600, 7);
            disk.FlipBit("a", 999, 0);
            Assert.Equal(0x82, file.All()[600]);
            Assert.Equal(3, file.All()[999]);
            var left = disk.Crash().ReadAll("a");
            Assert.Equal(left[601] ^ 0x80, left[600]);
            Assert.Equal(left[998] ^ 1, left[999]);
        }
    }

    [Fact]
    public void Damage_reaches_what_is_synced_and_over_the_bounds_of_sectors()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var disk = new MemoryDisk(new MemoryDiskOptions { Seed = seed });
            using var file = disk.CreateSynced("a", Filled(2000, 1));
            file.Write(700, Filled(10, 2));
            disk.Overwrite("a", 500, Filled(600, 9));
            Assert.Equal([.. Filled(500, 1), .. Filled(600, 9), .. Filled(900, 1)], file.All());
            Assert.Equal(file.All(), disk.ReadAll("a"));
            Assert.Equal([.. Filled(500, 1), .. Filled(600, 9), .. Filled(900, 1)], disk.Crash().ReadAll("a"));
        }
    }

    [Fact]
    public void Only_what_is_there_can_be_damaged()
    {
        var disk = new MemoryDisk();
        disk.CreateSynced("a", [1, 2]).Dispose();
        Assert.Throws<ArgumentOutOfRangeException>(() => disk.FlipBit("a", 2, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => disk.FlipBit("a", -1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => disk.FlipBit("a", 0, 8));
        Assert.Throws<ArgumentOutOfRangeException>(() => disk.Overwrite("a", 1, [1, 2]));
        Assert.Equal(DiskError.NotFound, DiskBytes.Error(() => disk.FlipBit("b", 0, 0)));
        Assert.Equal(DiskError.NotFound, DiskBytes.Error(() => disk.ReadAll("b")));
    }

    [Fact]
    public void A_full_disk_refuses_what_does_not_fit()
    {
        var disk = new MemoryDisk(new MemoryDiskOptions { CapacityBytes = 10 * Sector });
        using var file = disk.Create("a");
        file.Write(0, Filled(4 * Sector, 1));
        Assert.Equal(6 * Sector, disk.FreeBytes);
        Assert.Equal(DiskError.Full, DiskBytes.Error(() => file.Allocate((10 * Sector) + 1)));
        Assert.Equal(4 * Sector, file.Length);
        file.Allocate(8 * Sector);
        file.Allocate(8 * Sector);
        Assert.Equal(2 * Sector, disk.FreeBytes);
        file.Write(3 * Sector, Filled(5 * Sector, 2));
        Assert.Equal(2 * Sector, disk.FreeBytes);
        Assert.Equal(DiskError.Full, DiskBytes.Error(() => file.Write((7 * Sector) + 10, Filled(4 * Sector, 3))));
        Assert.Equal([.. Filled(3 * Sector, 1), .. Filled((4 * Sector) + 10, 2), .. Filled((3 * Sector) - 10, 3)], file.All());
        Assert.Equal(0, disk.FreeBytes);
        file.Write(0, Filled(Sector, 4));
    }

    [Fact]
    public void Space_comes_back_when_nobody_can_reach_it()
    {
        var disk = new MemoryDisk(new MemoryDiskOptions { CapacityBytes = 10 * Sector });
        var file = disk.CreateSynced("a", Filled(4 * Sector, 1));
        file.SetLength(Sector + 1);
        Assert.Equal(8 * Sector, disk.FreeBytes);
        file.SetLength(100 * Sector);
        Assert.Equal(8 * Sector, disk.FreeBytes);
        file.Sync();
        disk.Delete("a");
        Assert.Equal(8 * Sector, disk.FreeBytes);
        file.Dispose();
        Assert.Equal(10 * Sector, disk.FreeBytes);
        disk.CreateSynced("b", Filled(3 * Sector, 1)).Dispose();
        disk.CreateSynced("c", Filled(Sector, 1)).Dispose();
        disk.Move("c", "b");
        Assert.Equal(9 * Sector, disk.FreeBytes);
        disk.CreateFolder("x");
        disk.Move("b", "x/b");
        disk.DeleteFolder("x");
        Assert.Equal(10 * Sector, disk.FreeBytes);
    }

    [Fact]
    public void The_space_after_a_crash_is_that_of_the_files_that_are_left()
    {
        for (var seed = 0; seed < 100; seed++)
        {
            var disk = new MemoryDisk(new MemoryDiskOptions { Seed = seed, CapacityBytes = 100 * Sector });
            var file = disk.CreateSynced("a", Filled(4 * Sector, 1));
            disk.Create("b").Write(0, Filled(20 * Sector, 1));
            file.Write(4 * Sector, Filled(4 * Sector, 1));
            disk.Delete("a");
            disk = disk.Crash();
            Assert.InRange(disk.FreeBytes, (100 - 28) * Sector, 100 * Sector);
            disk.Delete("a");
            disk.Delete("b");
            Assert.Equal(100 * Sector, disk.FreeBytes);
        }
    }

    [Fact]
    public void Reads_may_be_short()
    {
        var disk = new MemoryDisk(new MemoryDiskOptions { ShortReads = true });
        using var file = disk.CreateSynced("a", DiskBytes.Pattern(1, 2000));
        var counts = new HashSet<int>();
        for (var i = 0; i < 200; i++)
        {
            var buffer = new byte[1500];
            var count = file.Read(300, buffer);
            Assert.Equal(DiskBytes.Pattern(1, 2000)[300..(300 + count)], buffer[..count]);
            counts.Add(count);
        }

        Assert.Contains(1500, counts);
        Assert.True(counts.Count > 20, "reads have too few lengths");
        Assert.DoesNotContain(0, counts);
    }

    [Fact]
    public void The_same_seed_gives_the_same_disk()
    {
        var outcomes = Enumerable.Range(0, 40).Select(run => Outcome(run / 2)).ToList();
        Assert.All(Enumerable.Range(0, 20), pair => Assert.Equal(outcomes[2 * pair], outcomes[(2 * pair) + 1]));
        Assert.True(outcomes.Distinct().Count() > 10, "seeds make no difference");
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(65_537, 0)]
    [InlineData(512, -1)]
    public void Options_that_make_no_disk_are_refused(int sectorBytes, long capacityBytes) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new MemoryDisk(new MemoryDiskOptions { SectorBytes = sectorBytes, CapacityBytes = capacityBytes }));

    [Fact]
    public void A_file_that_is_too_large_to_remember_is_refused()
    {
        var disk = new MemoryDisk();
        using var file = disk.Create("a");
        Assert.Equal(DiskError.Io, DiskBytes.Error(() => file.SetLength(long.MaxValue)));
        Assert.Equal(DiskError.Io, DiskBytes.Error(() => file.Allocate(1L << 40)));
        Assert.Equal(DiskError.Io, DiskBytes.Error(() => file.Write(long.MaxValue - 5, [1])));
    }

    private static string Outcome(int seed)
    {
        var disk = new MemoryDisk(new MemoryDiskOptions { Seed = seed });
        disk.CreateFolder("x");
        for (var i = 0; i < 5; i++)
        {
            var file = disk.CreateSynced($"x/{i}", Filled(5 * Sector, 1));
            file.Write(0, Filled(6 * Sector, 2));
            disk.Move($"x/{i}", $"x/m{i}");
        }

        disk.CrashAt(disk.OperationCount + 3);
        disk.Create("x/y").Write(0, Filled(5, 5));
        Assert.Throws<DiskCrashedException>(() => disk.SyncFolder("x"));
        disk = disk.Crash().Crash();
        return string.Join(' ', disk.ListFiles("x").Select(name => $"{name}={Convert.ToHexString(disk.ReadAll($"x/{name}"))}"));
    }

    private static byte[] Filled(int length, byte value)
    {
        var bytes = new byte[length];
        bytes.AsSpan().Fill(value);
        return bytes;
    }
}
