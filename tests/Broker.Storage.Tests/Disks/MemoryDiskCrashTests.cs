using Broker.Storage.Disks;

namespace Broker.Storage.Tests.Disks;

public sealed class MemoryDiskCrashTests
{
    private const int Sector = 512;
    private const int Seeds = 300;

    [Fact]
    public void What_was_synced_is_there_whatever_happens()
    {
        var crashes = (Lost: 0, Killed: 0);
        for (var seed = 0; seed < 3000; seed++)
        {
            var history = new DiskHistory(seed);
            history.Run(rounds: 4);
            crashes = (crashes.Lost + history.Crashes.Lost, crashes.Killed + history.Crashes.Killed);
        }

        Assert.True(crashes.Lost > 5000 && crashes.Killed > 1000, $"too few crashes: {crashes}");
    }

    [Fact]
    public void Each_sector_has_any_of_its_states_independently_of_others()
    {
        var met = new HashSet<(int, int)>();
        for (var seed = 0; seed < Seeds; seed++)
        {
            var disk = DiskOf(seed);
            using var file = disk.CreateSynced("a", Filled(2 * Sector, 1));
            file.Write(0, Filled(2 * Sector, 2));
            file.Write(0, Filled(2 * Sector, 3));
            var left = disk.Crash().ReadAll("a");
            Assert.Equal(2 * Sector, left.Length);
            Assert.All(left[..Sector], each => Assert.Equal(left[0], each));
            Assert.All(left[Sector..], each => Assert.Equal(left[Sector], each));
            met.Add((left[0], left[Sector]));
        }

        // The first write whole and the second in its second half only, and so on: torn and reordered in all ways that there are.
        Assert.Equal(9, met.Count);
    }

    [Fact]
    public void A_later_write_may_survive_an_earlier_one()
    {
        Assert.Contains(Outcomes(Write), left => left[0] == 1 && left[Sector] == 3);
        Assert.Contains(Outcomes(Write), left => left[0] == 2 && left[Sector] == 1);

        static void Write(IDiskFile file)
        {
            file.Write(0, Filled(Sector, 2));
            file.Write(Sector, Filled(Sector, 3));
        }
    }

    [Fact]
    public void A_file_that_grew_may_have_any_of_its_lengths_and_zeros_in_place_of_bytes()
    {
        var outcomes = Outcomes(file =>
        {
            file.Write(4 * Sector, Filled(100, 2));
            file.Write((4 * Sector) + 100, Filled(2 * Sector, 2));
        });
        Assert.Equal([2048, 2148, 2560, 3072, 3172], outcomes.Select(left => left.Length).Distinct().Order());
        Assert.Contains(outcomes, left => left.Length == 3172 && left[2600] == 0);
        Assert.Contains(outcomes, left => left.Length == 3172 && left[2100] == 0 && left[2600] == 2);
        Assert.All(outcomes, left => Assert.Equal(Filled(4 * Sector, 1), left[..2048]));
    }

