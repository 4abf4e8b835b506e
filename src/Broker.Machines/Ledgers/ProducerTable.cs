using System.Diagnostics.CodeAnalysis;

namespace Broker.Machines.Ledgers;

/// <summary>How far a producer has published to a queue.</summary>
/// <param name="Producer">The producer's name, with its user.</param>
/// <param name="LastSequence">The highest sequence that the queue has taken.</param>
public readonly record struct ProducerMark(string Producer, ulong LastSequence);

/// <summary>
/// The producers that a queue knows, so that a message which comes a second time is not taken twice. Bounded: who has not published for longest is forgotten first.
/// </summary>
/// <param name="capacity">Producers to know at most; at least 1.</param>
public sealed class ProducerTable(int capacity = ProducerTable.DefaultCapacity)
{
    /// <summary>So many producers are known unless said otherwise.</summary>
    public const int DefaultCapacity = 4096;

    private Dictionary<string, LinkedListNode<ProducerMark>>? _marks; // made with the first producer, as is the next: most queues are idle
    private LinkedList<ProducerMark>? _byUse; // the one that published last is last

    /// <summary>Number of producers.</summary>
    public int Count => _marks?.Count ?? 0;

    /// <summary>All of them; the one that published last comes last.</summary>
    public IEnumerable<ProducerMark> Marks => _byUse ?? [];

    /// <summary>The highest sequence that was taken of a producer; 0 if it is not known.</summary>
    public ulong LastSequenceOf(string producer) => _marks is not null && _marks.TryGetValue(producer, out var node) ? node.Value.LastSequence : 0;

    /// <summary>A producer has published up to a sequence.</summary>
    public void Set(in ProducerMark mark)
    {
        _marks ??= new Dictionary<string, LinkedListNode<ProducerMark>>(StringComparer.Ordinal);
        _byUse ??= new LinkedList<ProducerMark>();
        if (_marks.TryGetValue(mark.Producer, out var node))
        {
            _byUse.Remove(node);
            node.Value = mark with { LastSequence = Math.Max(mark.LastSequence, node.Value.LastSequence) };
            _byUse.AddLast(node);
            return;
        }

        if (_marks.Count >= capacity)
        {
            RemoveOldest(_marks, _byUse);
        }

        _marks.Add(mark.Producer, _byUse.AddLast(mark));
    }

    [SuppressMessage("Performance", "CA1864", Justification = "There is nothing to add.")]
    private static void RemoveOldest(Dictionary<string, LinkedListNode<ProducerMark>> marks, LinkedList<ProducerMark> byUse)
    {
        var oldest = byUse.First!;
        byUse.RemoveFirst();
        marks.Remove(oldest.Value.Producer);
    }
}
