namespace Broker.Storage.Log;

/// <summary>From where on each entity still needs the log. Thread-safe.</summary>
internal sealed class LogRetention
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, long> _neededFrom = [];

    /// <summary>The entity has a record there; it counts if it is the first that is needed.</summary>
    public void Need(ulong entity, long position)
    {
        lock (_lock)
        {
            if (!_neededFrom.TryAdd(entity, position) && position < _neededFrom[entity])
            {
                _neededFrom[entity] = position; // it needed nothing, or nothing yet that is so early
            }
        }
    }

    /// <summary>The entity needs nothing before this position any more.</summary>
    public void Advance(ulong entity, long position)
    {
        lock (_lock)
        {
            if (_neededFrom.TryGetValue(entity, out var before) && before < position)
            {
                _neededFrom[entity] = position;
            }
        }
    }

    /// <summary>The entity needs the log no more.</summary>
    public void Remove(ulong entity)
    {
        lock (_lock)
        {
            _neededFrom.Remove(entity);
        }
    }

    /// <summary>The entities that need something before the position, in order of their numbers.</summary>
    public IReadOnlyList<ulong> NeedingBefore(long position)
    {
        lock (_lock)
        {
            return [.. _neededFrom.Where(e => e.Value < position).Select(e => e.Key).Order()];
        }
    }

    /// <summary>The lowest position that anybody needs; <see cref="long.MaxValue"/> if nobody needs any.</summary>
    public long Lowest()
    {
        lock (_lock)
        {
            return _neededFrom.Count > 0 ? _neededFrom.Values.Min() : long.MaxValue;
        }
    }
}
