using Broker.Machines.Cluster;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>What the cluster agrees on: the assignment of each shard, who is alive by its lease, and what operators ask of nodes.</summary>
internal sealed class SimulatedMetadata(IReadOnlyList<string> nodes)
{
    private readonly Dictionary<int, (ShardAssignment Assignment, long Revision)> _shards = [];
    private readonly Dictionary<int, (ShardAssignment Assignment, long Revision)> _before = [];
    private long _revision;

    /// <summary>Its leader has changed: until then nobody gets an answer.</summary>
    public TimeSpan HangsUntil { get; set; }

    /// <summary>Lives whose lease has not ended, by node, with their stores.</summary>
    public Dictionary<string, (NodeLife Life, Guid Store)> Alive { get; } = [];

    public Dictionary<string, NodeState> States { get; } = nodes.ToDictionary(n => n, _ => NodeState.Up);

    /// <summary>Nodes that somebody takes for dead.</summary>
    public HashSet<string> Suspected { get; } = [];

    public (ShardAssignment? Assignment, long Revision) this[int shard] => _shards.TryGetValue(shard, out var found) ? found : (null, 0);

    /// <summary>What a shard's assignment was before the last change.</summary>
    public (ShardAssignment? Assignment, long Revision) Before(int shard) => _before.TryGetValue(shard, out var found) ? found : (null, 0);

    public bool TryChange(long revision, ShardAssignment to)
    {
        if (revision != this[to.Shard].Revision)
        {
            return false;
        }

        if (_shards.TryGetValue(to.Shard, out var old))
        {
            _before[to.Shard] = old;
        }

        _shards[to.Shard] = (to, ++_revision);
        return true;
    }

    public PlacementView View() => new()
    {
        Nodes = [.. nodes.Select(n => (Alive.TryGetValue(n, out var alive) ? new ClusterNode(n, alive.Life.Incarnation, alive.Store) : new ClusterNode(n)) with
        {
            State = States[n],
            Suspected = Suspected.Contains(n),
        })],
        Assignments = [.. _shards.OrderBy(s => s.Key).Select(s => s.Value.Assignment)],
    };
}
