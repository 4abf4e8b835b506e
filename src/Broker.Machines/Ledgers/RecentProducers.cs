using System.Diagnostics.CodeAnalysis;

namespace Broker.Machines.Ledgers;

/// <summary>Something about each of the producers that were heard of last. Bounded: who was heard of longest ago is forgotten first.</summary>
/// <param name="capacity">Producers to know at most; at least 1.</param>
internal sealed class RecentProducers<T>(int capacity)
    where T : struct
{
    private readonly Dictionary<string, LinkedListNode<(string Producer, T Value)>> _nodes = new(StringComparer.Ordinal);
    private readonly LinkedList<(string Producer, T Value)> _byUse = new(); // the one that was heard of last is last

    public int Count => _nodes.Count;

    /// <summary>All of it; the producer that was heard of last comes last.</summary>
    public IEnumerable<(string Producer, T Value)> InOrder => _byUse;

    public bool TryGet(string producer, out T value)
    {
        var isKnown = _nodes.TryGetValue(producer, out var node);
        value = isKnown ? node!.ValueRef.Value : default;
        return isKnown;
    }

    /// <summary>A producer is heard of.</summary>
    /// <returns>What is known about it, to be changed; nothing but zeros if it is new.</returns>
    [SuppressMessage("Performance", "CA1854", Justification = "It is added otherwise.")]
    public ref T Touch(string producer)
    {
        if (_nodes.TryGetValue(producer, out var node))
        {
            _byUse.Remove(node);
        }
        else
        {
            if (_nodes.Count >= capacity)
            {
                _nodes.Remove(_byUse.First!.ValueRef.Producer);
                _byUse.RemoveFirst();
            }

            node = new LinkedListNode<(string, T)>((producer, default));
            _nodes.Add(producer, node);
        }

        _byUse.AddLast(node);
        return ref node.ValueRef.Value;
    }

    public void Remove(string producer)
    {
        if (_nodes.Remove(producer, out var node))
        {
            _byUse.Remove(node);
        }
    }
}
