namespace Broker.Machines.Cluster;

// Rebalancing comes to an end because each change lowers, in this order: pairs of a shard's replicas in the same zone, the sum of the squares of the nodes' replicas, that of their
// leaders; or else it leaves them as they are and shortens the way to the next one that lowers them.
public sealed partial class PlacementMachine
{
    /// <summary>One shard that passes from one node to another.</summary>
    private readonly record struct Shift(ShardAssignment Shard, PlacedNode From, PlacedNode To);

    /// <summary>Evens out what nodes have, a little at a time, when nothing else is to do.</summary>
    private void Rebalance(PlacementLook look, TimeSpan now)
    {
        if (look.Changes.Count > 0 || look.Nodes.Any(n => n.IsAlive && n.IsSuspected) || look.Shards.Any(look.IsBusy))
        {
            return;
        }

        if (_nextRebalance is { } next && now < next)
        {
            LookAgainAt(next);
            return;
        }

        SpreadOverZones(look);
        ShiftEvenly(look, n => n.Replicas, (from, to) => ReplicaShift(look, from, to), BeginMove);
        if (look.Changes.Count == 0)
        {
            ShiftEvenly(look, n => n.Leaders, (from, to) => LeaderShift(look, from, to), BalanceLeader);
        }

        if (look.Changes.Count > 0)
        {
            _nextRebalance = now + _options.RebalanceInterval;
            LookAgainAt(_nextRebalance.Value);
        }

        void BeginMove(Shift s) => PlacementMachine.BeginMove(look, s.Shard, s.From.Name, s.To.Name, $"{s.From.Name} has more replicas, {s.From.Replicas}, than {s.To.Name}, {s.To.Replicas}");

        void BalanceLeader(Shift s) => look.Change(
            s.Shard,
            s.Shard with { Epoch = s.Shard.Epoch + 1, Leader = s.To.Life },
            PlacementReason.LeaderBalanced,
            $"{s.From.Name} leads more shards, {s.From.Leaders}, than {s.To.Name}, {s.To.Leaders}");
    }

    /// <summary>Moves replicas out of zones that have others of the same shard, whatever it does to the load.</summary>
    private void SpreadOverZones(PlacementLook look)
    {
        while (look.Changes.Count < _options.MaxConcurrentMoves)
        {
            var possible =
                from shard in look.Unchanged
                where CanMove(look, shard)
                from name in shard.Replicas
                where look[name].IsWelcome
                let to = look.BestNewNode(shard.Replicas, shard.Replicas.Where(other => other != name), n => n.IsWelcome)
                where to is not null && ZonePairs(look, shard, look[name], to) < 0
                orderby ZonePairs(look, shard, look[name], to), to.Replicas - look[name].Replicas
                select (Shift?)new Shift(shard, look[name], to);
            if (possible.FirstOrDefault() is not { } best)
            {
                return;
            }

            BeginMove(look, best.Shard, best.From.Name, best.To.Name, $"zone '{best.From.Zone}' has another replica");
        }
    }

    /// <summary>
    /// Shifts shards from nodes with more to nodes with at least two fewer, if need be by way of others: one in between gets as many as it gives. The last shift of such a way is done
    /// first, and what is beyond the bound is left to the next rebalance.
    /// </summary>
    private void ShiftEvenly(PlacementLook look, Func<PlacedNode, int> load, Func<PlacedNode, PlacedNode, Shift?> find, Action<Shift> apply)
    {
        var nodes = look.Nodes.Where(n => n.IsWelcome).ToList();
        while (look.Changes.Count < _options.MaxConcurrentMoves && FindWay(nodes, load, find) is { } way)
        {
            foreach (var shift in way.AsEnumerable().Reverse().Take(_options.MaxConcurrentMoves - look.Changes.Count))
            {
                if (!look.Unchanged.Contains(shift.Shard))
                {
                    return; // the way uses a shard twice; its end is done, its beginning is another way
                }

                apply(shift);
            }
        }
    }

    /// <summary>The shortest way from the node with most that has one; <c>null</c> if there is none, and so nothing to even out.</summary>
    private static List<Shift>? FindWay(List<PlacedNode> nodes, Func<PlacedNode, int> load, Func<PlacedNode, PlacedNode, Shift?> find)
    {
        foreach (var from in nodes.OrderByDescending(load))
        {
            var reached = new Dictionary<string, Shift>(StringComparer.Ordinal);
            var queue = new Queue<PlacedNode>([from]);
            while (queue.TryDequeue(out var node))
            {
                foreach (var to in nodes.Where(n => n != from && !reached.ContainsKey(n.Name)).OrderBy(load))
                {
                    if (find(node, to) is not { } shift)
                    {
                        continue;
                    }

                    reached.Add(to.Name, shift);
                    if (load(to) <= load(from) - 2)
                    {
                        return WayTo(to, from, reached);
                    }

                    queue.Enqueue(to);
                }
            }
        }

        return null;
    }

    private static List<Shift> WayTo(PlacedNode to, PlacedNode from, Dictionary<string, Shift> reached)
    {
        List<Shift> way = [];
        for (var node = to; node != from; node = way[0].From)
        {
            way.Insert(0, reached[node.Name]);
        }

        return way;
    }

    /// <summary>A replica that can move without bringing two of a shard closer together; rather one that does not lead.</summary>
    private Shift? ReplicaShift(PlacementLook look, PlacedNode from, PlacedNode to) => look.Unchanged
        .Where(s => s.Replicas.Contains(from.Name) && !s.Replicas.Contains(to.Name) && CanMove(look, s) && ZonePairs(look, s, from, to) <= 0)
        .OrderBy(s => s.Leader?.Node == from.Name)
        .Select(s => (Shift?)new Shift(s, from, to))
        .FirstOrDefault();

    /// <summary>A lead that can pass on; rather to the preferred leader, and rather not from it.</summary>
    private static Shift? LeaderShift(PlacementLook look, PlacedNode from, PlacedNode to) => look.Unchanged
        .Where(s => s.Leader == from.Life && look.Serves(s, to.Name))
        .OrderBy(s => s.Replicas[0] == to.Name ? 0 : s.Replicas[0] == from.Name ? 2 : 1)
        .Select(s => (Shift?)new Shift(s, from, to))
        .FirstOrDefault();

    // Else the move would begin and never be done.
    private bool CanMove(PlacementLook look, ShardAssignment shard) => look.TryGetLeader(shard, out _) && look.Serving(shard).Count >= _options.MinInSync;

    /// <summary>How many more of the other replicas are in the new node's zone than in the old one's.</summary>
    private static int ZonePairs(PlacementLook look, ShardAssignment shard, PlacedNode from, PlacedNode to)
    {
        var others = shard.Replicas.Where(name => name != from.Name).Select(name => look[name].Zone).ToList();
        return others.Count(zone => zone == to.Zone) - others.Count(zone => zone == from.Zone);
    }
}
