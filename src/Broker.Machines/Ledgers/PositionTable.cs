using System.Diagnostics.CodeAnalysis;

namespace Broker.Machines.Ledgers;

/// <summary>Something about a few of a queue's messages, by their positions.</summary>
public sealed class PositionTable<T>
    where T : struct
{
    private Dictionary<ulong, T>? _items; // made with the first: most queues never have any

    /// <summary>Number of positions.</summary>
    public int Count => _items?.Count ?? 0;

    /// <summary>All of them, by position.</summary>
    public IEnumerable<T> InOrder => _items is null ? [] : _items.OrderBy(i => i.Key).Select(i => i.Value);

    /// <summary>What is known of a position.</summary>
    public bool TryGet(ulong position, [MaybeNullWhen(false)] out T item)
    {
        item = default;
        return _items is not null && _items.TryGetValue(position, out item);
    }

    /// <summary>This is known of a position from now on.</summary>
    public void Set(ulong position, in T item) => (_items ??= [])[position] = item;

    /// <summary>Nothing is known of a position from now on.</summary>
    public bool Remove(ulong position, [MaybeNullWhen(false)] out T item)
    {
        item = default;
        if (_items is null || !_items.Remove(position, out item))
        {
            return false;
        }

        if (_items.Count < _items.Capacity / 8 && _items.Capacity > 64)
        {
            _items.TrimExcess();
        }

        return true;
    }

    /// <summary>Nothing is known of these positions from now on.</summary>
    public void Remove(PositionRange range)
    {
        if (_items is null || _items.Count == 0)
        {
            return;
        }

        if (range.Count <= (ulong)_items.Count)
        {
            for (var position = range.First; position <= range.Last; position++)
            {
                Remove(position, out _);
            }

            return;
        }

        foreach (var position in _items.Keys.Where(p => p >= range.First && p <= range.Last).ToList())
        {
            Remove(position, out _);
        }
    }
}
