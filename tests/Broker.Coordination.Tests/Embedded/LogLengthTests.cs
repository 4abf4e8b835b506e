using Broker.Coordination.Tests.Contract;
using Broker.Storage.Disks;
using static Broker.Coordination.Tests.Contract.Texts;

namespace Broker.Coordination.Tests.Embedded;

/// <summary>Checkpoints keep the log short, whatever is written.</summary>
public sealed class LogLengthTests
{
    private const long FileBytes = 64 << 10;

    [Fact]
    public void A_log_stays_within_its_bound_however_much_is_written()
    {
        var store = new SimulatedStore(new MemoryDisk());
        for (var i = 0; i < 3000; i++)
        {
            store.Commit(MetadataOperation.Put($"k{i % 7}", new byte[1000]));
            Assert.InRange(store.Store.Log.SizeBytes, 0, SimulatedStore.SmallLog.Log.MaxBytes);
        }

        Assert.InRange(store.Disk.ListFiles(SimulatedStore.Folder).Count, 1, 4);
        var before = store.Snapshot;
        var after = new SimulatedStore(store.Stop()).Snapshot;
        Assert.Equal(before.Values.Exactly(), after.Values.Exactly());
        Assert.Equal(3000, after.Revision);
    }

    [Fact]
    public void Values_that_are_larger_than_the_bound_are_not_written_again_with_every_file()
    {
        var disk = new MemoryDisk();
        var written = 0L;
        disk.OnOperation = operation =>
        {
            written += operation.Kind == DiskOperationKind.Write ? operation.Length : 0;
            return null;
        };
        var store = new SimulatedStore(disk);
        const int Values = 1000;
        for (var i = 0; i < Values; i++)
        {
            store.Commit(MetadataOperation.Put($"k{i}", new byte[1000]));
        }

        var filled = written;
        const int Changes = 5000;
        for (var i = 0; i < Changes; i++)
        {
            store.Commit(MetadataOperation.Put($"k{i % Values}", new byte[1000]));
            Assert.InRange(store.Store.Log.SizeBytes, 0, (2 * Values * 1200L) + (3 * FileBytes));
        }

        Assert.InRange(written - filled, 0, 5 * Changes * 1000L / 2);
        Assert.Equal(Values, new SimulatedStore(store.Stop()).Snapshot.Values.Count);
    }

    [Fact]
    public void Starts_alone_do_not_pile_up_files()
    {
        var disk = new MemoryDisk();
        for (var i = 0; i < 20; i++)
        {
            var store = new SimulatedStore(disk);
            Assert.Equal(i, store.Snapshot.Revision);
            store.Commit(i == 0 ? MetadataOperation.Put("large", new byte[60_000]) : Put("a", $"{i}"));
            disk = store.Stop();
            Assert.InRange(disk.ListFiles(SimulatedStore.Folder).Count, 1, SimulatedStore.SmallLog.Log.MaxFiles + 2);
        }
    }

    [Fact]
    public void A_full_disk_lets_transactions_wait_until_there_is_room()
    {
        var isFull = true;
        var disk = new MemoryDisk { OnOperation = operation => isFull && operation.Kind is DiskOperationKind.Allocate ? DiskError.Full : null };
        var store = new SimulatedStore(disk);
        var commit = store.Begin(Do(Put("a", "1")));
        store.Run();
        Assert.False(commit.IsCompleted);
        Assert.Equal(Storage.Log.LogState.Full, store.Store.State);
        Assert.NotEqual("", store.Store.Reason);
        Assert.Equal("", store.Snapshot.Text());
        isFull = false;
        store.Run();
        Assert.True(commit.Now().Succeeded);
        Assert.Equal(Storage.Log.LogState.Running, store.Store.State);
    }

    [Fact]
    public async Task With_threads_a_log_stays_within_its_bound_too()
    {
        await using var store = Coordination.Embedded.EmbeddedMetadataStore.Open(new MemoryDisk(), "metadata", Guid.NewGuid(), SimulatedStore.SmallLog);
        for (var i = 0; i < 200; i++)
        {
            await Task.WhenAll(Enumerable.Range(0, 10).Select(key => store.CommitAsync(Do(MetadataOperation.Put($"k{key}", new byte[1000]))))).Soon("the end of ten transactions");
        }

        // The upkeep runs beside, so for moments the log may be longer; what has been written in all is eight times as much.
        Assert.InRange(store.Log.SizeBytes, 0, 8 * FileBytes);
        Assert.True(store.Log.StartPosition > 0);
    }
}
