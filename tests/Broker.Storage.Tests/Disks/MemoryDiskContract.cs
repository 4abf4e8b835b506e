using Broker.Storage.Disks;

namespace Broker.Storage.Tests.Disks;

public sealed class MemoryDiskContract : DiskContract
{
    protected override IDisk Disk { get; } = new MemoryDisk();
}

public sealed class MemoryDiskWithShortReadsContract : DiskContract
{
    protected override IDisk Disk { get; } = new MemoryDisk(new MemoryDiskOptions { Seed = 5, ShortReads = true, SectorBytes = 100 });
}

/// <summary>A disk that a new process finds is a disk like any other.</summary>
public sealed class MemoryDiskAfterCrashContract : DiskContract
{
    protected override IDisk Disk { get; } = AfterCrash();

    private static MemoryDisk AfterCrash()
    {
        var disk = new MemoryDisk(new MemoryDiskOptions { Seed = 9 });
        disk.Create("lost").Write(0, DiskBytes.Pattern(1, 3000));
        disk.Delete("lost");
        disk = disk.Crash();
        disk.Delete("lost");
        disk.SyncFolder("");
        return disk;
    }
}
