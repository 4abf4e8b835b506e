using System.ComponentModel.DataAnnotations;
using Broker.Actors.Server;
using Microsoft.Extensions.Options;

namespace Broker.Node.Configuration;

/// <summary>Bounds of a node, section <c>Limits</c> (<c>BROKER_LIMITS__MAXMEMORYBYTES</c>). Those that are not given keep the broker's defaults.</summary>
internal sealed class LimitOptions
{
    /// <summary>One message: body, properties and names together. Default 16 MiB; 1 KiB to 1 GiB.</summary>
    [Range(1 << 10, 1 << 30)]
    public int? MaxMessageBytes { get; set; }

    /// <summary>All messages of the node, before publishers have to wait. Default: 40 % of the memory that the process may use. At least one message.</summary>
    [Range(1L << 10, long.MaxValue)]
    public long? MaxMemoryBytes { get; set; }

    /// <summary>All messages of one queue that is not durable, before its publishers have to wait. Default 256 MiB.</summary>
    [Range(1L, long.MaxValue)]
    public long? MaxQueueBytes { get; set; }

    /// <summary>What one durable queue keeps in memory; the rest of it is on disk only. Default 16 MiB; at least 64 KiB.</summary>
    [Range(64L << 10, long.MaxValue)]
    public long? MaxQueueLoadedBytes { get; set; }

    /// <summary>Number of messages of one queue that is not durable, before its publishers have to wait. Default 10,000,000.</summary>
    [Range(1, int.MaxValue)]
    public int? MaxQueueMessages { get; set; }

    /// <summary>The broker's bounds with these instead of its defaults.</summary>
    public BrokerLimits ToBrokerLimits()
    {
        var limits = new BrokerLimits();
        return limits with
        {
            MaxMessageBytes = MaxMessageBytes ?? limits.MaxMessageBytes,
            MaxMemoryBytes = MaxMemoryBytes ?? limits.MaxMemoryBytes,
            Queue = limits.Queue with
            {
                MaxBytes = MaxQueueBytes ?? limits.Queue.MaxBytes,
                MaxMessages = MaxQueueMessages ?? limits.Queue.MaxMessages,
                MaxLoadedBytes = MaxQueueLoadedBytes ?? limits.Queue.MaxLoadedBytes,
            },
        };
    }
}

[OptionsValidator]
internal sealed partial class LimitOptionsValidator : IValidateOptions<LimitOptions>;
