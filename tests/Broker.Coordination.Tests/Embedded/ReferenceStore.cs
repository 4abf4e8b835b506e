using System.Text;
using Broker.Coordination.Tests.Contract;

namespace Broker.Coordination.Tests.Embedded;

/// <summary>The rules once more, in the simplest way: what random histories compare with.</summary>
internal sealed class ReferenceStore
{
    private readonly SortedDictionary<string, MetadataValue> _values = new(Comparer<string>.Create(static (x, y) =>
        Encoding.UTF8.GetBytes(x).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(y))));

    private readonly HashSet<long> _leases = [];

    public ReferenceStore(long revision, IEnumerable<MetadataValue> values)
    {
        Revision = revision;
        foreach (var value in values)
        {
            _values.Add(value.Key, value);
        }
    }

    public long Revision { get; private set; }

    /// <summary>All values as one text.</summary>
    public string State => _values.Values.Exactly();

    /// <summary>The values that outlive the process.</summary>
    public IReadOnlyList<MetadataValue> Lasting => [.. _values.Values.Where(value => value.LeaseId == 0)];

    public MetadataValue? Find(string key) => _values.GetValueOrDefault(key);

    public MetadataCommit Apply(MetadataTransaction transaction)
    {
        if (transaction.Conditions.Any(condition => (Find(condition.Key)?.ModRevision ?? 0) != condition.ModRevision))
        {
            var keys = transaction.Conditions.Select(condition => condition.Key).ToHashSet();
            return new MetadataCommit(false, Revision, [.. _values.Values.Where(value => keys.Contains(value.Key))]);
        }

        return Change(transaction.Operations);
    }

    public void Grant(long lease) => _leases.Add(lease);

    public void Revoke(long lease) => Change([.. _values.Values.Where(value => value.LeaseId == lease).Select(value => MetadataOperation.Delete(value.Key))]);

    private MetadataCommit Change(IReadOnlyList<MetadataOperation> operations)
    {
        var changed = false;
        foreach (var operation in operations)
        {
            changed |= operation.Value is not null || _values.ContainsKey(operation.Key);
        }

        Revision += changed ? 1 : 0;
        foreach (var (key, bytes, lease) in operations)
        {
            var created = Find(key)?.CreateRevision ?? Revision;
            _values.Remove(key);
            if (bytes is { } value)
            {
                _values.Add(key, new MetadataValue(key, value, Revision, created, lease));
            }
        }

        return new MetadataCommit(true, Revision, []);
    }
}
