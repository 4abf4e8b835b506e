using Broker.Machines.Cluster;
using Broker.Machines.Tests.Histories;

namespace Broker.Machines.Tests.Cluster;

/// <summary>
/// Nodes, their leases and the metadata store around a <see cref="PlacementMachine"/>. Every look is checked against <see cref="PlacementRules"/> and against that of a twin, which sees the
/// same in another order.
/// </summary>
internal sealed class TestCluster
{
    private const int MaxLooks = 200; // far more than any history here needs

    private readonly SortedDictionary<string, ClusterNode> _nodes = new(StringComparer.Ordinal);
    private readonly TestLogs _logs = new();
    private PlacementMachine _twin;
    private long _lastIncarnation = 100;
    private int _lastStore;
    private string _lives = "";
    private TimeSpan _livesSince;

    public TestCluster(PlacementOptions? options = null)
    {
        Options = options ?? new PlacementOptions { Shards = 8, GatheringTime = TimeSpan.Zero };
        (Machine, _twin) = (new(Options), new(Options));
    }

    public PlacementOptions Options { get; }

    public PlacementMachine Machine { get; private set; }

    public SortedDictionary<int, ShardAssignment> Shards { get; } = [];

    public TimeSpan Now { get; private set; } = TimeSpan.FromHours(1);

    public long EpochFloor { get; set; }

    public List<UncleanElection> Orders { get; } = [];

    public IReadOnlyCollection<ClusterNode> Nodes => _nodes.Values;

    public ClusterNode this[string name] => _nodes[name];

    public static TestCluster Of(PlacementOptions options, params string[] names)
    {
        var cluster = new TestCluster(options);
        cluster.Start(names);
        return cluster;
    }

    /// <summary>Three nodes with the default options but for fewer shards, settled.</summary>
    public static TestCluster Settled(params string[] names)
    {
        var cluster = Of(new PlacementOptions { Shards = 8, GatheringTime = TimeSpan.Zero }, names);
        cluster.Settle();
        return cluster;
    }

    public void Start(params string[] names)
    {
        foreach (var name in names)
        {
            Restart(name);
        }
    }

    /// <summary>Another life, on the same store if the node has one.</summary>
    public void Restart(string name, bool withEmptyDisk = false)
    {
        var node = _nodes.GetValueOrDefault(name) ?? new ClusterNode(name);
        var store = node.Store == default || withEmptyDisk ? new Guid(++_lastStore, 0, 0, new byte[8]) : node.Store;
        _nodes[name] = node with { Incarnation = ++_lastIncarnation, Store = store, Suspected = false };
    }

    public void Kill(params string[] names) => Set(node => node with { Incarnation = null, Suspected = false }, names);

    public void Suspect(bool isSuspected, params string[] names) => Set(node => node with { Suspected = isSuspected && node.Incarnation is not null }, names);

    public void Ask(NodeState state, params string[] names) => Set(node => node with { State = state }, names);

    public void Label(string zone, params string[] names) => Set(node => node with { Zone = zone }, names);

    public void Forget(string name) => _nodes.Remove(name);

    public void Wait(TimeSpan time) => Now += time;

    public void WaitUntilStill() => Wait(Options.StillTime);

    /// <summary>The coordinator is another one, which remembers nothing.</summary>
    public void ReplaceCoordinator() => (Machine, _twin) = (new(Options), new(Options));

    /// <summary>Looks, and makes the changes but for those that are lost because <paramref name="meanwhile"/> changed the shard first.</summary>
    public IReadOnlyList<PlacementChange> Look(Action? meanwhile = null)
    {
        var view = View();
        var changes = Machine.Look(view, Now);
        Same.Sequence(changes, _twin.Look(view with { Nodes = [.. _nodes.Values.Reverse()], Assignments = [.. Shards.Values.Reverse()] }, Now));
        NoteLives();
        PlacementRules.Check(Options, view, changes, isStill: Now - _livesSince >= Options.StillTime);
        meanwhile?.Invoke();
        foreach (var change in changes)
        {
            if (Equals(Shards.GetValueOrDefault(change.To.Shard), change.From))
            {
                Shards[change.To.Shard] = change.To;
                Orders.RemoveAll(o => change.Reason == PlacementReason.UncleanElection && o.Shard == change.To.Shard);
                _logs.HandleChange(change);
            }
        }

        if (meanwhile is null)
        {
            PlacementRules.CheckLeaders(View());
        }

        return changes;
    }

