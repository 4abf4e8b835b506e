using System.Collections.Immutable;
using Broker.Coordination;

namespace Broker.Actors.Access;

/// <summary>
/// What stands in the metadata store below a prefix, a record for each key, as far as it is known here: what was read, what was watched and what this node has committed, in whatever order they
/// come. Without a store, it lasts as long as the process. Thread-safe.
/// </summary>
/// <param name="metadata">The store, or <c>null</c>.</param>
/// <param name="prefix">Of the keys.</param>
/// <param name="read">Reads a record. Fails with <see cref="InvalidDataException"/> if it cannot.</param>
/// <param name="unreadable">What stands for a record that cannot be read, of a newer version; <c>null</c> for none.</param>
/// <param name="changed">Gets all records that there are, and those that have changed, as they were before and as they are. Called one at a time, in order.</param>
internal sealed class MetadataRecords(
    IMetadataStore? metadata,
    string prefix,
    Func<MetadataValue, object> read,
    Func<MetadataValue, InvalidDataException, object?> unreadable,
    Action<IEnumerable<object>, IReadOnlyList<object>> changed)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, long> _revisions = new(StringComparer.Ordinal); // of those that stand in the store; a deleted one keeps that of its deletion
    private ImmutableDictionary<string, object> _records = ImmutableDictionary.Create<string, object>(StringComparer.Ordinal);

    /// <summary>All records, by key.</summary>
    public ImmutableDictionary<string, object> All => Volatile.Read(ref _records);

    /// <summary>Reads what there is, before the first connection.</summary>
    /// <exception cref="MetadataUnavailableException">The metadata store does not answer.</exception>
    /// <exception cref="InvalidDataException">What stands there is not what a broker writes.</exception>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        if (metadata is not null)
        {
            var snapshot = await metadata.ReadAsync(prefix, cancellationToken);
            Take([.. snapshot.Values.Select(v => (v.Key, (object?)read(v), v.ModRevision))]);
        }
    }

    /// <summary>Everything was read.</summary>
    public void Merge(MetadataSnapshot snapshot)
    {
        var present = snapshot.Values.Select(v => v.Key).ToHashSet(StringComparer.Ordinal);
        var absent = All.Keys.Where(k => !present.Contains(k)).Select(k => (k, (object?)null, snapshot.Revision));
        Take([.. snapshot.Values.Select(v => (v.Key, ReadOrReplace(v), v.ModRevision)), .. absent]);
    }

    /// <summary>Something has changed, by this node or by another.</summary>
    public void Apply(MetadataChange change) =>
        Take([.. change.Puts.Select(v => (v.Key, ReadOrReplace(v), v.ModRevision)), .. change.Deletes.Select(k => (k, (object?)null, change.Revision))]);

    /// <summary>Changes records, for good. In force when the task completes.</summary>
    /// <param name="changes">Keys with their records, and these as they are stored; <c>null</c> deletes. Each key once.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <exception cref="MetadataUnavailableException">The metadata store does not answer.</exception>
    public async Task CommitAsync(IReadOnlyList<(string Key, object? Record, byte[]? Value)> changes, CancellationToken cancellationToken)
    {
        foreach (var part in changes.Chunk(MetadataLimits.MaxOperations - 1)) // room for the mark by which the store learns what became of a transaction
        {
            var revision = 0L;
            if (metadata is not null)
            {
                var operations = part.Select(c => c.Value is null ? MetadataOperation.Delete(c.Key) : MetadataOperation.Put(c.Key, c.Value));
                revision = (await metadata.CommitAsync(new MetadataTransaction { Operations = [.. operations] }, cancellationToken)).Revision;
            }

            Take([.. part.Select(c => (c.Key, c.Record, revision))]);
        }
    }

    /// <summary>Takes what is newer than what is known; without a metadata store (revision 0) it always is.</summary>
    private void Take(IReadOnlyList<(string Key, object? Record, long Revision)> news)
    {
        lock (_lock)
        {
            var records = _records;
            var touched = new List<object>();
            foreach (var (key, record, revision) in news)
            {
                if (revision > 0 && revision <= _revisions.GetValueOrDefault(key))
                {
                    continue;
                }

                _revisions[key] = revision;
                var before = records.GetValueOrDefault(key);
                if (Equals(before, record))
                {
                    continue;
                }

                records = record is null ? records.Remove(key) : records.SetItem(key, record);
                touched.AddRange(new[] { before, record }.OfType<object>());
            }

            if (touched.Count > 0)
            {
                Volatile.Write(ref _records, records);
                changed(records.Values, touched);
            }
        }
    }

    private object? ReadOrReplace(MetadataValue value)
    {
        try
        {
            return read(value);
        }
        catch (InvalidDataException e)
        {
            return unreadable(value, e);
        }
    }
}
