using System.Collections.Immutable;
using Broker.Protocol;

namespace Broker.Machines.Routing;

/// <summary>What one exchange makes of one message, and the scratch space for it. Used again and again by one router.</summary>
internal sealed class Matches(Func<string, bool> isLedHere)
{
    /// <summary>Everything in these matches.</summary>
    public List<DestinationSet> Sets { get; } = [];

    /// <summary>And these.</summary>
    public List<Destination> Singles { get; } = [];

    public bool IsEmpty => Sets.Count == 0 && Singles.Count == 0;

    /// <summary>For topic exchanges: nodes that the words so far lead to.</summary>
    public List<TopicIndex.Node> Reached { get; } = [];

    /// <summary>The same, with one more word.</summary>
    public List<TopicIndex.Node> Next { get; } = [];

    /// <summary>For topic exchanges: nodes behind a <c>#</c> that was reached, which takes all words that follow.</summary>
    public List<TopicIndex.Node> Open { get; } = [];

    /// <summary>The same, to find one among many.</summary>
    public HashSet<TopicIndex.Node> OpenSet { get; } = [];

    public void Clear()
    {
        Sets.Clear();
        Singles.Clear();
    }

    public void Add(DestinationSet set)
    {
        if (!set.IsEmpty)
        {
            Sets.Add(set);
        }
    }

    public bool IsLedHere(Destination destination) => destination.Kind == DestinationKind.Queue && isLedHere(destination.Name);
}

/// <summary>Where a message goes.</summary>
/// <param name="Queues">Each once, with its vhost.</param>
/// <param name="AtOnce">So many of them, the first ones, are not reached by a delayed exchange alone: the delay that such an exchange reads from a header does not count for them.</param>
public readonly record struct RouteResult(ImmutableArray<string> Queues, int AtOnce);
