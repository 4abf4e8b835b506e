using System.Collections.Immutable;
using System.Text;

namespace Broker.Coordination.Embedded;

/// <summary>All values at one revision. It never changes: a transaction makes another tree, which shares what is the same, so whoever holds one can read it at leisure.</summary>
internal sealed class MetadataTree
{
    private static readonly ImmutableSortedSet<string> s_noKeys = ImmutableSortedSet.Create<string>(MetadataKeyOrder.Instance);
    private readonly ImmutableSortedSet<MetadataValue> _values;
    private readonly ImmutableDictionary<long, ImmutableSortedSet<string>> _leases; // each with the keys that go with it

    private MetadataTree(long revision, long bytes, ImmutableSortedSet<MetadataValue> values, ImmutableDictionary<long, ImmutableSortedSet<string>> leases)
    {
        Revision = revision;
        Bytes = bytes;
        _values = values;
        _leases = leases;
    }

    /// <summary>Revision 0: nothing was ever written.</summary>
    public static MetadataTree Empty { get; } =
        new(0, 0, ImmutableSortedSet.Create<MetadataValue>(MetadataKeyOrder.Instance), ImmutableDictionary<long, ImmutableSortedSet<string>>.Empty);

    /// <summary>Revision of the last change.</summary>
    public long Revision { get; }

    /// <summary>Bytes of all keys and values.</summary>
    public long Bytes { get; }

    /// <summary>The values in order of their keys' bytes.</summary>
    public IReadOnlyCollection<MetadataValue> Values => _values;

    /// <summary>A tree with these values, of distinct keys, and no leases.</summary>
    public static MetadataTree Of(long revision, IReadOnlyCollection<MetadataValue> values) =>
        new(revision, values.Sum(Size), ImmutableSortedSet.CreateRange(MetadataKeyOrder.Instance, values), Empty._leases);

    /// <summary>The value of a key; <c>null</c> if it is absent.</summary>
    public MetadataValue? Find(string key) => Find(_values, key);

    /// <summary>The values whose key begins with a prefix.</summary>
    public MetadataSnapshot Read(string prefix)
    {
        if (prefix.Length == 0)
        {
            return new MetadataSnapshot(Revision, [.. _values]);
        }

        var found = new List<MetadataValue>();
        var index = _values.IndexOf(Probe(prefix));
        for (index = index < 0 ? ~index : index; index < _values.Count && _values[index].Key.StartsWith(prefix, StringComparison.Ordinal); index++)
        {
            found.Add(_values[index]);
        }

        return new MetadataSnapshot(Revision, found);
    }

    /// <summary>Carries a transaction out, if its conditions hold and its leases exist. Its values are copied.</summary>
    public MetadataOutcome Apply(MetadataTransaction transaction)
    {
        foreach (var condition in transaction.Conditions)
        {
            if ((Find(condition.Key)?.ModRevision ?? 0) != condition.ModRevision)
            {
                return Unchanged(succeeded: false, transaction.Conditions);
            }
        }

        foreach (var operation in transaction.Operations)
        {
            if (operation is { Value: not null, LeaseId: not 0 } && !_leases.ContainsKey(operation.LeaseId))
            {
                return Unchanged(succeeded: false, []) with { MissingLease = operation.LeaseId };
            }
        }

        return Change(transaction.Operations);
    }

    /// <summary>Begins a lease.</summary>
    public MetadataTree Grant(long lease) => new(Revision, Bytes, _values, _leases.Add(lease, s_noKeys));

    /// <summary>Ends a lease: deletes the keys that go with it.</summary>
    public MetadataOutcome EndLease(long lease)
    {
        var outcome = Change([.. _leases.GetValueOrDefault(lease, s_noKeys).Select(MetadataOperation.Delete)]);
        return outcome with { Tree = new MetadataTree(outcome.Tree.Revision, outcome.Tree.Bytes, outcome.Tree._values, outcome.Tree._leases.Remove(lease)) };
    }

    /// <summary>Carries out what was carried out before, in another life of the process.</summary>
    public MetadataTree Replay(long revision, IReadOnlyList<MetadataValue> puts, IReadOnlyList<string> deletes)
    {
        var (values, bytes) = (_values, Bytes);
        foreach (var key in deletes)
        {
            Remove(ref values, ref bytes, key);
        }

        foreach (var value in puts)
        {
            Remove(ref values, ref bytes, value.Key);
            values = values.Add(value);
            bytes += Size(value);
        }

        return new MetadataTree(Math.Max(Revision, revision), bytes, values, _leases);
    }

    /// <summary>The same values at a later revision, so that revisions which may have been used are not used again.</summary>
    public MetadataTree SkipRevisions(long count) => new(Revision + count, Bytes, _values, _leases);

    /// <summary>Bytes of a key and its value.</summary>
    public static long Size(MetadataValue value) => Encoding.UTF8.GetByteCount(value.Key) + value.Value.Length;

    private MetadataOutcome Unchanged(bool succeeded, IReadOnlyList<MetadataCondition> conditions)
    {
        var current = new SortedSet<MetadataValue>(MetadataKeyOrder.Instance);
        foreach (var condition in conditions)
        {
            if (Find(condition.Key) is { } value)
            {
                current.Add(value);
            }
        }

        return new MetadataOutcome { Tree = this, Commit = new MetadataCommit(succeeded, Revision, [.. current]) };
    }

    private MetadataOutcome Change(IReadOnlyList<MetadataOperation> operations)
    {
        var (values, bytes, leases, revision) = (_values, Bytes, _leases, Revision + 1);
        List<MetadataValue> puts = [];
        List<string> deletes = [], vanished = [];
        foreach (var operation in operations)
        {
            var before = Remove(ref values, ref bytes, operation.Key);
            if (before is { LeaseId: not 0 })
            {
                leases = leases.SetItem(before.LeaseId, leases[before.LeaseId].Remove(operation.Key));
            }

            if (before is { LeaseId: 0 } && (operation.Value is null || operation.LeaseId != 0))
            {
                vanished.Add(operation.Key);
            }

            if (operation.Value is { } bytesOfValue)
            {
                var value = new MetadataValue(operation.Key, bytesOfValue.ToArray(), revision, before?.CreateRevision ?? revision, operation.LeaseId);
                values = values.Add(value);
                bytes += Size(value);
                leases = value.LeaseId == 0 ? leases : leases.SetItem(value.LeaseId, leases[value.LeaseId].Add(value.Key));
                puts.Add(value);
            }
            else if (before is not null)
            {
                deletes.Add(operation.Key);
            }
        }

        return puts.Count + deletes.Count == 0
            ? Unchanged(succeeded: true, [])
            : new MetadataOutcome
            {
                Tree = new MetadataTree(revision, bytes, values, leases),
                Commit = new MetadataCommit(true, revision, []),
                Change = new MetadataChange(revision, puts, deletes),
                Vanished = vanished,
            };
    }

    private static MetadataValue? Remove(ref ImmutableSortedSet<MetadataValue> values, ref long bytes, string key)
    {
        if (Find(values, key) is not { } value)
        {
            return null;
        }

        values = values.Remove(value);
        bytes -= Size(value);
        return value;
    }

    private static MetadataValue? Find(ImmutableSortedSet<MetadataValue> values, string key) => values.TryGetValue(Probe(key), out var value) ? value : null;

    private static MetadataValue Probe(string key) => new(key, default, 0, 0, 0);
}
