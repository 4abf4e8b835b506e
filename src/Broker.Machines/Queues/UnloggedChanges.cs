using Broker.Machines.Ledgers;

namespace Broker.Machines.Queues;

/// <summary>
/// What has happened to the messages of a durable queue since its last record, but for what has come in (<see cref="Intake"/>). A queue has one from its first message on: most queues are idle.
/// </summary>
internal sealed class UnloggedChanges
{
    /// <summary>Handed to consumers.</summary>
    public List<PositionRange> HandedOut { get; } = [];

    /// <summary>Left the queue.</summary>
    public List<PositionRange> Settled { get; } = [];

    /// <summary>Priorities of those that have joined.</summary>
    public List<PriorityRange> Priorities { get; } = [];

    /// <summary>Keys of those that have joined.</summary>
    public List<KeyedMessage> Keyed { get; } = [];

    /// <summary>Ids of those that have joined, in their order.</summary>
    public List<string> Ids { get; } = [];

    /// <summary>The same ids.</summary>
    public HashSet<string> KnownIds { get; } = new(StringComparer.Ordinal);

    /// <summary>Held back.</summary>
    public Dictionary<ulong, HeldMessage> Holds { get; } = [];

    /// <summary>Wait to be dead-lettered.</summary>
    public List<DeadMark> Died { get; } = [];

    /// <summary>Whether there is nothing to log.</summary>
    public bool IsEmpty => HandedOut.Count == 0 && Settled.Count == 0 && Holds.Count == 0 && Died.Count == 0;

    /// <summary>Everything was logged.</summary>
    public void Clear()
    {
        HandedOut.Clear();
        Settled.Clear();
        Priorities.Clear();
        Keyed.Clear();
        Ids.Clear();
        KnownIds.Clear();
        Holds.Clear();
        Died.Clear();
    }
}
