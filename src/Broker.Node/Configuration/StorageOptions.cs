using System.ComponentModel.DataAnnotations;
using Broker.Storage;
using Broker.Storage.Log;
using Broker.Storage.Segments;
using Microsoft.Extensions.Options;

namespace Broker.Node.Configuration;

/// <summary>How durable queues are kept, section <c>Storage</c> (<c>BROKER_STORAGE__MAXLOGBYTES</c>). Those that are not given keep the store's defaults.</summary>
internal sealed class StorageOptions
{
    private static readonly LogOptions s_log = new();
    private static readonly SegmentOptions s_segments = new();

    /// <summary>One file of the write-ahead log. Default 32 MiB; 64 KiB to 1 GiB.</summary>
    [Range(64L << 10, 1L << 30)]
    public long? LogFileBytes { get; set; }

    /// <summary>The write-ahead log as a whole, before its oldest file is given up. Default 128 MiB; at least two files. Recovery time goes with it.</summary>
    [Range(128L << 10, long.MaxValue)]
    public long? MaxLogBytes { get; set; }

    /// <summary>One segment file of a queue. Default 16 MiB; at least 64 KiB.</summary>
    [Range(64L << 10, 1L << 30)]
    public long? SegmentBytes { get; set; }

    /// <summary>Free disk space below which publishers of durable queues wait. Default 512 MiB.</summary>
    [Range(0L, long.MaxValue)]
    public long MinFreeBytes { get; set; } = 512L << 20;

    /// <summary>Start although the metadata (exchanges, queues, bindings) is damaged, with what can be read of it. Default <c>false</c>. For one start.</summary>
    public bool AcceptMetadataDamage { get; set; }

    /// <summary>The store's options with these instead of its defaults.</summary>
    /// <exception cref="ArgumentException">They do not fit together.</exception>
    public StoreOptions ToStoreOptions(string nodeName)
    {
        var file = LogFileBytes ?? s_log.FileBytes;
        var options = new StoreOptions
        {
            NodeName = nodeName,
            Log = s_log with { FileBytes = file, MaxBytes = MaxLogBytes ?? Math.Max(s_log.MaxBytes, 4 * file) },
            Segments = s_segments with { SegmentBytes = SegmentBytes ?? s_segments.SegmentBytes },
        };
        options.Validate();
        return options;
    }
}

[OptionsValidator]
internal sealed partial class StorageOptionsValidator : IValidateOptions<StorageOptions>;
