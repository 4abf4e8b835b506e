using Broker.Machines.Cluster;

namespace Broker.Machines.Tests.Replication;

/// <summary>What the cluster agrees on: one shard's assignment, who is alive by its lease, and what operators ask of nodes.</summary>
internal sealed class SimulatedMetadata(IReadOnlyList<string> nodes)
{
    public ShardAssignment? Assignment { get; private set; }

    public long Revision { get; private set; } = 1;

    /// <summary>Lives whose lease has not ended, by node, with their stores.</summary>
    public Dictionary<string, (NodeLife Life, Guid Store)> Alive { get; } = [];

    public Dictionary<string, NodeState> States { get; } = nodes.ToDictionary(n => n, _ => NodeState.Up);

    /// <summary>Nodes that somebody takes for dead.</summary>
    public HashSet<string> Suspected { get; } = [];

    public bool TryChange(long revision, ShardAssignment to)
    {
        if (revision != Revision)
        {
            return false;
        }

        Assignment = to;
        Revision++;
        return true;
    }

    public PlacementView View() => new()
    {
        Nodes = [.. nodes.Select(n => (Alive.TryGetValue(n, out var alive) ? new ClusterNode(n, alive.Life.Incarnation, alive.Store) : new ClusterNode(n)) with
        {
            State = States[n],
            Suspected = Suspected.Contains(n),
        })],
        Assignments = Assignment is { } assignment ? [assignment] : [],
    };
}
