using Broker.Coordination.Embedded;
using Broker.Coordination.Tests.Contract;
using Broker.Storage.Disks;
using Broker.Storage.Log;

namespace Broker.Coordination.Tests.Embedded;

/// <summary>A store without threads on a disk in memory: nothing reaches the disk before the test says so.</summary>
internal sealed class SimulatedStore
{
    public const string Folder = "metadata";

    /// <summary>As small as a log may be, so that it is given up and written anew often.</summary>
    public static readonly EmbeddedMetadataOptions SmallLog = new() { Log = new LogOptions { FileBytes = 64 << 10, MaxBytes = 128 << 10, MaxFiles = 4, MaxGroupBytes = 64 << 10 } };

    public static readonly Guid StoreNumber = new("0190a1b2-0000-7000-8000-000000000001");

    public SimulatedStore(MemoryDisk disk, EmbeddedMetadataOptions? options = null)
    {
        Disk = disk;
        Store = EmbeddedMetadataStore.OpenSimulated(disk, Folder, StoreNumber, options ?? SmallLog);
    }

    public MemoryDisk Disk { get; }

    public EmbeddedMetadataStore Store { get; }

    /// <summary>What can be read now.</summary>
    public MetadataSnapshot Snapshot => Store.ReadAsync("").Now();

    /// <summary>Everything that is under way reaches the disk.</summary>
    public void Run()
    {
        while (Store.Log.CommitGroup() | Store.KeepUp())
        {
        }
    }

    /// <summary>A transaction that is on the disk then.</summary>
    public MetadataCommit Commit(params MetadataOperation[] operations) => Commit(Texts.Do(operations));

    /// <inheritdoc cref="Commit(MetadataOperation[])"/>
    public MetadataCommit Commit(MetadataTransaction transaction)
    {
        var commit = Store.CommitAsync(transaction);
        Run();
        return commit.Now();
    }

    /// <summary>A transaction that is under way then.</summary>
    public Task<MetadataCommit> Begin(MetadataTransaction transaction) => Store.CommitAsync(transaction);

    public IMetadataLease Grant() => Store.GrantLeaseAsync(TimeSpan.FromSeconds(60)).Now();

    /// <summary>Comes to rest, and is gone: the disk is as the next process finds it.</summary>
    public MemoryDisk Stop()
    {
        Run();
        Store.Log.CommitMark();
        return Disk.Crash();
    }
}

/// <summary>Tasks of a simulation, which are completed, or not before the test goes on.</summary>
internal static class SimulatedTasks
{
    /// <summary>The result of a task that is completed.</summary>
    public static T Now<T>(this Task<T> task)
    {
        Assert.True(task.IsCompleted, "the task is not completed, though nothing is under way");
        return task.GetAwaiter().GetResult();
    }

    /// <summary>The error of a task that has failed.</summary>
    public static TException Error<TException>(this Task task)
        where TException : Exception => Assert.IsType<TException>(task.Exception?.InnerException);
}
