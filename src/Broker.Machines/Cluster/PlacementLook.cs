using System.Diagnostics.CodeAnalysis;

namespace Broker.Machines.Cluster;

/// <summary>The cluster as one look sees it; what the look has decided is counted in at once, so that its decisions do not all fall on the same node.</summary>
internal sealed class PlacementLook
{
    private readonly Dictionary<string, PlacedNode> _nodes = new(StringComparer.Ordinal);
    private readonly SortedDictionary<int, ShardAssignment> _shards = [];
    private readonly HashSet<int> _changed = [];
    private readonly List<PlacementChange> _changes = [];

    public PlacementLook(PlacementOptions options, PlacementView view)
    {
        foreach (var node in view.Nodes)
        {
            _nodes.Add(node.Name, new PlacedNode(node));
        }

        foreach (var shard in view.Assignments)
        {
            _shards.Add(shard.Shard, shard);
            foreach (var name in shard.Replicas.Where(name => !_nodes.ContainsKey(name)))
            {
                _nodes.Add(name, new PlacedNode(new ClusterNode(name)));
            }
        }

        Nodes = [.. _nodes.Values.OrderBy(n => n.Name, StringComparer.Ordinal)];
        TargetCount = Math.Clamp(Nodes.Count(n => n.KeepsReplicas), 1, options.Replicas);
        foreach (var shard in _shards.Values)
        {
            Count(shard, 1);
        }
    }

    /// <summary>All nodes, by name.</summary>
    public IReadOnlyList<PlacedNode> Nodes { get; }

    /// <summary>Replicas that a shard is to have.</summary>
    public int TargetCount { get; }

    /// <summary>What is decided so far.</summary>
    public IReadOnlyList<PlacementChange> Changes => _changes;

    /// <summary>All shards as they will be, by number.</summary>
    public IEnumerable<ShardAssignment> Shards => _shards.Values;

    /// <summary>Shards of which nothing is decided, by number. A copy, so that something may be decided on the way.</summary>
    public IReadOnlyList<ShardAssignment> Unchanged => [.. _shards.Values.Where(s => !_changed.Contains(s.Shard))];

    public PlacedNode this[string name] => _nodes[name];

    /// <summary>Whether the shard is assigned.</summary>
    public bool Has(int shard) => _shards.ContainsKey(shard);

    /// <summary>Decides. A shard changes once at most in a look.</summary>
    public void Change(ShardAssignment? from, ShardAssignment to, PlacementReason reason, string detail)
    {
        Invariant.That(_changed.Add(to.Shard), "a shard changes once in a look");
        Invariant.That(to.InSync.Count > 0 && to.Replicas.Count > 0, "a shard has an in-sync replica");
        if (from is not null)
        {
            Count(from, -1);
        }

        _shards[to.Shard] = to;
        Count(to, 1);
        _changes.Add(new PlacementChange(from, to, reason, detail));
    }

    /// <summary>In-sync replicas that are there: their node lives, with the store that it had.</summary>
    public IReadOnlyList<ReplicaId> Serving(ShardAssignment shard) => [.. shard.InSync.Where(r => _nodes.TryGetValue(r.Node, out var node) && node.IsReplica(r))];

    /// <summary>Whether the node's replica is there and in sync.</summary>
    public bool Serves(ShardAssignment shard, string name) => _nodes[name] is { IsAlive: true } node && shard.InSync.Contains(node.Replica);

    /// <summary>The node that leads, if it can: this life of it is there, and its replica in sync.</summary>
    public bool TryGetLeader(ShardAssignment shard, [NotNullWhen(true)] out PlacedNode? leader)
    {
        leader = shard.Leader is { } life && _nodes.TryGetValue(life.Node, out var node) && node.IsLife(life) && shard.InSync.Contains(node.Replica) ? node : null;
        return leader is not null;
    }

    /// <summary>Whether there is one replica too many.</summary>
    public bool HasSurplus(ShardAssignment shard) => shard.Replicas.Count > TargetCount;

    /// <summary>Who leaves a shard that has one too many: first whose node is to go, else the last, where a move puts whom it replaces.</summary>
    public string LeavingReplica(ShardAssignment shard) => shard.Replicas.LastOrDefault(name => !_nodes[name].KeepsReplicas) ?? shard.Replicas[^1];

    /// <summary>Something is under way: a move is not done, or a replica that is to stay and lives is catching up.</summary>
    public bool IsBusy(ShardAssignment shard) =>
        HasSurplus(shard) || shard.Replicas.Any(name => _nodes[name] is { IsAlive: true, KeepsReplicas: true } && !Serves(shard, name));

    /// <summary>
    /// The best node for another replica: of a zone that has fewest of the others, then with fewest replicas. <c>null</c> if there is none.
    /// </summary>
    public PlacedNode? BestNewNode(IReadOnlyList<string> present, IEnumerable<string> others, Func<PlacedNode, bool> isPossible)
    {
        var zones = others.Select(name => _nodes[name].Zone).ToList();
        return Nodes.Where(n => isPossible(n) && !present.Contains(n.Name)).MinBy(n => (zones.Count(z => z == n.Zone), n.Replicas));
    }

    /// <summary>Puts first who is the preferred leader of fewest shards, for every change of a shard's replicas is a chance to spread them.</summary>
    public IReadOnlyList<string> WithPreferredFirst(ShardAssignment? from, IReadOnlyList<string> replicas)
    {
        var first = replicas.MinBy(name => _nodes[name].Preferred - (from is not null && from.Replicas[0] == name ? 1 : 0))!;
        return [first, .. replicas.Where(name => name != first)];
    }

    private void Count(ShardAssignment shard, int by)
    {
        _nodes[shard.Replicas[0]].Preferred += by;
        if (shard.Leader is { } leader && _nodes.TryGetValue(leader.Node, out var node))
        {
            node.Leaders += by;
        }

        var leaves = HasSurplus(shard) ? LeavingReplica(shard) : null;
        foreach (var name in shard.Replicas.Where(name => name != leaves))
        {
            _nodes[name].Replicas += by;
        }
    }
}
