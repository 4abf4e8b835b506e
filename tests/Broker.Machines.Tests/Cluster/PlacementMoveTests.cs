using Broker.Machines.Cluster;

namespace Broker.Machines.Tests.Cluster;

public class PlacementMoveTests
{
    private static readonly PlacementOptions Options = new() { Shards = 8, MaxConcurrentMoves = 2, GatheringTime = TimeSpan.Zero };

    [Fact]
    public void A_move_adds_the_new_replica_waits_for_it_and_then_lets_the_old_one_go()
    {
        var cluster = Leaving(out var shard);
        Assert.Equal(4, cluster.Shards[shard].Replicas.Count);
        Assert.Equal(["d", "a"], cluster.Shards[shard].Replicas.TakeLast(2));
        Assert.Empty(cluster.Look());

        cluster.LeaderAdds(shard);
        var done = cluster.Look().Single(c => c.To.Shard == shard);

        Assert.Equal(PlacementReason.MoveDone, done.Reason);
        Assert.Equal(["b", "c", "d"], done.To.Replicas.Order());
        Assert.Equal(["b", "c", "d"], done.To.InSync.Select(r => r.Node).Order());
        Assert.Equal(done.From!.Epoch, done.To.Epoch);
    }

    [Fact]
    public void No_more_shards_move_at_once_than_the_options_say()
    {
        var cluster = Leaving(out var shard);
        Assert.Equal(2, cluster.Shards.Values.Count(s => s.Replicas.Count == 4));
        cluster.LeaderAdds(shard);
        cluster.Look();
        cluster.Look();
        Assert.Equal(2, cluster.Shards.Values.Count(s => s.Replicas.Count == 4));
    }

    [Fact]
    public void A_move_is_taken_back_when_its_target_dies()
    {
        var cluster = Leaving(out var shard);
        cluster.Kill("d");
        Assert.Empty(cluster.Look());
        cluster.WaitUntilStill();
        Assert.Contains(cluster.Look(), c => c.To.Shard == shard && c.Reason == PlacementReason.MoveTakenBack);
        Assert.Equal(["a", "b", "c"], cluster.Shards[shard].Replicas.Order());
    }

    [Fact]
    public void A_move_goes_on_when_its_target_is_back_in_time()
    {
        var cluster = Leaving(out var shard);
        cluster.Kill("d");
        cluster.Look();
        cluster.Restart("d");
        cluster.Settle();
        Assert.True(cluster.Machine.HasLeft("a"));
        Assert.Contains("d", cluster.Shards[shard].Replicas);
    }

    [Fact]
    public void A_move_whose_target_is_declared_down_goes_elsewhere()
    {
        var cluster = Leaving(out var shard);
        cluster.Start("e");
        cluster.Ask(NodeState.Down, "d");
        cluster.Settle();
        Assert.Equal(["b", "c", "e"], cluster.Shards[shard].Replicas.Order());
    }

    [Fact]
    public void A_leader_that_is_to_go_hands_over_first()
    {
        var cluster = TestCluster.Of(Options with { Replicas = 1, MinInSync = 1 }, "a");
        cluster.Settle();
        cluster.Ask(NodeState.Leaving, "a");
        cluster.Start("b");
        var reasons = cluster.Settle().Where(c => c.To.Shard == 3).Select(c => c.Reason);
        Assert.Equal([PlacementReason.MoveBegun, PlacementReason.LeaderDrained, PlacementReason.MoveDone], reasons);
        Assert.True(cluster.Machine.HasLeft("a"));
    }

    [Fact]
    public void A_move_goes_on_under_another_coordinator()
    {
        var cluster = Leaving(out _);
        cluster.ReplaceCoordinator();
        cluster.Settle();
        Assert.True(cluster.Machine.HasLeft("a"));
        Assert.Equal([8, 8, 8], new[] { "b", "c", "d" }.Select(cluster.ReplicasOf));
    }

    [Fact]
    public void Elections_go_ahead_at_once_and_moves_wait_until_nodes_have_stopped_coming_and_going()
    {
        var cluster = TestCluster.Of(Options, "a", "b", "c", "d");
        cluster.Settle();
        cluster.Ask(NodeState.Down, "a");
        cluster.Kill("b");
        Assert.All(cluster.Look(), c => Assert.True(c.Reason is PlacementReason.Election or PlacementReason.InSyncRepair));
        cluster.Wait(Options.StillTime - TimeSpan.FromSeconds(1));
        cluster.Restart("b");
        Assert.DoesNotContain(cluster.Look(), c => c.Reason == PlacementReason.ReplicaAdded);
        Assert.Equal(cluster.Now + Options.StillTime, cluster.Machine.NextLook);
        cluster.Shards.Keys.ToList().ForEach(s => cluster.LeaderAdds(s));
        cluster.WaitUntilStill();
        Assert.Equal(2, cluster.Look().Count(c => c.Reason == PlacementReason.ReplicaAdded));
    }

