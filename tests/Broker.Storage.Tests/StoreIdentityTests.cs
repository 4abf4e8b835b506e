using System.Text;
using Broker.Storage.Disks;
using Broker.Storage.Tests.Disks;

namespace Broker.Storage.Tests;

public sealed class StoreIdentityTests
{
    private const string File = "identity.json";

    [Fact]
    public void A_store_is_made_once_and_found_again()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var disk = new MemoryDisk(new MemoryDiskOptions { Seed = seed });
            var made = StoreIdentity.ReadOrCreate(disk, "node-1");
            Assert.Equal((StoreIdentity.CurrentFormat, "node-1"), (made.Format, made.Node));
            Assert.NotEqual(Guid.Empty, made.Store);
            disk = disk.Crash();
            Assert.Equal(made, StoreIdentity.ReadOrCreate(disk, "node-1"));
            Assert.Equal([File], disk.ListFiles(""));
        }
    }

    [Fact]
    public void A_crash_while_a_store_is_made_leaves_none_or_all_of_it()
    {
        var kept = 0;
        for (var at = 1; at <= 7; at++)
        {
            for (var seed = 0; seed < 20; seed++)
            {
                var disk = new MemoryDisk(new MemoryDiskOptions { Seed = seed });
                disk.CrashAt(at);
                StoreIdentity? made = null;
                try
                {
                    made = StoreIdentity.ReadOrCreate(disk, "node-1");
                }
                catch (DiskCrashedException)
                {
                    // The next process finds what is left.
                }

                disk = disk.Crash(lossless: seed % 2 == 0);
                var found = StoreIdentity.ReadOrCreate(disk, "node-1");
                Assert.True(made is null || made == found);
                Assert.Equal(found, StoreIdentity.ReadOrCreate(disk.Crash(), "node-1"));
                kept += made is null ? 0 : 1;
            }
        }

        Assert.True(kept > 0);
    }

    [Fact]
    public void A_store_of_another_node_is_refused()
    {
        var disk = new MemoryDisk();
        StoreIdentity.ReadOrCreate(disk, "node-1");
        var refused = Assert.Throws<StoreException>(() => StoreIdentity.ReadOrCreate(disk, "node-2"));
        Assert.Equal(StoreProblem.OtherNode, refused.Problem);
        Assert.Contains("belongs to node 'node-1', and this node is 'node-2'", refused.Message, StringComparison.Ordinal);
        Assert.Contains("another data folder", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_store_of_a_newer_format_is_refused()
    {
        var refused = Refused("""{ "format": 2, "store": "0190a1b2-0000-7000-8000-000000000001", "node": "node-1", "more": [1] }""");
        Assert.Equal(StoreProblem.NewerFormat, refused.Problem);
        Assert.Contains("has format 2", refused.Message, StringComparison.Ordinal);
        Assert.Contains("Start the newer version", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("[1]")]
    [InlineData("\0\0\0\0\0\0\0\0")]
    [InlineData("""{ "format": 1, "store": "0190a1b2-0000-7000-8000-000000000001", "node": "nod""")]
    [InlineData("""{ "format": 1, "store": "none", "node": "node-1" }""")]
    [InlineData("""{ "format": 1, "node": "node-1" }""")]
    [InlineData("""{ "format": 1, "store": "0190a1b2-0000-7000-8000-000000000001" }""")]
    public void An_identity_that_cannot_be_read_is_refused(string json)
    {
        var refused = Refused(json);
        Assert.Equal(StoreProblem.Unreadable, refused.Problem);
        Assert.Contains($"'{File}' cannot be read", refused.Message, StringComparison.Ordinal);
        Assert.Contains("Put it back from a copy", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_store_without_its_identity_is_not_taken_for_an_empty_one()
    {
        var disk = new MemoryDisk();
        StoreIdentity.ReadOrCreate(disk, "node-1");
        disk.CreateFolder("log");
        disk.Delete(File);
        var refused = Assert.Throws<StoreException>(() => StoreIdentity.ReadOrCreate(disk, "node-1"));
        Assert.Equal(StoreProblem.Unreadable, refused.Problem);
        Assert.Contains($"has no '{File}' and is not empty", refused.Message, StringComparison.Ordinal);
        Assert.False(disk.Exists(File));
    }

    private static StoreException Refused(string json)
    {
        var disk = new MemoryDisk();
        disk.CreateSynced(File, Encoding.UTF8.GetBytes(json)).Dispose();
        var refused = Assert.Throws<StoreException>(() => StoreIdentity.ReadOrCreate(disk, "node-1"));
        Assert.Equal(json, Encoding.UTF8.GetString(disk.ReadAll(File)));
        return refused;
    }
}
