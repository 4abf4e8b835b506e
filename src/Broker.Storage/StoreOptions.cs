using Broker.Storage.Log;
using Broker.Storage.Segments;

namespace Broker.Storage;

/// <summary>How a node's store is kept.</summary>
public sealed record StoreOptions
{
    /// <summary>The node that the store belongs to; a store of another one is refused.</summary>
    public required string NodeName { get; init; }

    /// <summary>The write-ahead log.</summary>
    public LogOptions Log { get; init; } = new();

    /// <summary>The segments of queues.</summary>
    public SegmentOptions Segments { get; init; } = new();

    /// <summary>Fails with a sentence that says which option is wrong and what would be right.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public void Validate()
    {
        Log.Validate();
        Segments.Validate();
    }
}
