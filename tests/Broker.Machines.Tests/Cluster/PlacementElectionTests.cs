using Broker.Machines.Cluster;

namespace Broker.Machines.Tests.Cluster;

public class PlacementElectionTests
{
    [Fact]
    public void A_shard_whose_leader_is_gone_gets_another_one_in_sync_in_the_next_epoch()
    {
        var cluster = TestCluster.Settled("a", "b", "c");
        var before = cluster.Shards[0];
        var dead = before.Leader!.Value.Node;
        cluster.Kill(dead);

        var change = cluster.Look().Single(c => c.To.Shard == 0);

        Assert.Equal(PlacementReason.Election, change.Reason);
        Assert.Equal($"{dead} is gone", change.Detail);
        Assert.Equal(before.Epoch + 1, change.To.Epoch);
        Assert.NotEqual(dead, change.To.Leader!.Value.Node);
        Assert.Equal(before.Replicas, change.To.Replicas);
    }

    [Fact]
    public void Shards_of_a_dead_leader_are_shared_by_the_others()
    {
        var cluster = TestCluster.Of(new PlacementOptions { Shards = 64, GatheringTime = TimeSpan.Zero }, "a", "b", "c");
        cluster.Look();
        cluster.Kill("a");
        cluster.Look();
        Assert.Equal(0, cluster.LeadersOf("a"));
        Assert.InRange(cluster.LeadersOf("b") - cluster.LeadersOf("c"), -2, 2);
    }

    [Fact]
    public void The_dead_replica_leaves_the_in_sync_set_with_the_election()
    {
        var cluster = TestCluster.Settled("a", "b", "c");
        cluster.Kill("a");
        cluster.Look();
        Assert.All(cluster.Shards.Values, s => Assert.Equal(["b", "c"], s.InSync.Select(r => r.Node).Order()));
    }

    [Fact]
    public void The_in_sync_set_stays_as_it_is_where_too_few_would_be_left()
    {
        var cluster = TestCluster.Settled("a", "b", "c");
        cluster.Kill("a", "b");
        cluster.Look();
        Assert.All(cluster.Shards.Values, s =>
        {
            Assert.Equal("c", s.Leader!.Value.Node);
            Assert.Equal(3, s.InSync.Count);
        });

        cluster.Restart("b");
        cluster.Look();
        Assert.All(cluster.Shards.Values, s => Assert.Equal(["b", "c"], s.InSync.Select(r => r.Node).Order()));
    }

    [Fact]
    public void A_restarted_leader_is_elected_anew()
    {
        var cluster = TestCluster.Settled("a");
        var before = cluster.Shards[0];
        cluster.Restart("a");
        cluster.Look();
        Assert.Equal("a", cluster.Shards[0].Leader!.Value.Node);
        Assert.NotEqual(before.Leader, cluster.Shards[0].Leader);
        Assert.Equal(before.Epoch + 1, cluster.Shards[0].Epoch);
    }

    [Fact]
    public void The_preferred_leader_is_elected_if_it_is_in_sync()
    {
        var cluster = TestCluster.Settled("a", "b", "c");
        var shard = cluster.Shards[0];
        cluster.Shards[0] = shard with { Leader = null };
        cluster.Look();
        Assert.Equal(shard.Replicas[0], cluster.Shards[0].Leader!.Value.Node);
    }

    [Fact]
    public void A_node_that_drains_is_elected_only_if_nobody_else_is_in_sync()
    {
        var cluster = TestCluster.Settled("a", "b", "c");
        cluster.Ask(NodeState.Draining, "b");
        cluster.Settle();
        cluster.Kill("a");
        cluster.Look();
        Assert.All(cluster.Shards.Values, s => Assert.Equal("c", s.Leader!.Value.Node));

        cluster.Kill("c");
        cluster.Look();
        Assert.All(cluster.Shards.Values, s => Assert.Equal("b", s.Leader!.Value.Node));
    }

    [Fact]
    public void A_suspected_leader_is_replaced_at_once_and_leaves_the_in_sync_set()
    {
        var cluster = TestCluster.Settled("a", "b", "c");
        cluster.Suspect(true, "a");
        Assert.All(cluster.Look(), c => Assert.Equal("a is suspected", c.Detail));
        Assert.Equal(0, cluster.LeadersOf("a"));
        Assert.All(cluster.Shards.Values.Where(s => s.Epoch > 1), s => Assert.Equal(["b", "c"], s.InSync.Select(r => r.Node).Order()));
        Assert.All(cluster.Shards.Values.Where(s => s.Epoch == 1), s => Assert.Equal(3, s.InSync.Count));
    }

    [Fact]
    public void A_suspected_leader_stays_where_everybody_is_suspected()
    {
        var cluster = TestCluster.Settled("a", "b", "c");
        cluster.Suspect(true, "a", "b", "c");
        Assert.Empty(cluster.Look());
    }

    [Fact]
    public void A_suspected_replica_is_elected_rather_than_nobody()
    {
        var cluster = TestCluster.Settled("a", "b");
        cluster.Suspect(true, "b");
        cluster.Kill("a");
        cluster.Look();
        Assert.All(cluster.Shards.Values, s => Assert.Equal("b", s.Leader!.Value.Node));
    }

