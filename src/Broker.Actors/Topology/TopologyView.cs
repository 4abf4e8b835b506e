using Broker.Coordination;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Topology;

/// <summary>
/// One node's copy of what is declared in a cluster, with the revision of each key. It takes what was read, what was watched and what this node has committed, in whatever order they arrive,
/// and tells what changes by that; what it knows already, or knows better, has no effect.
/// </summary>
/// <remarks>
/// What this node commits is known before the watch tells it, so single keys may be ahead of <see cref="Revision"/>. That is sound because the conditions of a transaction say that everything
/// which it builds on was still as known here.
/// </remarks>
internal sealed class TopologyView(Action<string> unreadable)
{
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _deleted = new(StringComparer.Ordinal); // by this node's transactions, which are ahead of the revision

    /// <summary>What is known of a key. An entry without a change is one whose value says nothing, or nothing that can be read.</summary>
    private readonly record struct Entry(long ModRevision, TopologyChange? Change, bool IsUnreadable = false);

    /// <summary>What is declared.</summary>
    public TopologyMachine Machine { get; } = new();

    /// <summary>Every change up to this revision is known.</summary>
    public long Revision { get; private set; }

    /// <summary>The revision that is known of a key; 0 if it is absent.</summary>
    public long ModRevisionOf(string key) => _entries.GetValueOrDefault(key).ModRevision;

    /// <summary>Whether a key has a value that this version cannot read, and must not overwrite.</summary>
    public bool IsUnreadable(string key) => _entries.GetValueOrDefault(key).IsUnreadable;

    /// <summary>Whether conditions hold as far as is known here.</summary>
    public bool Holds(IEnumerable<MetadataCondition> conditions) => conditions.All(c => ModRevisionOf(c.Key) == c.ModRevision);

    /// <summary>Everything was read, as it is at a revision.</summary>
    /// <returns>What changes by that.</returns>
    public IReadOnlyList<TopologyChange> Merge(MetadataSnapshot snapshot)
    {
        if (snapshot.Revision <= Revision)
        {
            return []; // older than what is known
        }

        Revision = snapshot.Revision;
        var present = snapshot.Values.Select(v => v.Key).ToHashSet(StringComparer.Ordinal);
        var absent = _entries.Where(e => e.Value.ModRevision <= snapshot.Revision && !present.Contains(e.Key)).Select(e => e.Key).ToList();
        return Take(snapshot.Values, absent, snapshot.Revision);
    }

    /// <summary>A change was watched. They come in order.</summary>
    /// <returns>What changes by that.</returns>
    public IReadOnlyList<TopologyChange> Watch(MetadataChange change)
    {
        if (change.Revision <= Revision)
        {
            return [];
        }

        Revision = change.Revision;
        return Take(change.Puts, change.Deletes, change.Revision);
    }

    /// <summary>A transaction of this node took place.</summary>
    /// <returns>What changes by that.</returns>
    public IReadOnlyList<TopologyChange> Commit(MetadataTransaction transaction, long revision)
    {
        if (revision <= Revision || transaction.Operations.Count == 0)
        {
            return []; // the watch was faster
        }

        // A key that was there before has another creation, which no use of these values needs.
        // A uses key is written without a condition: to take its new revision for known would hide a binding of another node that came in between and is not known yet.
        var puts = transaction.Operations.Where(o => o.Value is not null && !TopologyKeys.IsUses(o.Key)).Select(o => new MetadataValue(o.Key, o.Value!.Value, revision, revision, o.LeaseId)).ToList();
        return Take(puts, [.. transaction.Operations.Where(o => o.Value is null).Select(o => o.Key)], revision);
    }

    private List<TopologyChange> Take(IReadOnlyList<MetadataValue> puts, IReadOnlyList<string> deletes, long revision)
    {
        var news = puts.Where(p => IsNews(p.Key, p.ModRevision)).ToList();
        var changes = new List<TopologyChange>();
        var removed = new List<TopologyChange>();
        foreach (var key in deletes.Where(key => IsNews(key, revision)))
        {
            if (_entries.Remove(key, out var entry) && entry.Change is { } change)
            {
                removed.Add(change);
            }

            if (revision > Revision)
            {
                _deleted[key] = revision;
            }
        }

        var added = new List<TopologyChange>();
        foreach (var value in news)
        {
            var before = _entries.GetValueOrDefault(value.Key).Change;
            var change = Read(value, out var isUnreadable);
            _entries[value.Key] = new Entry(value.ModRevision, change, isUnreadable);
            _deleted.Remove(value.Key);
            if (before is not null && before != change)
            {
                removed.Add(before); // its deletion was missed
            }

            if (change is not null)
            {
                added.Add(change);
            }
        }

        foreach (var change in removed.OrderByDescending(RankOf))
        {
            changes.AddRange(RemovalOf(change).Where(Machine.Apply));
        }

        changes.AddRange(added.OrderBy(RankOf).Where(Machine.Apply));
        foreach (var (key, _) in _deleted.Where(d => d.Value <= Revision).ToList())
        {
            _deleted.Remove(key); // nothing older comes any more
        }

        return changes;
    }

    /// <summary>A key may be ahead of the revision, by what this node has committed.</summary>
    private bool IsNews(string key, long revision) => revision > ModRevisionOf(key) && revision > _deleted.GetValueOrDefault(key);

    /// <summary>What undoes it. An end takes with it what still binds it, should somebody have deleted its key alone.</summary>
    private IReadOnlyList<TopologyChange> RemovalOf(TopologyChange added) => added switch
    {
        TopologyChange.VhostAdded c => Machine.PlanRemoveVhost(c.Vhost.Name).Changes,
        TopologyChange.ExchangeAdded c => Machine.PlanRemoveWithBindings(c.Exchange.Name, DestinationKind.Exchange).Changes,
        TopologyChange.QueueAdded c => Machine.PlanRemoveWithBindings(c.Queue.Name, DestinationKind.Queue).Changes,
        TopologyChange.BindingAdded c => [new TopologyChange.BindingRemoved(c.Binding)],
        _ => throw new ArgumentException($"topology change {added}", nameof(added)),
    };

    /// <summary>What needs another comes after it, and goes before it.</summary>
    private static int RankOf(TopologyChange added) => added switch
    {
        TopologyChange.VhostAdded => 0,
        TopologyChange.BindingAdded => 2,
        _ => 1,
    };

    private TopologyChange? Read(MetadataValue value, out bool isUnreadable)
    {
        isUnreadable = false;
        try
        {
            return TopologyKeys.ToChange(value);
        }
        catch (InvalidDataException e)
        {
            isUnreadable = true;
            unreadable(e.Message);
            return null;
        }
    }
}
