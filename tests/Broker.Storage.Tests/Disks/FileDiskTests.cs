using Broker.Storage.Disks;

namespace Broker.Storage.Tests.Disks;

public sealed class FileDiskTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Folders_and_files_are_for_this_user_only()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no file modes");
        var disk = new FileDisk(_folder["a/b"]);
        disk.CreateFolder("x/y");
        disk.Create("x/y/z").Dispose();
        Assert.All(["a", "a/b", "a/b/x", "a/b/x/y"], path => Assert.Equal("700", ModeOf(path)));
        Assert.Equal("600", ModeOf("a/b/x/y/z"));
    }

    [Fact]
    public void A_folder_that_is_there_is_opened_as_it_is()
    {
        using (var file = new FileDisk(_folder["a"]).CreateSynced("x", [1, 2]))
        {
            Assert.Equal("x", file.Path);
        }

        Assert.Equal([1, 2], new FileDisk(_folder["a"] + "/").AllOf("x"));
        Assert.Equal([1, 2], new FileDisk(Path.GetRelativePath(Environment.CurrentDirectory, _folder["a"])).AllOf("x"));
    }

    [Fact]
    public void A_disk_cannot_stand_on_a_file()
    {
        File.WriteAllBytes(_folder["file"], []);
        Assert.Equal(DiskError.Exists, DiskBytes.Error(() => _ = new FileDisk(_folder["file"])));
        Assert.Throws<DiskException>(() => new FileDisk(_folder["file/below"]));
    }

    [Fact]
    public void An_allocated_range_takes_its_place_at_once()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs stat(1)");
        var disk = new FileDisk(_folder.Path);
        using var file = disk.Create("a");
        file.SetLength(500_000);
        file.Allocate(3_000_000);
        Assert.InRange(BlocksOf("a") * 512, 3_000_000, 4_000_000);
    }

    [Fact]
    public void A_full_disk_says_so_and_gives_back_what_it_could_not_keep()
    {
        OnSmallFileSystem(4 << 20, root =>
        {
            var disk = new FileDisk(Path.Join(root, "disk"));
            using var file = disk.CreateSynced("a", DiskBytes.Pattern(1, 100_000));
            var free = disk.FreeBytes;
            Assert.InRange(free, 3 << 20, 4 << 20);
            Assert.Equal(DiskError.Full, DiskBytes.Error(() => file.Allocate(8 << 20)));
            Assert.Equal(100_000, file.Length);
            Assert.Equal(free, disk.FreeBytes);
            Assert.Equal(DiskBytes.Pattern(1, 100_000), file.All());
            Assert.Equal(DiskError.Full, DiskBytes.Error(() => file.Write(100_000, DiskBytes.Pattern(2, 8 << 20))));
            file.SetLength(100_000);
            var pieces = Enumerable.Range(0, 9).Select(i => new ReadOnlyMemory<byte>(DiskBytes.Pattern(i, 1 << 20))).ToList();
            var failure = Assert.Throws<DiskException>(() => file.Write(100_000, pieces));
            Assert.Equal(DiskError.Full, failure.Error);
            Assert.Contains(Path.Join(root, "disk/a"), failure.Message, StringComparison.Ordinal);
            file.SetLength(100_000);
            file.Sync();
            Assert.Equal(DiskBytes.Pattern(1, 100_000), file.All());
        });
    }

    [Fact]
    public void A_disk_without_room_for_another_file_says_so()
    {
        OnSmallFileSystem(1 << 20, inodes: 5, test: root =>
        {
            var disk = new FileDisk(root);
            var error = DiskError.Io;
            for (var i = 0; i < 6 && error != DiskError.Full; i++)
            {
                try
                {
                    disk.Create($"{i}").Dispose();
                }
                catch (DiskException e)
                {
                    error = e.Error;
                }
            }

            Assert.Equal(DiskError.Full, error);
            Assert.Equal(DiskError.Full, DiskBytes.Error(() => disk.CreateFolder("folder")));
        });
    }

    [Fact]
    public void A_disk_that_must_not_be_written_denies_access()
    {
        OnSmallFileSystem(1 << 20, root =>
        {
            var disk = new FileDisk(root);
            disk.CreateSynced("a", [1]).Dispose();
            Mount.MakeReadOnly(root);
            Assert.Equal(DiskError.AccessDenied, DiskBytes.Error(() => disk.Create("b")));
            Assert.Equal(DiskError.AccessDenied, DiskBytes.Error(() => disk.Open("a")));
            Assert.Equal(DiskError.AccessDenied, DiskBytes.Error(() => disk.Delete("a")));
            Assert.Equal(DiskError.AccessDenied, DiskBytes.Error(() => disk.Move("a", "b")));
            Assert.Equal(DiskError.AccessDenied, DiskBytes.Error(() => disk.CreateFolder("x")));
            Assert.Equal(["a"], disk.ListFiles(""));
        });
    }

    [Fact]
    public void A_folder_that_may_not_be_looked_into_is_not_an_empty_one()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows has no file modes");
            return;
        }

        Assert.SkipWhen(Environment.IsPrivilegedProcess, "root may look into everything");
        var disk = new FileDisk(_folder.Path);
        disk.CreateFolder("x/y");
        disk.Create("x/a").Dispose();
        File.SetUnixFileMode(_folder["x"], UnixFileMode.None);
        try
        {
            Assert.Equal(DiskError.AccessDenied, DiskBytes.Error(() => disk.ListFiles("x")));
            Assert.Equal(DiskError.AccessDenied, DiskBytes.Error(() => disk.ListFolders("x/y")));
            Assert.Equal(DiskError.AccessDenied, DiskBytes.Error(() => disk.Exists("x/a")));
            Assert.Equal(DiskError.AccessDenied, DiskBytes.Error(() => disk.Open("x/a")));
            Assert.Equal(DiskError.AccessDenied, DiskBytes.Error(() => disk.SyncFolder("x")));
        }
        finally
        {
            File.SetUnixFileMode(_folder["x"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    [Fact]
    public void A_file_is_not_moved_to_another_file_system_by_copying()
    {
        OnSmallFileSystem(1 << 20, root =>
        {
            var disk = new FileDisk(_folder.Path);
            disk.CreateSynced("a", [1]).Dispose();
            Assert.Equal(DiskError.Io, DiskBytes.Error(() => disk.Move("a", $"{Path.GetFileName(root)}/a")));
            Assert.Equal([1], disk.AllOf("a"));
        });
    }

    public void Dispose() => _folder.Dispose();

    private void OnSmallFileSystem(long bytes, Action<string> test, int inodes = 1000)
    {
        var root = _folder["mounted"];
        Directory.CreateDirectory(root);
        Mount.Run(root, bytes, inodes, () => test(root));
    }

    private string ModeOf(string path) => Convert.ToString((int)new FileInfo(_folder[path]).UnixFileMode, 8);

    private long BlocksOf(string path)
    {
        using var stat = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("stat", ["-c", "%b", _folder[path]]) { RedirectStandardOutput = true })!;
        return long.Parse(stat.StandardOutput.ReadToEnd(), System.Globalization.CultureInfo.InvariantCulture);
    }
}
