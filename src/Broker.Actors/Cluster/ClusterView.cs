using Broker.Coordination;
using Broker.Machines.Cluster;

namespace Broker.Actors.Cluster;

/// <summary>A value of the metadata store and the revision that wrote it.</summary>
internal sealed record Stored<T>(T Value, long Revision);

/// <summary>What a key of the cluster is about.</summary>
internal enum ClusterSubject
{
    Nothing,
    Node,
    Standing,
    Shard,
    Coordinator,
    Orders,
}

/// <summary>What has changed in a <see cref="ClusterView"/>: the node by name, or the shard by number.</summary>
internal readonly record struct ClusterNews(ClusterSubject Subject, string Node = "", int Shard = -1);

/// <summary>
/// The cluster as this node knows it, from several watches and its own transactions. Each key is as of its own revision, and an older one never replaces a newer one; whoever decides by it
/// compares revisions when it writes.
/// </summary>
internal sealed class ClusterView
{
    private readonly Dictionary<string, long> _revisions = new(StringComparer.Ordinal);

    /// <summary>What is watched. The last two are single keys; others that begin alike are passed over.</summary>
    public static IReadOnlyList<string> Prefixes { get; } =
        [ClusterKeys.Nodes, ClusterKeys.Standings, ClusterKeys.Shards, ClusterKeys.UncleanElections, ClusterKeys.Coordinator, ClusterKeys.EpochFloor];

    /// <summary>Nodes whose lease stands, by name.</summary>
    public SortedDictionary<string, Stored<NodeRegistration>> Nodes { get; } = new(StringComparer.Ordinal);

    /// <summary>What is asked of nodes, by name.</summary>
    public SortedDictionary<string, Stored<NodeStanding>> Standings { get; } = new(StringComparer.Ordinal);

    /// <summary>Who has which shard, by number.</summary>
    public SortedDictionary<int, Stored<ShardAssignment>> Shards { get; } = [];

    /// <summary>Orders of operators, by number of the shard.</summary>
    public SortedDictionary<int, Stored<ReplicaId>> Orders { get; } = [];

    /// <summary>Who decides; <c>null</c> if nobody does.</summary>
    public Stored<NodeLife>? Coordinator { get; private set; }

    /// <summary>The highest epoch that was used before a restore.</summary>
    public long EpochFloor { get; private set; }

    /// <summary>All names of nodes.</summary>
    public IEnumerable<string> Names => Nodes.Keys.Union(Standings.Keys, StringComparer.Ordinal).Order(StringComparer.Ordinal);

    /// <summary>What is asked of a node; up if nothing is.</summary>
    public NodeState StateOf(string node) => Standings.TryGetValue(node, out var standing) ? standing.Value.State : NodeState.Up;

    /// <summary>Where a node is.</summary>
    public string ZoneOf(string node) =>
        Standings.TryGetValue(node, out var standing) ? standing.Value.Zone : Nodes.TryGetValue(node, out var registered) ? registered.Value.Zone : "";

    /// <summary>Whether this life of the node is registered.</summary>
    public bool IsRegistered(NodeLife life) => Nodes.TryGetValue(life.Node, out var registered) && registered.Value.Incarnation == life.Incarnation;

    /// <summary>Whether the node is registered and not declared to be gone.</summary>
    public bool IsAlive(string node) => Nodes.ContainsKey(node) && StateOf(node) != NodeState.Down;

    /// <summary>Keys that are known below a prefix.</summary>
    public IReadOnlyList<string> KeysOf(string prefix) => [.. _revisions.Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal))];

    /// <summary>A value was read.</summary>
    /// <returns>What is different now.</returns>
    /// <exception cref="ClusterFormatException">It is not what a broker of this version writes; nothing is different.</exception>
    public ClusterNews Put(MetadataValue value)
    {
        if (_revisions.TryGetValue(value.Key, out var known) && known >= value.ModRevision)
        {
            return default;
        }

        var news = Place(value);
        if (news.Subject != ClusterSubject.Nothing)
        {
            _revisions[value.Key] = value.ModRevision;
        }

        return news;
    }

    /// <summary>A key was deleted at a revision.</summary>
    /// <returns>What is different now.</returns>
    public ClusterNews Delete(string key, long revision)
    {
        if (!_revisions.TryGetValue(key, out var known) || known > revision)
        {
            return default;
        }

        _revisions.Remove(key);
        if (ClusterKeys.TryGetNode(key, ClusterKeys.Nodes, out var name))
        {
            Nodes.Remove(name);
            return new ClusterNews(ClusterSubject.Node, name);
        }

        if (ClusterKeys.TryGetNode(key, ClusterKeys.Standings, out name))
        {
            Standings.Remove(name);
            return new ClusterNews(ClusterSubject.Standing, name);
        }

        if (ClusterKeys.TryGetShard(key, out var shard))
        {
            Shards.Remove(shard);
            return new ClusterNews(ClusterSubject.Shard, Shard: shard);
        }

        if (ClusterKeys.TryGetShard(key, ClusterKeys.UncleanElections, out shard))
        {
            Orders.Remove(shard);
            return new ClusterNews(ClusterSubject.Orders);
        }

        if (key == ClusterKeys.Coordinator)
        {
            Coordinator = null;
            return new ClusterNews(ClusterSubject.Coordinator);
        }

        EpochFloor = 0;
        return new ClusterNews(ClusterSubject.Orders);
    }

    /// <summary>A transaction of this node has written an assignment.</summary>
    public ClusterNews Put(ShardAssignment assignment, long revision)
    {
        var key = ClusterKeys.OfShard(assignment.Shard);
        if (_revisions.TryGetValue(key, out var known) && known >= revision)
        {
            return default;
        }

        _revisions[key] = revision;
        Shards[assignment.Shard] = new Stored<ShardAssignment>(assignment, revision);
        return new ClusterNews(ClusterSubject.Shard, Shard: assignment.Shard);
    }

    private ClusterNews Place(MetadataValue value)
    {
        var (key, revision) = (value.Key, value.ModRevision);
        var bytes = value.Value.Span;
        if (ClusterKeys.TryGetNode(key, ClusterKeys.Nodes, out var name))
        {
            Nodes[name] = new Stored<NodeRegistration>(NodeRegistrationCodec.Read(bytes), revision);
            return new ClusterNews(ClusterSubject.Node, name);
        }

        if (ClusterKeys.TryGetNode(key, ClusterKeys.Standings, out name))
        {
            Standings[name] = new Stored<NodeStanding>(ClusterValues.ReadStanding(bytes), revision);
            return new ClusterNews(ClusterSubject.Standing, name);
        }

        if (ClusterKeys.TryGetShard(key, out var shard))
        {
            Shards[shard] = new Stored<ShardAssignment>(ShardAssignmentCodec.Read(bytes), revision);
            return new ClusterNews(ClusterSubject.Shard, Shard: shard);
        }

        if (ClusterKeys.TryGetShard(key, ClusterKeys.UncleanElections, out shard))
        {
            Orders[shard] = new Stored<ReplicaId>(ClusterValues.ReadUncleanElection(bytes), revision);
            return new ClusterNews(ClusterSubject.Orders);
        }

        if (key == ClusterKeys.Coordinator)
        {
            Coordinator = new Stored<NodeLife>(ClusterValues.ReadCoordinator(bytes), revision);
            return new ClusterNews(ClusterSubject.Coordinator);
        }

        if (key == ClusterKeys.EpochFloor)
        {
            EpochFloor = ClusterValues.ReadEpochFloor(bytes);
            return new ClusterNews(ClusterSubject.Orders);
        }

        return default;
    }
}
