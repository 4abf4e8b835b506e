namespace Broker.Machines.Ledgers;

/// <summary>
/// The ids of messages that were taken, each for a while, so that a message which comes a second time is not taken twice. What is forgotten when follows from what is added, with
/// the times that are added: everybody who adds the same forgets the same.
/// </summary>
public sealed class MessageIdTable
{
    private Dictionary<string, LinkedListNode<(string Id, long Expiry)>>? _nodes; // made with the first id, as is the next: most queues have none
    private LinkedList<(string Id, long Expiry)>? _byAge; // the one that came last is last

    /// <summary>Number of ids.</summary>
    public int Count => _nodes?.Count ?? 0;

    /// <summary>All ids with the time up to which each counts, the oldest first.</summary>
    public IEnumerable<(string Id, long Expiry)> All => _byAge ?? Enumerable.Empty<(string, long)>();

    /// <summary>Whether an id was taken, and its time is not over.</summary>
    public bool Has(string id, long now) => _nodes is not null && _nodes.TryGetValue(id, out var node) && node.Value.Expiry > now;

    /// <summary>Takes ids in, and forgets the oldest for as long as their time is over, or there are too many.</summary>
    public void Add(MessageIds ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        while (_byAge?.First is { Value.Expiry: var expiry } && expiry <= ids.At)
        {
            RemoveOldest();
        }

        foreach (var id in ids.Ids)
        {
            Restore(id, ids.At + ids.Window);
        }

        while (Count > ids.MaxCount)
        {
            RemoveOldest();
        }
    }

    internal void Restore(string id, long expiry)
    {
        _nodes ??= new Dictionary<string, LinkedListNode<(string Id, long Expiry)>>(StringComparer.Ordinal);
        _byAge ??= new LinkedList<(string Id, long Expiry)>();
        if (_nodes.Remove(id, out var known))
        {
            _byAge.Remove(known);
        }

        _nodes.Add(id, _byAge.AddLast((id, expiry)));
    }

    private void RemoveOldest()
    {
        _nodes!.Remove(_byAge!.First!.Value.Id);
        _byAge.RemoveFirst();
    }
}