    /// <summary>Looks until there is nothing to do, while leaders take in whatever has caught up.</summary>
    /// <returns>All changes.</returns>
    public IReadOnlyList<PlacementChange> Settle()
    {
        List<PlacementChange> all = [];
        for (var looks = 0; ; looks++)
        {
            Assert.True(looks < MaxLooks, $"no end of changes; the last ones:\n{string.Join("\n", all.TakeLast(12).Select(Text))}");
            var changes = Look();
            all.AddRange(changes);
            var haveCaughtUp = Shards.Values.ToList().Count(s => LeaderAdds(s.Shard));
            if (changes.Count == 0 && haveCaughtUp == 0 && Machine.NextLook is null)
            {
                PlacementRules.CheckSettled(Options, View());
                return all;
            }

            Now = Machine.NextLook is { } next && next > Now ? next : Now + TimeSpan.FromMilliseconds(1);
        }
    }

    /// <summary>Everybody who can has caught up, or only who is named, and the leader takes them into the in-sync set.</summary>
    public bool LeaderAdds(int shard, string? name = null)
    {
        if (!Shards.TryGetValue(shard, out var s) || Leader(s) is null)
        {
            return false;
        }

        var added = s.Replicas.Where(r => (name ?? r) == r && _nodes.TryGetValue(r, out var node) && IsThere(node)).Select(r => new ReplicaId(r, _nodes[r].Store))
            .Where(r => !s.InSync.Contains(r)).ToList();
        foreach (var replica in added)
        {
            _logs.HandleCaughtUp(shard, replica, new ReplicaId(s.Leader!.Value.Node, _nodes[s.Leader.Value.Node].Store));
        }

        Shards[shard] = s with { InSync = [.. s.InSync, .. added] };
        return added.Count > 0;
    }

    /// <summary>The leader puts a follower that lags out of the in-sync set.</summary>
    public void LeaderRemoves(int shard, string name)
    {
        if (Shards.TryGetValue(shard, out var s) && Leader(s) is { } leader && leader.Name != name)
        {
            List<ReplicaId> rest = [.. s.InSync.Where(r => r.Node != name)];
            Shards[shard] = rest.Count >= Options.MinInSync ? s with { InSync = rest } : s;
        }
    }

    /// <summary>The leader commits a record if all that are in sync take it.</summary>
    public void LeaderCommits(int shard)
    {
        if (Shards.TryGetValue(shard, out var s) && Leader(s) is not null && s.InSync.All(r => _nodes.TryGetValue(r.Node, out var n) && n.Incarnation is not null && n.Store == r.Store))
        {
            _logs.HandleCommit(s);
        }
    }

    /// <summary>The node that leads, if this life of it is there.</summary>
    public ClusterNode? Leader(ShardAssignment s) =>
        s.Leader is { } life && _nodes.TryGetValue(life.Node, out var node) && node.Incarnation == life.Incarnation && node.State != NodeState.Down ? node : null;

    public int LeadersOf(string name) => Shards.Values.Count(s => s.Leader?.Node == name);

    public int ReplicasOf(string name) => Shards.Values.Count(s => s.Replicas.Contains(name));

    public static string Text(PlacementChange c) => $"{Text(c.From)} => {Text(c.To)} {c.Reason}: {c.Detail}";

    public static string Text(ShardAssignment? s) => s is null
        ? "nothing"
        : $"{s.Shard}@{s.Epoch} {s.Leader?.Node}#{s.Leader?.Incarnation} in sync {string.Join(",", s.InSync.Select(r => $"{r.Node}/{r.Store.ToString()[..8]}"))} of {string.Join(",", s.Replicas)}";

    private PlacementView View() => new() { Nodes = [.. _nodes.Values], Assignments = [.. Shards.Values], EpochFloor = EpochFloor, UncleanElections = [.. Orders] };

    private static bool IsThere(ClusterNode node) => node.Incarnation is not null && node.State != NodeState.Down;

    private void Set(Func<ClusterNode, ClusterNode> change, string[] names)
    {
        foreach (var name in names.Where(_nodes.ContainsKey))
        {
            _nodes[name] = change(_nodes[name]);
        }
    }

    private void NoteLives()
    {
        var lives = string.Join(",", _nodes.Values.Where(IsThere).Select(n => $"{n.Name}#{n.Incarnation}"));
        if (lives != _lives)
        {
            (_lives, _livesSince) = (lives, Now);
        }
    }
}
