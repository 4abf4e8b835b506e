namespace Broker.Storage.Disks;

/// <summary>How a <see cref="MemoryDisk"/> behaves.</summary>
public sealed class MemoryDiskOptions
{
    /// <summary>Where everything random comes from: the same seed and the same calls give the same disk. Default 0.</summary>
    public int Seed { get; init; }

    /// <summary>How many bytes are written in one step: a crash leaves each such sector in one of its states. Default 512; from 1 to 65536.</summary>
    public int SectorBytes { get; init; } = 512;

    /// <summary>How many bytes all files together may take, in whole sectors; folders and holes take none. No limit by default.</summary>
    public long CapacityBytes { get; init; } = long.MaxValue;

    /// <summary>Whether reads sometimes return fewer bytes than there are. Default false.</summary>
    public bool ShortReads { get; init; }
}
