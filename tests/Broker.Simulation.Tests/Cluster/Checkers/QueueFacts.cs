using Broker.Simulation.Tests.Checkers;

namespace Broker.Simulation.Tests.Cluster.Checkers;

/// <summary>What clients know about one message of one queue. The checkers judge by it.</summary>
internal sealed class MessageFacts
{
    /// <summary>How often its publisher has sent it; 0 for a dead letter.</summary>
    public int Sends { get; set; }

    /// <summary>The publisher was told that the queue has it.</summary>
    public bool Confirmed { get; set; }

    /// <summary>The publisher was told that the queue does not take it.</summary>
    public bool Refused { get; set; }

    /// <summary>Somebody has acknowledged it, so that it may be gone.</summary>
    public bool MayBeAcknowledged { get; set; }

    /// <summary>Somebody has rejected it, so that it may be gone, or be a dead letter.</summary>
    public bool MayBeRejected { get; set; }

    /// <summary>The queue was purged or deleted after it was sent, so that it may be gone.</summary>
    public bool MayBePurged { get; set; }

    /// <summary>Count of the delivery that was settled for certain; -1: none was.</summary>
    public int SettledAt { get; set; } = -1;

    /// <summary>That settlement was a rejection.</summary>
    public bool WasRejected { get; set; }

    /// <summary>Where it is in the queue; 0: nobody has seen it there.</summary>
    public ulong Position { get; set; }

    /// <summary>The counts that its deliveries have had.</summary>
    public HashSet<int> Counts { get; } = [];

    public List<string> Story { get; } = [];
}

/// <summary>What clients know about a queue, over all nodes that ever served it.</summary>
/// <remarks>
/// A leader that was cut off may deliver late what it had decided on long ago. So deliveries are told apart by their counts, each of which was agreed on once, and not by when they come.
/// </remarks>
internal sealed class QueueFacts(string queue, Func<string> now)
{
    private readonly Dictionary<MessageId, MessageFacts> _messages = [];

    public string Queue => queue;

    public IReadOnlyDictionary<MessageId, MessageFacts> Messages => _messages;

    /// <summary>What publishers were told to be there.</summary>
    public IEnumerable<MessageId> Confirmed => _messages.Where(f => f.Value.Confirmed).Select(f => f.Key);

    public MessageFacts this[MessageId id] => _messages[id];

    public int Count(Func<MessageFacts, bool> isSo) => _messages.Values.Count(isSo);

    public MessageFacts Add(MessageId id)
    {
        var facts = new MessageFacts();
        _messages.Add(id, facts);
        return facts;
    }

    /// <summary>Remembers something about a message, for the message of a failure.</summary>
    public void Tell(MessageId id, string what) => _messages[id].Story.Add($"{now()} {what}");

    /// <summary>Everything that was sent so far may be gone.</summary>
    public void OnPurging()
    {
        foreach (var facts in _messages.Values)
        {
            facts.MayBePurged = true;
        }
    }

    public string StoryOf(MessageId id) =>
        _messages.TryGetValue(id, out var facts) ? $"{id} at {facts.Position} of '{queue}': {string.Join(", ", facts.Story)}" : $"{id}, unknown to '{queue}'";
}
