using System.Text.Json.Nodes;
using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Quarantines;
using Broker.Storage.Records;
using Broker.Storage.Segments;
using Broker.Storage.Tests.Disks;
using Broker.Storage.Tests.Log;
using Broker.Storage.Tests.Recovery;

namespace Broker.Storage.Tests.Golden;

/// <summary>The bytes of this format never change: see <c>tests/vectors/storage/README.md</c> for when and how they are written anew.</summary>
public sealed class GoldenFileTests
{
    public static TheoryData<string> Files => [.. GoldenStore.Names];

    public GoldenFileTests()
    {
        if (Environment.GetEnvironmentVariable("BROKER_WRITE_VECTORS") == "1")
        {
            foreach (var name in GoldenStore.Names)
            {
                GoldenFile.Write(name, GoldenStore.Make(name));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void What_an_earlier_build_has_written_is_read_as_it_was_meant(string file)
    {
        foreach (var vector in GoldenFile.Read(file))
        {
            var fields = GoldenFields.Of((string)vector!["structure"]!, BytesOf(vector));
            Assert.Equal(vector["fields"]!.ToJsonString(), fields.ToJsonString());
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void The_same_inputs_give_the_same_bytes(string file)
    {
        var made = GoldenStore.Make(file).Select(piece => $"{piece.Structure} {piece.Name} {Convert.ToHexStringLower(piece.Bytes)}");
        Assert.Equal(GoldenFile.Read(file).Select(vector => $"{vector!["structure"]} {vector["name"]} {vector["hex"]}"), made);
    }

    [Fact]
    public void Every_kind_of_record_is_there()
    {
        var kinds = new[] { "log", "segment" }.SelectMany(GoldenFile.Read).Where(v => (string)v!["structure"]! == "RECORD").Select(v => (string)v!["fields"]!["kind"]!);
        Assert.Equal(Enum.GetNames<RecordKind>().Order(StringComparer.Ordinal), kinds.Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_log_that_an_earlier_build_has_written_is_recovered()
    {
        var disk = new MemoryDisk();
        disk.CreateFolder(TestLog.Folder);
        disk.CreateSynced(TestLog.FirstFile, ContentOf("log")).Dispose();
        var found = new Findings();
        var log = WriteAheadLog.Open(disk, TestLog.Folder, GoldenStore.Store, TestLog.Small, found);
        Assert.Equal(["3/1", "3/2", "4/1", "3/3"], found.Story);
        Assert.All(found.Records, r => Assert.NotNull(log.Read(r.Header.Position, (int)r.Header.Length)));
    }

    [Fact]
    public void A_segment_that_an_earlier_build_has_written_is_listed_and_read()
    {
        var disk = new MemoryDisk();
        var segments = new SegmentStore(disk, "queues", GoldenStore.Store);
        disk.CreateFolder("queues/0000000000000003");
        disk.CreateSynced(segments.PathOf(3, 7), ContentOf("segment")).Dispose();
        var blocks = segments.Blocks(3, 7, long.MaxValue);
        Assert.Equal([1UL, 5UL, (1UL << 62) - 1], blocks.SelectMany(b => segments.Read(3, b)!.Messages()).Where(m => m.State == StoredMessageState.Intact).Select(m => m.Position));
    }

    [Fact]
    public void An_identity_and_a_quarantine_that_an_earlier_build_has_written_are_read()
    {
        var disk = new MemoryDisk();
        disk.CreateSynced("identity.json", ContentOf("identity")).Dispose();
        Assert.Equal(new StoreIdentity(1, GoldenStore.Store, GoldenStore.Node), StoreIdentity.ReadOrCreate(disk, GoldenStore.Node));
        disk.CreateFolder("quarantine");
        disk.CreateSynced("quarantine/00000001.json", ContentOf("quarantine")).Dispose();
        var entry = Assert.Single(new Quarantine(disk, "quarantine", StoreKey.Of(GoldenStore.Store), TimeProvider.System).List());
        Assert.Equal((1, 3UL, 2, TestLog.FirstFile), (entry.Id, entry.Damage.Entity, entry.Damage.MessageCount, entry.Damage.File));
    }

    private static byte[] ContentOf(string file) => [.. GoldenFile.Read(file).SelectMany(vector => BytesOf(vector!))];

    private static byte[] BytesOf(JsonNode vector) => Convert.FromHexString((string)vector["hex"]!);
}
