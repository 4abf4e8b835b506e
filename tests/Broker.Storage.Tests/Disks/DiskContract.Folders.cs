using Broker.Storage.Disks;

namespace Broker.Storage.Tests.Disks;

/// <summary>Names: what is created, moved, listed and deleted.</summary>
public abstract partial class DiskContract
{
    [Fact]
    public void What_is_there_is_not_created_again()
    {
        Disk.CreateFolder("folder");
        Disk.Create("a").Dispose();
        Assert.Equal(DiskError.Exists, DiskBytes.Error(() => Disk.Create("a")));
        Assert.Equal(DiskError.Exists, DiskBytes.Error(() => Disk.Create("folder")));
        Assert.Equal(DiskError.Exists, DiskBytes.Error(() => Disk.CreateFolder("a")));
        Assert.Equal(DiskError.Exists, DiskBytes.Error(() => Disk.CreateFolder("a/b")));
    }

    [Fact]
    public void What_is_not_there_cannot_be_used()
    {
        Disk.Create("a").Dispose();
        Assert.Equal(DiskError.NotFound, DiskBytes.Error(() => Disk.Open("b")));
        Assert.Equal(DiskError.NotFound, DiskBytes.Error(() => Disk.Open("b/c")));
        Assert.Equal(DiskError.NotFound, DiskBytes.Error(() => Disk.Open("a/c")));
        Assert.Equal(DiskError.NotFound, DiskBytes.Error(() => Disk.Create("b/c")));
        Assert.Equal(DiskError.NotFound, DiskBytes.Error(() => Disk.Create("a/c")));
        Assert.Equal(DiskError.NotFound, DiskBytes.Error(() => Disk.Move("b", "c")));
        Assert.Equal(DiskError.NotFound, DiskBytes.Error(() => Disk.Move("a", "b/c")));
        Assert.Equal(DiskError.NotFound, DiskBytes.Error(() => Disk.SyncFolder("b")));
        Assert.Equal(DiskError.NotFound, DiskBytes.Error(() => Disk.SyncFolder("a")));
        Assert.False(Disk.Exists("b"));
        Assert.False(Disk.Exists("a/c"));
        Assert.True(Disk.Exists("a"));
    }

