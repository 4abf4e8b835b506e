using Broker.Storage.Log;

namespace Broker.Coordination.Embedded;

/// <summary>How an <see cref="EmbeddedMetadataStore"/> is kept.</summary>
public sealed record EmbeddedMetadataOptions
{
    /// <summary>
    /// Goes on with what can be read if the folder is damaged, and writes it anew, so that the damage is gone with what it took. Default <c>false</c>: a damaged folder is refused.
    /// For one start, by somebody who has decided so.
    /// </summary>
    public bool AcceptDamage { get; init; }

    /// <summary>The log. Default: files of 1 MiB, 4 MiB in all; it grows beyond that to a little more than twice the values if these are larger.</summary>
    public LogOptions Log { get; init; } = new() { FileBytes = 1 << 20, MaxBytes = 4 << 20 };

    /// <summary>Bytes of all keys and values, which are also kept in memory. Transactions that would need more are refused. Default 256 MiB; 1 MiB to 1 GiB.</summary>
    public long MaxTreeBytes { get; init; } = 256 << 20;

    /// <summary>How many of the last changes are kept for watches. Default 10,000; at least 1.</summary>
    public int HistoryChanges { get; init; } = 10_000;

    /// <summary>Bytes of keys and values that those changes may have. Default 8 MiB, so that what is synced together never pushes out what a watch waits for; at least 2 MiB.</summary>
    public long HistoryBytes { get; init; } = 8 << 20;

    /// <summary>Fails with a sentence that says which option is wrong and what would be right.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public void Validate()
    {
        Log.Validate();
        Check(MaxTreeBytes is >= 1 << 20 and <= 1 << 30, $"MaxTreeBytes {MaxTreeBytes} must be between 1 MiB and 1 GiB");
        Check(HistoryChanges >= 1, $"HistoryChanges {HistoryChanges} must be at least 1");
        Check(HistoryBytes >= 2 << 20, $"HistoryBytes {HistoryBytes} must be at least 2 MiB");
    }

    private static void Check(bool condition, string message)
    {
        if (!condition)
        {
            throw new ArgumentException(message);
        }
    }
}
