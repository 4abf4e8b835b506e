namespace Broker.Machines.Ledgers;

/// <summary>How far a producer has published to a queue.</summary>
/// <param name="Producer">The producer's name, with its user.</param>
/// <param name="LastSequence">The highest sequence that the queue has taken.</param>
/// <param name="Refused">What the queue has refused below that; in a record, since the mark before. <c>null</c>: nothing.</param>
public readonly record struct ProducerMark(string Producer, ulong LastSequence, RefusedSequences? Refused = null);

/// <summary>
/// The producers that a queue knows, so that a message which comes a second time is not taken twice. Bounded: who has not published for longest is forgotten first.
/// </summary>
/// <param name="capacity">Producers to know at most; at least 1.</param>
public sealed class ProducerTable(int capacity = ProducerTable.DefaultCapacity)
{
    /// <summary>So many producers are known unless said otherwise.</summary>
    public const int DefaultCapacity = 4096;

    private RecentProducers<(ulong LastSequence, RefusedSequences? Refused)>? _marks; // made with the first producer: most queues are idle

    /// <summary>Number of producers.</summary>
    public int Count => _marks?.Count ?? 0;

    /// <summary>All of them; the one that published last comes last.</summary>
    public IEnumerable<ProducerMark> Marks => _marks?.InOrder.Select(m => new ProducerMark(m.Producer, m.Value.LastSequence, m.Value.Refused)) ?? [];

    /// <summary>The highest sequence that was taken of a producer; 0 if it is not known.</summary>
    public ulong LastSequenceOf(string producer) => _marks is not null && _marks.TryGet(producer, out var mark) ? mark.LastSequence : 0;

    /// <summary>What was refused of a producer below that; <c>null</c>: nothing.</summary>
    public RefusedSequences? RefusedOf(string producer) => _marks is not null && _marks.TryGet(producer, out var mark) ? mark.Refused : null;

    /// <summary>A producer has published up to a sequence.</summary>
    public void Set(in ProducerMark mark)
    {
        ref var known = ref (_marks ??= new RecentProducers<(ulong, RefusedSequences?)>(capacity)).Touch(mark.Producer);
        known.LastSequence = Math.Max(mark.LastSequence, known.LastSequence);
        if (mark.Refused is { } refused)
        {
            known.Refused = known.Refused?.And(refused) ?? refused;
        }
    }
}
