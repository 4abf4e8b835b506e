using System.Text.Json;
using Broker.Storage;
using Broker.Storage.Disks;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>A machine of the cluster: what outlives the lives of its node.</summary>
internal sealed class SimulatedMember
{
    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    public SimulatedMember(string name, Guid store, int seed, bool shortReads)
    {
        Name = name;
        Disk = Empty(store, seed, shortReads);
        Store = store;
    }

    public string Name { get; }

    public MemoryDisk Disk { get; private set; }

    /// <summary>Number of the store on the disk.</summary>
    public Guid Store { get; private set; }

    /// <summary>The node that runs; <c>null</c> if none does.</summary>
    public MemberLife? Life { get; set; }

    /// <summary>The process gets no turns, and knows nothing of it.</summary>
    public bool IsPaused { get; set; }

    /// <summary>It gets few turns.</summary>
    public bool IsSlow { get; set; }

    /// <summary>It reaches the metadata store.</summary>
    public bool HasMetadata { get; set; } = true;

    public bool IsDiskFull { get; set; }

    /// <summary>Its disk is busy with something else.</summary>
    public bool IsDiskSlow { get; set; }

    /// <summary>A bit of what was synced has turned over, and nobody has noticed yet.</summary>
    public bool IsDamaged { get; set; }

    /// <summary>How wrong its wall clock is.</summary>
    public TimeSpan ClockOffset { get; set; }

    /// <summary>Its disk will crash at one of the next operations.</summary>
    public bool IsDoomed { get; set; }

    public bool IsRunning => Life is not null;

    /// <summary>The power goes, or only the process.</summary>
    public void Crash(bool lossless)
    {
        Life!.End();
        Life = null;
        IsPaused = IsDoomed = false;
        Disk = Disk.Crash(lossless);
    }

    /// <summary>The power goes while the node starts.</summary>
    public void LoseDisk(bool lossless) => Disk = Disk.Crash(lossless);

    /// <summary>Another disk comes in the place of the one that it had.</summary>
    public void ReplaceDisk(Guid store, int seed)
    {
        Disk = Empty(store, seed, shortReads: false);
        Store = store;
        IsDamaged = false;
    }

    public override string ToString() => $"{Name}{(IsRunning ? IsPaused ? " (paused)" : "" : " (down)")}";

    /// <summary>A disk with nothing but the number of its store, which would be drawn at random otherwise.</summary>
    private MemoryDisk Empty(Guid store, int seed, bool shortReads)
    {
        var disk = new MemoryDisk(new MemoryDiskOptions { Seed = seed, ShortReads = shortReads });
        using (var file = disk.Create("identity.json"))
        {
            file.Write(0, JsonSerializer.SerializeToUtf8Bytes(new StoreIdentity(StoreIdentity.CurrentFormat, store, Name), s_json));
            file.Sync();
        }

        disk.SyncFolder("");
        return disk;
    }
}