    [Fact]
    public void A_file_may_have_been_cut_off_or_not()
    {
        var outcomes = Outcomes(file => file.SetLength(700));
        Assert.Equal([700, 2048], outcomes.Select(left => left.Length).Distinct().Order());
        Assert.All(outcomes, left => Assert.Equal(Filled(700, 1), left[..700]));
        Assert.Contains(outcomes, left => left.Length == 2048 && left.All(each => each == 1));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_was_cut_off_may_come_back_under_what_was_written_since(bool isCutTwice)
    {
        var outcomes = Outcomes(file =>
        {
            file.SetLength(0);
            file.Allocate(4 * Sector);
            if (isCutTwice)
            {
                file.SetLength(0);
            }

            file.Write(Sector, Filled(Sector, 2));
        });
        Assert.Equal([0, 1, 2], outcomes.Where(left => left.Length > Sector).Select(left => (int)left[Sector]).Distinct().Order());
    }

    [Fact]
    public void What_was_cut_off_and_synced_does_not_come_back()
    {
        var outcomes = Outcomes(file =>
        {
            file.SetLength(700);
            file.Sync();
            file.SetLength(2048);
        });
        Assert.All(outcomes, left => Assert.DoesNotContain(left[700..], each => each != 0));
    }

    [Fact]
    public void Nothing_that_was_synced_is_lost()
    {
        var outcomes = Outcomes(file =>
        {
            file.Write(100, Filled(3000, 2));
            file.Allocate(5000);
            file.SetLength(4000);
            file.Sync();
        });
        Assert.All(outcomes, left => Assert.Equal([.. Filled(100, 1), .. Filled(3000, 2), .. new byte[900]], left));
    }

    [Fact]
    public void The_first_few_changes_of_a_folder_survive()
    {
        var met = new SortedSet<string>(StringComparer.Ordinal);
        for (var seed = 0; seed < Seeds; seed++)
        {
            var disk = DiskOf(seed);
            disk.CreateSynced("a", [1]).Dispose();
            disk.Create("b").Dispose();
            disk.Move("a", "c");
            disk.Move("b", "c");
            disk.Delete("c");
            disk.Create("d").Dispose();
            disk = disk.Crash();
            met.Add(string.Join(' ', disk.ListFiles("").Select(name => $"{name}{disk.ReadAll(name).Length}")));
        }

        Assert.Equal(["", "a1", "a1 b0", "b0 c1", "c0", "d0"], met);
    }

    [Fact]
    public void What_was_synced_of_a_folder_is_certain()
    {
        for (var seed = 0; seed < Seeds; seed++)
        {
            var disk = DiskOf(seed);
            disk.CreateFolder("x/y");
            disk.CreateSynced("x/a", [1]).Dispose();
            disk.CreateSynced("x/y/b", [2]).Dispose();
            disk.Create("x/next").Dispose();
            disk.Move("x/a", "x/c");
            disk.Delete("x/next");
            disk.SyncFolder("x");
            disk = disk.Crash();
            Assert.Equal(["c"], disk.ListFiles("x"));
            Assert.Equal([1], disk.ReadAll("x/c"));
            Assert.Equal([2], disk.ReadAll("x/y/b"));
        }
    }

    [Fact]
    public void A_folder_is_certain_at_once_but_not_its_neighbours()
    {
        var lost = 0;
        for (var seed = 0; seed < Seeds; seed++)
        {
            var disk = DiskOf(seed);
            disk.CreateFolder("x/y");
            disk.CreateSynced("x/y/a", [1]).Dispose();
            disk.Create("x/b").Dispose();
            disk.DeleteFolder("x/y");
            disk.CreateFolder("x/y");
            disk.CreateFolder("x/z");
            disk = disk.Crash();
            Assert.Equal(["y", "z"], disk.ListFolders("x"));
            Assert.Empty(disk.ListFiles("x/y"));
            lost += disk.Exists("x/b") ? 0 : 1;
        }

        Assert.InRange(lost, 1, Seeds - 1);
    }

    [Fact]
    public void A_deleted_folder_may_be_there_with_some_of_its_files()
    {
        var met = new SortedSet<string>(StringComparer.Ordinal);
        for (var seed = 0; seed < Seeds; seed++)
        {
            var disk = DiskOf(seed);
            disk.CreateFolder("x");
            disk.CreateSynced("x/a", [1]).Dispose();
            disk.CreateSynced("x/b", [1]).Dispose();
            disk.DeleteFolder("x");
            if (seed % 2 == 0)
            {
                disk.SyncFolder("");
                Assert.Empty(disk.Crash().ListFolders(""));
                continue;
            }

            disk = disk.Crash();
            met.Add($"{string.Join(' ', disk.ListFolders(""))}: {string.Join(' ', disk.ListFiles("x"))}");
        }

        Assert.Equal([": ", "x: ", "x: a b", "x: b"], met);
    }

    [Fact]
    public void A_file_that_moves_between_folders_may_be_in_both_but_never_in_none()
    {
        var met = new SortedSet<string>(StringComparer.Ordinal);
        for (var seed = 0; seed < Seeds; seed++)
        {
            var disk = DiskOf(seed);
            disk.CreateFolder("x");
            disk.CreateSynced("a", [1]).Dispose();
            disk.Move("a", "x/b");
            if (seed % 3 == 0)
            {
                disk.SyncFolder("");
            }

            disk = disk.Crash();
            met.Add($"{seed % 3 == 0} {disk.Exists("a")} {disk.Exists("x/b")}");
            if (disk.Exists("x/b"))
            {
                Assert.Equal([1], disk.ReadAll("x/b"));
                disk.Delete("a");
                Assert.Equal([1], disk.ReadAll("x/b"));
            }
        }

        Assert.Equal(["False False True", "False True False", "False True True", "True False True"], met);
    }

    [Fact]
    public void A_killed_process_leaves_everything_that_it_has_written()
    {
        var disk = DiskOf(1);
        using var file = disk.CreateSynced("a", Filled(1000, 1));
        file.Write(500, Filled(1000, 2));
        disk.Create("b").Dispose();
        disk.Delete("missing");
        disk = disk.Crash(lossless: true);
        Assert.Equal([.. Filled(500, 1), .. Filled(1000, 2)], disk.ReadAll("a"));
        Assert.Equal(["a", "b"], disk.ListFiles(""));
    }

    [Fact]
    public void What_a_killed_process_has_written_is_still_not_synced()
    {
        var lost = (Bytes: 0, Files: 0);
        for (var seed = 0; seed < Seeds; seed++)
        {
            var disk = DiskOf(seed);
            using var file = disk.CreateSynced("a", Filled(Sector, 1));
            file.Write(0, Filled(Sector, 2));
            disk.Create("b").Dispose();
            disk = disk.Crash(lossless: true);
            var isSynced = seed % 2 == 0;
            if (isSynced)
            {
                using var again = disk.Open("a");
                again.Sync();
                disk.SyncFolder("");
            }

            disk = disk.Crash();
            Assert.True(!isSynced || (disk.ReadAll("a")[0] == 2 && disk.Exists("b")));
            lost = (lost.Bytes + (disk.ReadAll("a")[0] == 1 ? 1 : 0), lost.Files + (disk.Exists("b") ? 0 : 1));
        }

        Assert.InRange(lost.Bytes, 1, Seeds / 2);
        Assert.InRange(lost.Files, 1, Seeds / 2);
    }

    [Fact]
    public void Who_was_on_the_disk_when_it_crashed_can_do_nothing_any_more()
    {
        var disk = DiskOf(1);
        var file = disk.CreateSynced("a", [1]);
        var next = disk.Crash();
        Assert.True(disk.HasCrashed);
        Assert.False(next.HasCrashed);
        Action[] calls =
        [
            () => disk.Create("b"), () => disk.Open("a"), () => disk.Exists("a"), () => disk.ListFiles(""), () => disk.ListFolders(""), () => disk.Delete("a"),
            () => disk.Move("a", "b"), () => disk.CreateFolder("x"), () => disk.DeleteFolder("x"), () => disk.SyncFolder(""), () => disk.ReadAll("a"),
            () => disk.FlipBit("a", 0, 0), () => _ = disk.FreeBytes, () => file.Write(0, [2]), () => file.Read(0, new byte[1]), () => file.Sync(),
            () => file.Allocate(10), () => file.SetLength(0), () => _ = file.Length,
        ];
        Assert.All(calls, call => Assert.Throws<DiskCrashedException>(call));
        file.Dispose();
        Assert.Throws<InvalidOperationException>(() => disk.Crash());
        Assert.Equal([1], next.ReadAll("a"));
    }

    private static List<byte[]> Outcomes(Action<IDiskFile> work)
    {
        var outcomes = new List<byte[]>();
        for (var seed = 0; seed < Seeds; seed++)
        {
            var disk = DiskOf(seed);
            using var file = disk.CreateSynced("a", Filled(4 * Sector, 1));
            work(file);
            outcomes.Add(disk.Crash().ReadAll("a"));
        }

        return outcomes;
    }

    private static MemoryDisk DiskOf(int seed) => new(new MemoryDiskOptions { Seed = seed, SectorBytes = Sector });

    private static byte[] Filled(int length, byte value)
    {
        var bytes = new byte[length];
        bytes.AsSpan().Fill(value);
        return bytes;
    }
}
