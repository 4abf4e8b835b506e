namespace Broker.Coordination;

/// <summary>A value and when it was written.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Value">Its bytes.</param>
/// <param name="ModRevision">Revision of the transaction that wrote it last.</param>
/// <param name="CreateRevision">Revision of the transaction that wrote it first, since the key was last absent.</param>
/// <param name="LeaseId">The lease that it goes with; 0 for none.</param>
public sealed record MetadataValue(string Key, ReadOnlyMemory<byte> Value, long ModRevision, long CreateRevision, long LeaseId);

/// <summary>Values as they were at one revision.</summary>
/// <param name="Revision">That revision. No value has a later one, and a watch may go on from it. In a store to which nothing was ever written it is whatever the first one is after.</param>
/// <param name="Values">The values, in order of their keys' bytes.</param>
public sealed record MetadataSnapshot(long Revision, IReadOnlyList<MetadataValue> Values);

/// <summary>A condition: the key was last written at that revision.</summary>
/// <param name="Key">The key.</param>
/// <param name="ModRevision">The revision; 0: the key is absent.</param>
public readonly record struct MetadataCondition(string Key, long ModRevision);

/// <summary>One change: a value for a key, or (<c>null</c>) its deletion, which is none if it is absent.</summary>
/// <param name="Key">The key.</param>
/// <param name="Value">The value; <c>null</c> deletes.</param>
/// <param name="LeaseId">The lease that the value goes with; 0 for none.</param>
public readonly record struct MetadataOperation(string Key, ReadOnlyMemory<byte>? Value, long LeaseId = 0)
{
    /// <summary>Writes a value.</summary>
    public static MetadataOperation Put(string key, ReadOnlyMemory<byte> value, long leaseId = 0) => new(key, value, leaseId);

    /// <summary>Deletes a key.</summary>
    public static MetadataOperation Delete(string key) => new(key, null);
}

/// <summary>What is to be done, and under which conditions. No key occurs twice among the operations. Without operations it only tells whether the conditions hold.</summary>
public sealed record MetadataTransaction
{
    /// <summary>All of them must hold. Default: none.</summary>
    public IReadOnlyList<MetadataCondition> Conditions { get; init; } = [];

    /// <summary>All of them are carried out together, or none is.</summary>
    public required IReadOnlyList<MetadataOperation> Operations { get; init; }
}

/// <summary>How a transaction ended.</summary>
/// <param name="Succeeded">Whether it took place.</param>
/// <param name="Revision">Its revision if it changed something; else the store's at that time.</param>
/// <param name="Current">If it did not take place: the values of the keys of its conditions at that time, each once, in order of the keys' bytes; absent ones are missing. Else empty.</param>
public sealed record MetadataCommit(bool Succeeded, long Revision, IReadOnlyList<MetadataValue> Current);

/// <summary>What one transaction, or the end of a lease, has changed.</summary>
/// <param name="Revision">Its revision.</param>
/// <param name="Puts">Values that were written, in the order of the operations.</param>
/// <param name="Deletes">Keys that were deleted: in the order of the operations; those of a lease in order of their bytes.</param>
public sealed record MetadataChange(long Revision, IReadOnlyList<MetadataValue> Puts, IReadOnlyList<string> Deletes);

/// <summary>The store does not answer, or has failed.</summary>
public sealed class MetadataUnavailableException(string message, bool nothingChanged = false, Exception? inner = null) : IOException(message, inner)
{
    /// <summary>The transaction has certainly not taken place.</summary>
    public bool NothingChanged => nothingChanged;
}

/// <summary>A watch asked for changes that are no longer known.</summary>
/// <param name="message">For people.</param>
/// <param name="oldestRevision">A watch may start after this revision, or any later one.</param>
public sealed class MetadataCompactedException(string message, long oldestRevision) : IOException(message)
{
    /// <summary>A watch may start after this revision, or any later one.</summary>
    public long OldestRevision => oldestRevision;
}

/// <summary>A value was to go with a lease that has ended, or never was. Nothing has changed.</summary>
/// <param name="message">For people.</param>
/// <param name="leaseId">That lease.</param>
public sealed class MetadataLeaseEndedException(string message, long leaseId) : IOException(message)
{
    /// <summary>The lease that is none.</summary>
    public long LeaseId => leaseId;
}
