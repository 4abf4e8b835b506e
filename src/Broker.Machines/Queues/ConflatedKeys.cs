using Broker.Machines.Ledgers;

namespace Broker.Machines.Queues;

/// <summary>The keys of messages in a queue that keeps only the newest ready message of each.</summary>
internal sealed class ConflatedKeys
{
    private readonly Dictionary<ulong, KeyedMessage> _keyed = [];
    private readonly Dictionary<string, ulong> _ready = new(StringComparer.Ordinal);

    /// <summary>A message with a key is in the queue.</summary>
    public void Add(in KeyedMessage keyed) => _keyed.Add(keyed.Position, keyed);

    /// <summary>A message is ready. Of two with the same key, the older one has to leave.</summary>
    /// <returns>The one that has to leave, perhaps this one; <c>null</c>: none has.</returns>
    public KeyedMessage? MakeReady(ulong position)
    {
        if (!_keyed.TryGetValue(position, out var keyed))
        {
            return null;
        }

        if (!_ready.TryGetValue(keyed.Key, out var other))
        {
            _ready.Add(keyed.Key, position);
            return null;
        }

        if (position < other)
        {
            return keyed;
        }

        _ready[keyed.Key] = position;
        return _keyed[other];
    }

    /// <summary>A message is with a consumer.</summary>
    public void HandOut(ulong position)
    {
        if (_keyed.TryGetValue(position, out var keyed) && _ready.TryGetValue(keyed.Key, out var ready) && ready == position)
        {
            _ready.Remove(keyed.Key);
        }
    }

    /// <summary>A message has left.</summary>
    public void Remove(ulong position)
    {
        HandOut(position);
        _keyed.Remove(position);
    }

    /// <summary>Messages have left.</summary>
    public void Remove(PositionRange range)
    {
        if (range.Count > (ulong)_keyed.Count)
        {
            foreach (var position in _keyed.Keys.Where(p => p >= range.First && p <= range.Last).ToList())
            {
                Remove(position);
            }

            return;
        }

        for (var position = range.First; position <= range.Last; position++)
        {
            Remove(position);
        }
    }
}
