using System.Collections.Immutable;
using Broker.Machines.Topology;

namespace Broker.Machines.Routing;

/// <summary>
/// By patterns of words: a tree with a level a word. A key is followed down the tree by all paths at once, so it costs its length times the nodes that it reaches, whatever else is bound; and a node
/// is reached once for each word, so no pattern makes it explode.
/// </summary>
internal sealed class TopicIndex(TopicIndex.Node root) : BindingIndex
{
    private const int Few = 16;

    public static TopicIndex Empty { get; } = new(Node.Empty);

    public override bool DependsOnKeyAlone => true;

    internal sealed record Node(ImmutableDictionary<string, Node> Words, Node? OneWord, Node? AnyWords, DestinationSet Here)
    {
        public static Node Empty { get; } = new(ImmutableDictionary.Create<string, Node>(StringComparer.Ordinal), null, null, DestinationSet.Empty);

        public bool IsEmpty => Words.IsEmpty && OneWord is null && AnyWords is null && Here.IsEmpty;

        public bool Equals(Node? other) => ReferenceEquals(this, other);

        public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);
    }

    public override BindingIndex Add(Binding binding, long place) => new TopicIndex(With(root, binding.RoutingKey, 0, set => set.Add(DestinationOf(binding)))!);

    public override BindingIndex Remove(Binding binding, long place) => new TopicIndex(With(root, binding.RoutingKey, 0, set => set.Remove(DestinationOf(binding))) ?? Node.Empty);

    public override void Match(ref RoutedMessage message, Matches matches)
    {
        Match(message.RoutingKey, matches);
        foreach (var key in message.MoreKeys)
        {
            Match(key, matches);
        }
    }

    /// <summary>An empty key has no word; any other has one more than it has dots, and words may be empty.</summary>
    private void Match(string key, Matches matches)
    {
        var (reached, next, open) = (matches.Reached, matches.Next, matches.Open);
        reached.Clear();
        open.Clear();
        matches.OpenSet.Clear();
        Reach(root, reached, matches);
        for (var at = 0; at <= key.Length && key.Length > 0 && (reached.Count > 0 || open.Count > 0);)
        {
            var dot = key.IndexOf('.', at);
            var end = dot < 0 ? key.Length : dot;
            var word = key[at..end];
            next.Clear();
            for (int i = 0, opened = open.Count; i < opened; i++) // those that open with this word take the next one first
            {
                Step(open[i], word, next, matches);
            }

            foreach (var node in reached)
            {
                Step(node, word, next, matches);
            }

            (reached, next) = (next, reached);
            at = end + 1;
        }

        foreach (var node in reached)
        {
            matches.Add(node.Here);
        }

        foreach (var node in open)
        {
            matches.Add(node.Here);
        }
    }

    private static void Step(Node node, string word, List<Node> next, Matches matches)
    {
        if (node.Words.TryGetValue(word, out var child))
        {
            Reach(child, next, matches);
        }

        if (node.OneWord is { } one)
        {
            Reach(one, next, matches);
        }
    }

    /// <summary>A node is reached; and so is what is behind a <c>#</c> of it, which may stand for nothing, and stays reached whatever words follow.</summary>
    private static void Reach(Node node, List<Node> into, Matches matches)
    {
        into.Add(node);
        for (var behind = node.AnyWords; behind is not null && Opens(behind, matches); behind = behind.AnyWords)
        {
            matches.Open.Add(behind);
        }
    }

    private static bool Opens(Node node, Matches matches)
    {
        var open = matches.Open;
        if (open.Count < Few)
        {
            return !open.Contains(node);
        }

        if (matches.OpenSet.Count == 0)
        {
            matches.OpenSet.UnionWith(open);
        }

        return matches.OpenSet.Add(node);
    }

    /// <returns>The node with the change in it; <c>null</c> if nothing is left of it.</returns>
    private static Node? With(Node node, string pattern, int at, Func<DestinationSet, DestinationSet> change)
    {
        if (at > pattern.Length || pattern.Length == 0)
        {
            return NotEmpty(node with { Here = change(node.Here) });
        }

        var dot = pattern.IndexOf('.', at);
        var end = dot < 0 ? pattern.Length : dot;
        switch (pattern[at..end])
        {
            case "*":
                return NotEmpty(node with { OneWord = With(node.OneWord ?? Node.Empty, pattern, end + 1, change) });
            case "#":
                return NotEmpty(node with { AnyWords = With(node.AnyWords ?? Node.Empty, pattern, end + 1, change) });
            case var word:
                var child = With(node.Words.GetValueOrDefault(word, Node.Empty), pattern, end + 1, change);
                return NotEmpty(node with { Words = child is null ? node.Words.Remove(word) : node.Words.SetItem(word, child) });
        }
    }

    private static Node? NotEmpty(Node node) => node.IsEmpty ? null : node;
}
