using Broker.Machines.Cluster;

namespace Broker.Machines.Tests.Cluster;

public class PlacementDrainTests
{
    [Fact]
    public void A_draining_node_hands_its_leaders_over_and_keeps_its_replicas()
    {
        var cluster = TestCluster.Settled("a", "b", "c");
        cluster.Ask(NodeState.Draining, "a");
        Assert.False(cluster.Machine.IsDrained("a"));

        Assert.All(cluster.Look(), c =>
        {
            Assert.Equal((PlacementReason.LeaderDrained, "a is draining", c.From!.Epoch + 1), (c.Reason, c.Detail, c.To.Epoch));
            Assert.Equal(c.From.InSync, c.To.InSync);
        });

        Assert.False(cluster.Machine.IsDrained("a"), "it is drained once that is read, not when it is planned");
        cluster.Settle();
        Assert.True(cluster.Machine.IsDrained("a"));
        Assert.False(cluster.Machine.HasLeft("a"));
        Assert.Equal(8, cluster.ReplicasOf("a"));
        Assert.All(cluster.Shards.Values, s => Assert.Equal(3, s.InSync.Count));
    }

    [Fact]
    public void A_draining_node_keeps_leading_where_nobody_else_is_in_sync()
    {
        var cluster = TestCluster.Settled("a");
        cluster.Ask(NodeState.Draining, "a");
        Assert.Empty(cluster.Settle());
        Assert.False(cluster.Machine.IsDrained("a"));
    }

    [Fact]
    public void Nodes_that_all_drain_do_not_pass_leads_around()
    {
        var cluster = TestCluster.Settled("a", "b", "c");
        cluster.Ask(NodeState.Draining, "a", "b", "c");
        Assert.Empty(cluster.Look());
        cluster.Ask(NodeState.Leaving, "a");
        var drained = cluster.Settle().Where(c => c.Reason == PlacementReason.LeaderDrained).ToList();
        Assert.NotEmpty(drained);
        Assert.All(drained, c => Assert.Equal("a", c.From!.Leader!.Value.Node));
    }

    [Fact]
    public void A_leaving_node_gives_up_its_replicas_once_others_have_them()
    {
        var cluster = TestCluster.Settled("a", "b", "c", "d");
        cluster.Ask(NodeState.Leaving, "a");
        cluster.Settle();
        Assert.True(cluster.Machine.HasLeft("a"));
        Assert.All(cluster.Shards.Values, s => Assert.Equal(["b", "c", "d"], s.InSync.Select(r => r.Node).Order()));
    }

    [Fact]
    public void A_leaving_node_that_nobody_can_replace_leaves_what_is_enough()
    {
        var cluster = TestCluster.Settled("a", "b", "c");
        cluster.Ask(NodeState.Leaving, "c");
        cluster.Settle();
        Assert.True(cluster.Machine.HasLeft("c"));
        Assert.All(cluster.Shards.Values, s => Assert.Equal(["a", "b"], s.Replicas.Order()));

        cluster.Ask(NodeState.Leaving, "b");
        cluster.Settle();
        Assert.False(cluster.Machine.HasLeft("b"), "what is left would be fewer than may be in sync");
        Assert.True(cluster.Machine.IsDrained("b"));
    }

    [Fact]
    public void A_node_that_is_down_for_good_is_replaced_without_waiting_for_it()
    {
        var cluster = TestCluster.Settled("a", "b", "c", "d");
        cluster.Kill("a");
        cluster.Look();
        cluster.Ask(NodeState.Down, "a");
        cluster.Look();
        Assert.Equal(0, cluster.ReplicasOf("a"));
        cluster.Settle();
        Assert.True(cluster.Machine.HasLeft("a"));
        Assert.All(cluster.Shards.Values, s => Assert.Equal(["b", "c", "d"], s.InSync.Select(r => r.Node).Order()));
    }

    [Fact]
    public void A_node_that_is_declared_down_leads_nothing_even_if_it_runs()
    {
        var cluster = TestCluster.Settled("a", "b", "c");
        cluster.Ask(NodeState.Down, "a");
        cluster.Look();
        Assert.Equal(0, cluster.LeadersOf("a"));
        Assert.All(cluster.Shards.Values, s => Assert.DoesNotContain(s.InSync, r => r.Node == "a"));
    }

    [Fact]
    public void A_node_that_is_down_stays_in_the_in_sync_set_until_enough_others_are_in_it()
    {
        var cluster = TestCluster.Settled("a", "b");
        cluster.Ask(NodeState.Down, "a");
        cluster.Look();
        Assert.All(cluster.Shards.Values, s => Assert.Equal(2, s.InSync.Count));
        cluster.Start("c");
        cluster.Settle();
        Assert.All(cluster.Shards.Values, s => Assert.Equal(["b", "c"], s.InSync.Select(r => r.Node).Order()));
        Assert.True(cluster.Machine.HasLeft("a"));
    }

    [Fact]
    public void Leaders_come_back_when_the_drain_is_over()
    {
        var cluster = TestCluster.Settled("a", "b");
        cluster.Ask(NodeState.Draining, "a");
        cluster.Settle();
        Assert.Equal(8, cluster.LeadersOf("b"));
        cluster.Ask(NodeState.Up, "a");
        cluster.Settle();
        Assert.Equal(4, cluster.LeadersOf("a"));
    }

    [Fact]
    public void Before_the_first_look_nobody_knows_that_a_node_is_drained()
    {
        var machine = new PlacementMachine(new PlacementOptions());
        Assert.False(machine.IsDrained("a"));
        Assert.False(machine.HasLeft("a"));
    }
}
