using Broker.Storage.Disks;
using Broker.Storage.Records;
using Broker.Storage.Segments;
using Broker.Storage.Tests.Log;
using Broker.Storage.Tests.Recovery;

namespace Broker.Storage.Tests;

public sealed class NodeStoreTests
{
    private static readonly StoreOptions s_options = new() { NodeName = "node-1", Log = TestLog.Small };

    [Fact]
    public void A_store_is_opened_and_recovered_in_two_steps()
    {
        var disk = new MemoryDisk();
        var store = NodeStore.Open(disk, s_options);
        Assert.Throws<InvalidOperationException>(() => store.Log);
        Assert.Throws<InvalidOperationException>(() => store.Copy);
        Assert.Equal([], disk.ListFolders(""));
        store.Recover(new Findings());
        var client = new TestClient();
        var record = new TestRecord { Client = client, Kind = RecordKind.Operations, Entity = 1, Index = 1, FirstPosition = 1, Messages = [TestRecord.MessageOf(1, 1, 10)] };
        store.Log.Append(record);
        Assert.True(store.Log.CommitGroup());
        var copied = store.Copy.Run(1, [MessageSource.InLog(record.Position, record.Length)], [(1, 1)], default);

        disk = disk.Crash();
        using var again = NodeStore.Open(disk, s_options);
        Assert.Equal(store.Identity, again.Identity);
        var found = new Findings();
        again.Recover(found, found.Progress.Add);
        Assert.Equal(["1/1"], found.Story);
        Assert.NotEmpty(found.Progress);
        Assert.Equal(1, again.Segments.Read(1, copied.Blocks[0])!.Messages().Count(m => m.State == StoredMessageState.Intact));
        Assert.Empty(again.Quarantine.List());
        Assert.Same(disk, again.Disk);
    }

    [Fact]
    public void What_stands_in_the_way_is_told_before_anything_is_read()
    {
        var disk = new MemoryDisk();
        NodeStore.Open(disk, s_options).Dispose();
        Assert.Equal(StoreProblem.OtherNode, Assert.Throws<StoreException>(() => NodeStore.Open(disk, s_options with { NodeName = "node-2" })).Problem);
        Assert.Throws<ArgumentException>(() => NodeStore.Open(disk, s_options with { Log = TestLog.Small with { MaxFiles = 0 } }));
        Assert.Throws<ArgumentException>(() => NodeStore.Open(disk, s_options with { Segments = new SegmentOptions { BlockBytes = 1 } }));
    }

    [Fact]
    public void A_log_file_of_another_store_is_refused()
    {
        var (mine, others) = (new MemoryDisk(), new MemoryDisk());
        var store = NodeStore.Open(others, s_options);
        store.Recover(new Findings());
        store.Log.Append(new TestRecord { Client = new TestClient(), Kind = RecordKind.Operations, Entity = 1, Index = 1 });
        store.Log.CommitGroup();

        using var own = NodeStore.Open(mine, s_options);
        mine.CreateFolder("log");
        using (var file = mine.Create(TestLog.FirstFile))
        {
            file.Write(0, others.ReadAll(TestLog.FirstFile));
        }

        Assert.Equal(StoreProblem.OtherNode, Assert.Throws<StoreException>(() => own.Recover(new Findings())).Problem);
        Assert.Equal(others.ReadAll(TestLog.FirstFile), mine.ReadAll(TestLog.FirstFile));
    }
}
