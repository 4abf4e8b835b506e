using Broker.Machines.Cluster;

namespace Broker.Machines.Tests.Cluster;

/// <summary>What holds of every look, whatever has happened.</summary>
internal static class PlacementRules
{
    /// <summary>Checks the changes of a look.</summary>
    public static void Check(PlacementOptions options, PlacementView view, IReadOnlyList<PlacementChange> changes, bool isStill)
    {
        Assert.Equal(changes.Count, changes.Select(c => c.To.Shard).Distinct().Count());
        foreach (var change in changes)
        {
            var text = TestCluster.Text(change);
            Assert.True(Equals(view.Assignments.FirstOrDefault(a => a.Shard == change.To.Shard), change.From), $"it was not made from what is there: {text}");
            CheckEpoch(view, change, text);
            CheckInSync(options, view, change, text);
            CheckReplicas(options, view, change, text);
            Assert.False(change.From is not null && change.To.Equals(change.From), $"nothing changes: {text}");
        }

        CheckMoves(options, view, changes, isStill);
    }

    /// <summary>Once the changes are made, every shard that can have a leader has one, and one that nobody suspects if there is such a one.</summary>
    public static void CheckLeaders(PlacementView view)
    {
        foreach (var shard in view.Assignments.Where(s => s.InSync.Any(r => Serves(view, r))))
        {
            var node = shard.Leader is { } life && NodeOf(view, life.Node) is { } known && known.Incarnation == life.Incarnation && Lives(known) ? known : null;
            Assert.True(node is not null, $"no leader: {TestCluster.Text(shard)}");
            Assert.True(
                !node!.Suspected || shard.InSync.Where(r => Serves(view, r)).All(r => NodeOf(view, r.Node)!.Suspected),
                $"the leader is suspected and somebody else is not: {TestCluster.Text(shard)}");
        }
    }

    /// <summary>Once nothing is to be changed any more, nodes have given up what they were asked to, as far as others can have it.</summary>
    public static void CheckSettled(PlacementOptions options, PlacementView view)
    {
        foreach (var shard in view.Assignments)
        {
            var text = TestCluster.Text(shard);
            var serving = shard.InSync.Where(r => Serves(view, r)).Select(r => NodeOf(view, r.Node)!).ToList();
            var leader = serving.FirstOrDefault(n => n.Name == shard.Leader?.Node);
            Assert.True(leader is null or { State: NodeState.Up } || !serving.Any(n => n is { State: NodeState.Up, Suspected: false }), $"the leader's node is to give it up: {text}");
            var isUnderWay = leader is not null && shard.Replicas.Count > options.Replicas;
            Assert.True(!isUnderWay || shard.InSync.Any(r => r.Node == shard.Replicas[^2]) || NodeOf(view, shard.Replicas[^2]) is { } coming && Lives(coming), $"a move to a dead node: {text}");
            foreach (var name in shard.Replicas)
            {
                var state = NodeOf(view, name)?.State;
                var isStuck = shard.InSync.Any(r => r.Node == name) && serving.Count(n => n.Name != name) < options.MinInSync;
                Assert.True(state != NodeState.Down || isStuck, $"{name} is declared down: {text}");
                var canGo = view.Nodes.Any(n => n is { Incarnation: not null, State: NodeState.Up, Suspected: false } && !shard.Replicas.Contains(n.Name));
                Assert.True(state != NodeState.Leaving || isStuck || !canGo || view.Assignments.Any(s => s.Replicas.Count > options.Replicas), $"{name} is leaving: {text}");
            }
        }
    }

    private static void CheckEpoch(PlacementView view, PlacementChange change, string text)
    {
        var (from, to, _, _) = change;
        Assert.True(to.Epoch >= (from?.Epoch ?? 1), $"the epoch decreases: {text}");
        if (from is not null && to.Epoch == from.Epoch)
        {
            Assert.True(to.Leader is null || to.Leader == from.Leader, $"an epoch has two leaders: {text}");
            return;
        }

        Assert.True(to.Epoch > view.EpochFloor, $"the epoch was used before: {text}");
        Assert.True(to.Leader is not null, $"an epoch without a leader: {text}");
        var node = NodeOf(view, to.Leader!.Value.Node);
        Assert.True(node is not null && Lives(node) && node.Incarnation == to.Leader.Value.Incarnation, $"the leader is not there: {text}");
        Assert.True(to.InSync.Contains(new ReplicaId(node!.Name, node.Store)), $"the leader is not in sync: {text}");
    }

