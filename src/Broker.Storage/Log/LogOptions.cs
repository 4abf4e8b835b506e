namespace Broker.Storage.Log;

/// <summary>How the write-ahead log is kept.</summary>
public sealed record LogOptions
{
    /// <summary>Length of a log file in bytes. Default 32 MiB; 64 KiB to 1 GiB. A record that is larger gets a file of its own size.</summary>
    public long FileBytes { get; init; } = 32L << 20;

    /// <summary>Bytes of log from which on the oldest file is to be given up. Default 128 MiB; at least two files. Recovery time goes with it.</summary>
    public long MaxBytes { get; init; } = 128L << 20;

    /// <summary>Files from whose number on, likewise: each start of the node begins a new one. Default 16; at least 2.</summary>
    public int MaxFiles { get; init; } = 16;

    /// <summary>Bytes that are written and synced together at most. Default 4 MiB; at least 64 KiB.</summary>
    public int MaxGroupBytes { get; init; } = 4 << 20;

    /// <summary>Retired files that are kept to be written over, which needs no new space. Default 1; 0 to 4.</summary>
    public int SpareFiles { get; init; } = 1;

    /// <summary>Fails with a sentence that says which option is wrong and what would be right.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public void Validate()
    {
        Check(FileBytes is >= 64 << 10 and <= 1 << 30 && FileBytes % Records.RecordHeader.Alignment == 0, $"FileBytes {FileBytes} must be between 64 KiB and 1 GiB and a multiple of 8");
        Check(MaxBytes >= 2 * FileBytes, $"MaxBytes {MaxBytes} must hold two files of FileBytes {FileBytes}");
        Check(MaxFiles >= 2, $"MaxFiles {MaxFiles} must be at least 2");
        Check(MaxGroupBytes >= 64 << 10, $"MaxGroupBytes {MaxGroupBytes} must be at least 64 KiB");
        Check(SpareFiles is >= 0 and <= 4, $"SpareFiles {SpareFiles} must be between 0 and 4");
    }

    private static void Check(bool condition, string message)
    {
        if (!condition)
        {
            throw new ArgumentException(message);
        }
    }
}
