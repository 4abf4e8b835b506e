namespace Broker.Storage.Log;

/// <summary>From where on each entity still needs the log. Thread-safe.</summary>
internal sealed class LogRetention
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, (long From, long Last)> _needs = []; // and where its last record is, as far as known

    /// <summary>The entity has a record there; it counts if it is the first that is needed.</summary>
    public void Need(ulong entity, long position)
    {
        lock (_lock)
        {
            var last = position == long.MaxValue ? 0 : position;
            _needs[entity] = _needs.TryGetValue(entity, out var before)
                ? (Math.Min(before.From, position), Math.Max(before.Last, last)) // it needed nothing, or nothing yet that is so early
                : (position, last);
        }
    }

    /// <summary>The entity needs nothing before this position any more.</summary>
    public void Advance(ulong entity, long position)
    {
        lock (_lock)
        {
            if (_needs.TryGetValue(entity, out var before) && before.From < position)
            {
                _needs[entity] = before with { From = position };
            }
        }
    }

    /// <summary>The entity needs the log no more, unless it has begun anew: it has a record behind the position.</summary>
    public void Remove(ulong entity, long upTo = long.MaxValue)
    {
        lock (_lock)
        {
            if (_needs.TryGetValue(entity, out var needs) && needs.Last <= upTo)
            {
                _needs.Remove(entity);
            }
        }
    }

    /// <summary>The entities that need something before the position, in order of their numbers.</summary>
    public IReadOnlyList<ulong> NeedingBefore(long position)
    {
        lock (_lock)
        {
            return [.. _needs.Where(e => e.Value.From < position).Select(e => e.Key).Order()];
        }
    }

    /// <summary>The lowest position that anybody needs; <see cref="long.MaxValue"/> if nobody needs any.</summary>
    public long Lowest()
    {
        lock (_lock)
        {
            return _needs.Count > 0 ? _needs.Values.Min(static n => n.From) : long.MaxValue;
        }
    }
}