    [Fact]
    public void All_leases_that_end_at_once_move_nothing()
    {
        var cluster = TestCluster.Of(Options, "a", "b", "c", "d");
        cluster.Settle();
        var replicas = cluster.Shards.Values.Select(s => s.Replicas).ToList();
        cluster.Kill("a", "b", "c", "d");
        Assert.All(cluster.Look(), c => Assert.Equal(PlacementReason.LeaderLost, c.Reason));
        cluster.Start("d", "b");
        cluster.Look();
        cluster.Start("a", "c");
        cluster.Settle();
        Assert.Equal(replicas, cluster.Shards.Values.Select(s => s.Replicas));
    }

    [Fact]
    public void A_node_that_is_dead_and_not_declared_down_keeps_its_replicas()
    {
        var cluster = TestCluster.Of(Options, "a", "b", "c", "d");
        cluster.Settle();
        var replicas = cluster.Shards.Values.Select(s => s.Replicas.Order()).ToList();
        cluster.Kill("a");
        cluster.Settle();
        cluster.Forget("b"); // its registration went with its lease
        cluster.Settle();
        Assert.Equal(replicas, cluster.Shards.Values.Select(s => s.Replicas.Order()));
    }

    [Fact]
    public void A_joining_node_gets_its_share_little_by_little()
    {
        var cluster = TestCluster.Of(Options, "a", "b", "c");
        cluster.Settle();
        cluster.Start("d");
        cluster.Look();
        cluster.WaitUntilStill();
        Assert.Equal(2, cluster.Look().Count(c => c.Reason == PlacementReason.MoveBegun));
        var changes = cluster.Settle();
        Assert.Equal([6, 6, 6, 6], new[] { "a", "b", "c", "d" }.Select(cluster.ReplicasOf));
        Assert.Equal([2, 2, 2, 2], new[] { "a", "b", "c", "d" }.Select(cluster.LeadersOf));
        Assert.Equal(4, changes.Count(c => c.Reason == PlacementReason.MoveBegun));
    }

    [Fact]
    public void A_move_that_could_not_be_done_is_not_begun()
    {
        var cluster = TestCluster.Of(Options with { Shards = 3 }, "a", "b", "c");
        cluster.Settle();
        cluster.Kill("b", "c");
        cluster.Start("d", "e");
        Assert.DoesNotContain(cluster.Settle(), c => c.Reason == PlacementReason.MoveBegun);
    }

    [Fact]
    public void Rebalances_are_apart_by_the_interval()
    {
        var cluster = TestCluster.Of(Options, "a", "b", "c");
        cluster.Settle();
        cluster.Start("d");
        cluster.Look();
        cluster.WaitUntilStill();
        Assert.NotEmpty(cluster.Look());
        var next = cluster.Now + Options.RebalanceInterval;
        Assert.Equal(next, cluster.Machine.NextLook);
        cluster.Shards.Keys.ToList().ForEach(s => cluster.LeaderAdds(s));
        while (cluster.Look().Count > 0)
        {
        }

        Assert.Equal(next, cluster.Machine.NextLook);
        cluster.Wait(Options.RebalanceInterval);
        Assert.NotEmpty(cluster.Look());
    }

    [Fact]
    public void Leaders_come_back_to_a_node_that_was_restarted()
    {
        var cluster = TestCluster.Of(Options with { Shards = 9 }, "a", "b", "c");
        cluster.Settle();
        cluster.Kill("a");
        cluster.Look();
        cluster.Restart("a");
        cluster.Settle();
        Assert.Equal([3, 3, 3], new[] { "a", "b", "c" }.Select(cluster.LeadersOf));
    }

    [Fact]
    public void Leads_pass_by_way_of_others_where_no_direct_way_evens_them_out()
    {
        var cluster = TestCluster.Of(Options with { Shards = 3, Replicas = 2, MinInSync = 1 }, "a", "b", "c", "d");
        ReplicaId Replica(string name) => new(name, cluster[name].Store);
        void Place(int shard, string leader, string other) =>
            cluster.Shards[shard] = new(shard, 1, new NodeLife(leader, cluster[leader].Incarnation!.Value), [Replica(leader), Replica(other)], [leader, other]);
        Place(0, "a", "b");
        Place(1, "a", "b");
        Place(2, "b", "c");
        cluster.Ask(NodeState.Draining, "d");
        cluster.Settle();
        Assert.Equal([1, 1, 1], new[] { "a", "b", "c" }.Select(cluster.LeadersOf));
    }

    /// <summary>Node a is to leave, d is there to take its replicas, and a shard that a does not lead has begun to move.</summary>
    private static TestCluster Leaving(out int shard)
    {
        var cluster = TestCluster.Of(Options, "a", "b", "c");
        cluster.Settle();
        cluster.Ask(NodeState.Leaving, "a");
        cluster.Start("d");
        cluster.Look();
        cluster.WaitUntilStill();
        shard = cluster.Look().First(c => c.Reason == PlacementReason.MoveBegun).To.Shard;
        return cluster;
    }
}
