namespace Broker.Machines.Cluster;

public sealed partial class PlacementMachine
{
    /// <summary>Shards that nobody has yet: over zones first, then to whoever has fewest. All replicas are in sync, as all are empty.</summary>
    private void AssignFirst(PlacementLook look, PlacementView view, TimeSpan now)
    {
        var missing = Enumerable.Range(0, _options.Shards).Where(shard => !look.Has(shard)).ToList();
        var nodes = NodesForFirst(look);
        if (missing.Count == 0 || nodes.Count == 0)
        {
            return;
        }

        if (nodes.Count < _options.Replicas && now - _livesSince < _options.GatheringTime)
        {
            LookAgainAt(_livesSince + _options.GatheringTime);
            return;
        }

        foreach (var number in missing)
        {
            List<string> chosen = [];
            while (chosen.Count < _options.Replicas && look.BestNewNode(chosen, chosen, nodes.Contains) is { } node)
            {
                chosen.Add(node.Name);
            }

            var replicas = look.WithPreferredFirst(null, chosen);
            var to = new ShardAssignment(number, view.EpochFloor + 1, null, [.. replicas.Select(name => look[name].Replica)], replicas);
            to = to with { Leader = BestLeader(look, to, to.InSync)!.Life };
            look.Change(null, to, PlacementReason.FirstAssignment, $"on {string.Join(", ", replicas)}");
        }
    }

    // Whom nobody doubts; if there is no such node, better one that is to go than none.
    private static List<PlacedNode> NodesForFirst(PlacementLook look)
    {
        List<PlacedNode> alive = [.. look.Nodes.Where(n => n.IsAlive)];
        List<PlacedNode> up = [.. alive.Where(n => n.State == NodeState.Up)];
        List<PlacedNode> welcome = [.. up.Where(n => n.IsWelcome)];
        return welcome.Count > 0 ? welcome : up.Count > 0 ? up : alive;
    }
}
