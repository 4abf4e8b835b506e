namespace Broker.Machines.Ledgers;

/// <summary>
/// The ids of messages that were taken, each for a while, so that a message which comes a second time is not taken twice. What is forgotten when follows from what is added, with
/// the times that are added: everybody who adds the same forgets the same.
/// </summary>
public sealed class MessageIdTable
{
    private readonly Dictionary<string, long> _expiryOf = new(StringComparer.Ordinal);
    private readonly Queue<(string Id, long Expiry)> _byAge = new(); // an id that came again after its time is in it twice; the later one counts

    /// <summary>Number of ids.</summary>
    public int Count => _expiryOf.Count;

    /// <summary>All ids with the time up to which each counts, the oldest first.</summary>
    public IEnumerable<(string Id, long Expiry)> All => _byAge.Where(i => _expiryOf.TryGetValue(i.Id, out var expiry) && expiry == i.Expiry);

    /// <summary>Whether an id was taken, and its time is not over.</summary>
    public bool Has(string id, long now) => _expiryOf.TryGetValue(id, out var expiry) && expiry > now;

    /// <summary>Takes ids in, and forgets those whose time is over, and the oldest if there are too many.</summary>
    public void Add(MessageIds ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        while (_byAge.TryPeek(out var oldest) && oldest.Expiry <= ids.At)
        {
            RemoveOldest();
        }

        foreach (var id in ids.Ids)
        {
            Restore(id, ids.At + ids.Window);
        }

        while (_expiryOf.Count > ids.MaxCount)
        {
            RemoveOldest();
        }
    }

    internal void Restore(string id, long expiry)
    {
        if (_expiryOf.TryGetValue(id, out var known) && known == expiry)
        {
            return;
        }

        _expiryOf[id] = expiry;
        _byAge.Enqueue((id, expiry));
    }

    private void RemoveOldest()
    {
        var (id, expiry) = _byAge.Dequeue();
        if (_expiryOf.TryGetValue(id, out var last) && last == expiry)
        {
            _expiryOf.Remove(id);
        }
    }
}