    private static void CheckInSync(PlacementOptions options, PlacementView view, PlacementChange change, string text)
    {
        var (from, to, _, _) = change;
        Assert.True(to.InSync.Count > 0, $"nobody is in sync: {text}");
        Assert.True(to.Leader is null || to.InSync.Any(r => r.Node == to.Leader.Value.Node), $"the leader is not in sync: {text}");
        if (change.Reason == PlacementReason.UncleanElection)
        {
            Assert.True(view.UncleanElections.Contains(new UncleanElection(to.Shard, to.InSync.Single())), $"nobody ordered it: {text}");
            Assert.True(!from!.InSync.Any(r => Serves(view, r)), $"a clean election was possible: {text}");
        }
        else if (from is not null)
        {
            Assert.True(to.InSync.All(from.InSync.Contains), $"the coordinator adds to the in-sync set: {text}");
            Assert.True(
                to.InSync.Count(r => Serves(view, r)) >= options.MinInSync || from.InSync.Except(to.InSync).All(gone => to.InSync.Any(r => r.Node == gone.Node && Serves(view, r))),
                $"fewer are in sync than may be: {text}");
        }
    }

    private static void CheckReplicas(PlacementOptions options, PlacementView view, PlacementChange change, string text)
    {
        var (from, to, _, _) = change;
        Assert.Equal(to.Replicas.Count, to.Replicas.Distinct().Count());
        Assert.True(to.InSync.All(r => to.Replicas.Contains(r.Node)), $"in sync without a replica: {text}");
        Assert.True(to.Replicas.Count <= options.Replicas + 1, $"more than one too many: {text}");
        Assert.Equal(ShardAssignmentCodec.Read(ShardAssignmentCodec.Write(to)), to);
        if (from is null)
        {
            return;
        }

        var added = to.Replicas.Except(from.Replicas).ToList();
        Assert.True(added.Count <= 1 && (added.Count == 0 || from.Replicas.All(to.Replicas.Contains)), $"a replica comes and another goes at once: {text}");
        Assert.True(added.All(name => NodeOf(view, name) is { Incarnation: not null, State: NodeState.Up, Suspected: false }), $"a replica on a node that cannot be counted on: {text}");
        Assert.True(
            !from.InSync.Any(r => Serves(view, r) && !to.Replicas.Contains(r.Node)) || !to.Replicas.Any(name => CatchesUp(view, to, name)),
            $"a replica goes before another has caught up: {text}");
        Assert.True(to.Epoch == from.Epoch || to.Replicas.SequenceEqual(from.Replicas), $"an election and a move at once: {text}");
    }

    private static void CheckMoves(PlacementOptions options, PlacementView view, IReadOnlyList<PlacementChange> changes, bool isStill)
    {
        var begun = changes.Where(c => c.From is not null && c.To.Replicas.Except(c.From.Replicas).Any()).ToList();
        if (begun.Count == 0)
        {
            return;
        }

        Assert.True(isStill, $"a move while nodes come and go: {TestCluster.Text(begun[0])}");
        var after = view.Assignments.Select(a => changes.FirstOrDefault(c => c.To.Shard == a.Shard)?.To ?? a).ToList();
        var moving = after.Count(s => s.Replicas.Count > options.Replicas || begun.Any(c => c.To == s));
        Assert.True(moving <= options.MaxConcurrentMoves, $"{moving} moves at once:\n{string.Join("\n", begun.Select(TestCluster.Text))}");
        var catchingUp = after.Count(s => s.Replicas.Any(name => CatchesUp(view, s, name)));
        Assert.True(catchingUp <= options.MaxConcurrentMoves, $"{catchingUp} shards catch up at once:\n{string.Join("\n", begun.Select(TestCluster.Text))}");
        Assert.True(begun.All(c => c.From!.Replicas.Count <= options.Replicas), $"another move of a shard that moves: {TestCluster.Text(begun[0])}");
    }

    private static bool CatchesUp(PlacementView view, ShardAssignment shard, string name) =>
        NodeOf(view, name) is { State: NodeState.Up or NodeState.Draining } node && Lives(node) && !shard.InSync.Contains(new ReplicaId(name, node.Store));

    private static ClusterNode? NodeOf(PlacementView view, string name) => view.Nodes.FirstOrDefault(n => n.Name == name);

    private static bool Lives(ClusterNode node) => node.Incarnation is not null && node.State != NodeState.Down;

    private static bool Serves(PlacementView view, ReplicaId replica) => NodeOf(view, replica.Node) is { } node && Lives(node) && node.Store == replica.Store;
}