    [Fact]
    public void A_failure_names_the_file()
    {
        var failure = Assert.Throws<DiskException>(() => Disk.Open("some/where"));
        Assert.Contains("some/where", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_is_no_file()
    {
        Disk.CreateFolder("folder");
        Disk.Create("a").Dispose();
        Assert.False(Disk.Exists("folder"));
        Assert.Equal(DiskError.AccessDenied, DiskBytes.Error(() => Disk.Open("folder")));
        Assert.Equal(DiskError.AccessDenied, DiskBytes.Error(() => Disk.Delete("folder")));
        Assert.Equal(DiskError.NotFound, DiskBytes.Error(() => Disk.Move("folder", "other")));
        Assert.Throws<DiskException>(() => Disk.Move("a", "folder"));
        Disk.DeleteFolder("a");
        Assert.True(Disk.Exists("a"));
    }

    [Fact]
    public void Folders_are_created_with_their_parents()
    {
        Disk.CreateFolder("a/b/c");
        Disk.CreateFolder("a/b/c");
        Disk.CreateFolder("a/d");
        Disk.CreateFolder("");
        Assert.Equal(["a"], Disk.ListFolders(""));
        Assert.Equal(["b", "d"], Disk.ListFolders("a"));
        Assert.Equal(["c"], Disk.ListFolders("a/b"));
        Disk.SyncFolder("a/b/c");
        Disk.SyncFolder("");
    }

    [Fact]
    public void Lists_are_in_ordinal_order_and_tell_files_from_folders()
    {
        Disk.CreateFolder("x/b");
        Disk.CreateFolder("x/A");
        foreach (var name in new[] { "b.log", "a.log", "B.log", "10", "9", "ä" })
        {
            Disk.Create($"x/{name}").Dispose();
        }

        Assert.Equal(["10", "9", "B.log", "a.log", "b.log", "ä"], Disk.ListFiles("x"));
        Assert.Equal(["A", "b"], Disk.ListFolders("x"));
    }

    [Fact]
    public void A_folder_that_is_not_there_lists_nothing()
    {
        Disk.Create("a").Dispose();
        Assert.Empty(Disk.ListFiles("b"));
        Assert.Empty(Disk.ListFolders("b/c"));
        Assert.Empty(Disk.ListFiles("a"));
        Assert.Empty(Disk.ListFolders("a/b"));
    }

    [Fact]
    public void A_file_moves_with_its_content()
    {
        Disk.CreateFolder("x");
        using var file = Disk.Create("a");
        file.Write(0, DiskBytes.Pattern(1, 600));
        Disk.Move("a", "b");
        Disk.Move("b", "x/c");
        file.Write(600, DiskBytes.Pattern(2, 10));
        Assert.Empty(Disk.ListFiles(""));
        Assert.Equal([.. DiskBytes.Pattern(1, 600), .. DiskBytes.Pattern(2, 10)], Disk.AllOf("x/c"));
        Assert.Equal("a", file.Path);
    }

    [Fact]
    public void A_moved_file_replaces_the_one_that_is_there()
    {
        using var old = Disk.Create("current");
        old.Write(0, [1, 2, 3]);
        using (var file = Disk.Create("next"))
        {
            file.Write(0, [4]);
        }

        Disk.Move("next", "current");
        Disk.Move("current", "current");
        Assert.Equal(["current"], Disk.ListFiles(""));
        Assert.Equal([4], Disk.AllOf("current"));
        Assert.Equal([1, 2, 3], old.All());
    }

    [Fact]
    public void Who_has_a_deleted_file_open_goes_on()
    {
        using var file = Disk.Create("a");
        file.Write(0, [1, 2, 3]);
        Disk.Delete("a");
        Disk.Delete("a");
        Assert.False(Disk.Exists("a"));
        file.Write(3, [4]);
        file.Sync();
        Assert.Equal([1, 2, 3, 4], file.All());
        using var other = Disk.Create("a");
        Assert.Equal(0, other.Length);
    }

    [Fact]
    public void Deleting_what_is_not_there_has_no_effect()
    {
        Disk.Create("a").Dispose();
        Disk.Delete("b");
        Disk.Delete("b/c");
        Disk.Delete("a/c");
        Disk.DeleteFolder("b");
        Disk.DeleteFolder("b/c");
        Assert.Equal(["a"], Disk.ListFiles(""));
    }

    [Fact]
    public void A_folder_is_deleted_with_everything_in_it()
    {
        Disk.CreateFolder("a/b/c");
        Disk.Create("a/x").Dispose();
        using var file = Disk.Create("a/b/c/y");
        Disk.DeleteFolder("a/b");
        Assert.Empty(Disk.ListFolders("a"));
        Assert.Equal(["x"], Disk.ListFiles("a"));
        file.Write(0, [1]);
        Assert.Equal([1], file.All());
        Disk.CreateFolder("a/b");
        Assert.Empty(Disk.ListFolders("a/b"));
        Disk.DeleteFolder("a");
        Assert.Empty(Disk.ListFolders(""));
        Disk.SyncFolder("");
    }

    [Theory]
    [InlineData("../a")]
    [InlineData("a/../b")]
    [InlineData("/a")]
    [InlineData("a//b")]
    [InlineData("a/")]
    [InlineData("./a")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("a\\b")]
    [InlineData("a\0")]
    public void A_path_stays_on_the_disk(string path)
    {
        Disk.Create("b").Dispose();
        Assert.Throws<ArgumentException>(() => Disk.Create(path));
        Assert.Throws<ArgumentException>(() => Disk.Open(path));
        Assert.Throws<ArgumentException>(() => Disk.Exists(path));
        Assert.Throws<ArgumentException>(() => Disk.Delete(path));
        Assert.Throws<ArgumentException>(() => Disk.Move("b", path));
        Assert.Throws<ArgumentException>(() => Disk.Move(path, "c"));
        Assert.Throws<ArgumentException>(() => Disk.CreateFolder(path));
        Assert.Throws<ArgumentException>(() => Disk.DeleteFolder(path));
        Assert.Throws<ArgumentException>(() => Disk.SyncFolder(path));
        Assert.Throws<ArgumentException>(() => Disk.ListFiles(path));
        Assert.Throws<ArgumentException>(() => Disk.ListFolders(path));
    }

    [Fact]
    public void The_disk_itself_is_no_file_and_is_not_deleted()
    {
        Assert.Throws<ArgumentException>(() => Disk.Create(""));
        Assert.Throws<ArgumentException>(() => Disk.Open(""));
        Assert.Throws<ArgumentException>(() => Disk.Delete(""));
        Assert.Throws<ArgumentException>(() => Disk.DeleteFolder(""));
    }
}