    [Fact]
    public void A_shard_waits_when_everybody_in_sync_is_gone_although_another_replica_is_there()
    {
        var cluster = TestCluster.Settled("a", "b", "c");
        cluster.Shards[0] = cluster.Shards[0] with { Leader = new NodeLife("a", cluster["a"].Incarnation!.Value), InSync = [.. cluster.Shards[0].InSync.Where(r => r.Node != "c")] };
        cluster.Kill("a", "b");
        var epoch = cluster.Shards[0].Epoch;

        var change = cluster.Look().Single(c => c.To.Shard == 0);

        Assert.Equal(PlacementReason.LeaderLost, change.Reason);
        Assert.Null(change.To.Leader);
        Assert.Equal(epoch, change.To.Epoch);
        Assert.DoesNotContain(cluster.Look(), c => c.To.Shard == 0);
    }

    [Fact]
    public void An_operator_can_order_an_unclean_election()
    {
        var cluster = TestCluster.Settled("a", "b", "c");
        var shard = cluster.Shards[0] = cluster.Shards[0] with { InSync = [.. cluster.Shards[0].InSync.Where(r => r.Node != "c")], Leader = null };
        cluster.Kill("a", "b");
        cluster.Orders.Add(new UncleanElection(0, new ReplicaId("c", cluster["c"].Store)));

        var change = cluster.Look().Single(c => c.To.Shard == 0);

        Assert.Equal(PlacementReason.UncleanElection, change.Reason);
        Assert.Equal(shard.Epoch + 1, change.To.Epoch);
        Assert.Equal("c", change.To.Leader!.Value.Node);
        Assert.Equal(["c"], change.To.InSync.Select(r => r.Node));
        Assert.Contains("ordered by an operator", change.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void An_order_is_not_followed_where_a_clean_election_is_possible()
    {
        var cluster = TestCluster.Settled("a", "b", "c");
        cluster.Shards[0] = cluster.Shards[0] with { InSync = [.. cluster.Shards[0].InSync.Where(r => r.Node == "a")], Leader = null };
        cluster.Orders.Add(new UncleanElection(0, new ReplicaId("c", cluster["c"].Store)));
        Assert.Equal(PlacementReason.Election, cluster.Look().Single().Reason);
        Assert.Equal("a", cluster.Shards[0].Leader!.Value.Node);
    }

    [Fact]
    public void A_replica_whose_disk_was_emptied_is_out_of_sync_and_not_elected()
    {
        var cluster = TestCluster.Settled("a", "b", "c");
        cluster.Restart("a", withEmptyDisk: true);
        cluster.Look();
        Assert.All(cluster.Shards.Values, s =>
        {
            Assert.NotEqual("a", s.Leader!.Value.Node);
            Assert.DoesNotContain(s.InSync, r => r.Node == "a");
            Assert.Contains("a", s.Replicas);
        });
    }

    [Fact]
    public void An_emptied_replica_stays_in_the_set_where_too_few_would_be_left()
    {
        var cluster = TestCluster.Settled("a", "b");
        cluster.Restart("a", withEmptyDisk: true);
        cluster.Look();
        Assert.All(cluster.Shards.Values, s =>
        {
            Assert.Equal("b", s.Leader!.Value.Node);
            Assert.Equal(2, s.InSync.Count);
        });

        cluster.Settle(); // the leader takes the new one in, and then the old one can go
        Assert.All(cluster.Shards.Values, s => Assert.Equal([cluster["a"].Store, cluster["b"].Store], s.InSync.OrderBy(r => r.Node).Select(r => r.Store)));
    }

    [Fact]
    public void An_emptied_replica_makes_way_for_its_successor_even_where_there_are_fewer_nodes_than_must_be_in_sync()
    {
        var cluster = TestCluster.Of(new PlacementOptions { Shards = 4, MinInSync = 3, GatheringTime = TimeSpan.Zero }, "a", "b");
        cluster.Settle();
        cluster.Restart("b", withEmptyDisk: true);
        cluster.Settle();
        Assert.All(cluster.Shards.Values, s => Assert.Equal([cluster["a"].Store, cluster["b"].Store], s.InSync.OrderBy(r => r.Node).Select(r => r.Store)));
    }

    [Fact]
    public void Shards_get_epochs_above_those_used_before_the_metadata_was_restored()
    {
        var cluster = TestCluster.Settled("a", "b", "c");
        cluster.EpochFloor = 40;
        cluster.Look();
        Assert.All(cluster.Shards.Values, s => Assert.Equal(41, s.Epoch));
        Assert.Empty(cluster.Look());
    }

    [Fact]
    public void A_change_that_is_lost_is_made_anew_from_what_is_there()
    {
        var cluster = TestCluster.Settled("a", "b", "c");
        var shard = cluster.Shards.Values.First(s => s.Leader!.Value.Node == "a").Shard;
        cluster.Kill("b");
        Assert.NotEmpty(cluster.Look(() => cluster.LeaderRemoves(shard, "b")));
        Assert.Equal(["a", "c"], cluster.Shards[shard].InSync.Select(r => r.Node).Order());
        cluster.Look();
        Assert.All(cluster.Shards.Values, s => Assert.Equal(["a", "c"], s.InSync.Select(r => r.Node).Order()));
    }
}
