using Broker.Machines.Cluster;

namespace Broker.Machines.Tests.Cluster;

public class PlacementAssignmentTests
{
    private static readonly PlacementOptions AtOnce = new() { GatheringTime = TimeSpan.Zero };

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(7)]
    public void Replicas_and_leaders_are_shared_evenly(int nodes)
    {
        string[] names = [.. Enumerable.Range(1, nodes).Select(i => $"n{i}")];
        var cluster = TestCluster.Of(AtOnce, names);

        Assert.All(cluster.Look(), c => Assert.Equal((PlacementReason.FirstAssignment, 1), (c.Reason, c.To.Epoch)));

        Assert.Equal(64, cluster.Shards.Count);
        Assert.All(cluster.Shards.Values, s => Assert.Equal(3, s.InSync.Count));
        Assert.All(names, n => Assert.InRange(cluster.ReplicasOf(n), 192 / nodes, (192 / nodes) + 1));
        Assert.All(names, n => Assert.InRange(cluster.LeadersOf(n), (64 / nodes) - 1, (64 / nodes) + 2));
    }

    [Fact]
    public void Replicas_of_a_shard_are_in_different_zones_even_if_that_is_uneven()
    {
        var cluster = TestCluster.Of(AtOnce, "a1", "a2", "a3", "b1", "c1");
        cluster.Label("a", "a1", "a2", "a3");
        cluster.Label("b", "b1");
        cluster.Label("c", "c1");
        cluster.Look();
        Assert.All(cluster.Shards.Values, s => Assert.Equal(3, s.Replicas.Select(r => r[0]).Distinct().Count()));
        Assert.All(["a1", "a2", "a3"], n => Assert.InRange(cluster.ReplicasOf(n), 21, 22));
    }

    [Fact]
    public void A_node_by_itself_has_everything_and_shares_it_when_others_join()
    {
        var cluster = TestCluster.Of(AtOnce with { Shards = 12 }, "a");
        cluster.Look();
        Assert.All(cluster.Shards.Values, s => Assert.Equal(("a", 1), (s.Leader!.Value.Node, s.InSync.Count)));

        cluster.Start("b", "c");
        cluster.Settle();

        Assert.All(cluster.Shards.Values, s => Assert.Equal(3, s.InSync.Count));
        Assert.Equal([4, 4, 4], new[] { "a", "b", "c" }.Select(cluster.LeadersOf));
    }

    [Fact]
    public void The_first_assignment_waits_a_little_for_as_many_nodes_as_replicas()
    {
        var cluster = TestCluster.Of(new PlacementOptions(), "a");
        Assert.Empty(cluster.Look());
        Assert.Equal(cluster.Now + TimeSpan.FromSeconds(3), cluster.Machine.NextLook);
        cluster.Wait(TimeSpan.FromSeconds(2));
        cluster.Start("b");
        Assert.Empty(cluster.Look());
        cluster.Wait(TimeSpan.FromSeconds(2));
        cluster.Start("c");
        Assert.Equal(64, cluster.Look().Count);
    }

    [Fact]
    public void Nodes_that_are_suspected_or_to_go_are_used_only_if_there_are_no_others()
    {
        var cluster = TestCluster.Of(AtOnce, "a", "b", "c", "d");
        cluster.Ask(NodeState.Draining, "b");
        cluster.Ask(NodeState.Down, "c");
        cluster.Suspect(true, "d");
        cluster.Look();
        Assert.All(cluster.Shards.Values, s => Assert.Equal(["a"], s.Replicas));

        var suspect = TestCluster.Of(AtOnce, "a", "b");
        suspect.Ask(NodeState.Draining, "a", "b");
        suspect.Suspect(true, "a");
        suspect.Look();
        Assert.All(suspect.Shards.Values, s => Assert.Equal("b", s.Leader!.Value.Node));

        var other = TestCluster.Of(AtOnce, "b", "c");
        other.Ask(NodeState.Draining, "b");
        other.Ask(NodeState.Down, "c");
        other.Look();
        Assert.All(other.Shards.Values, s => Assert.Equal(["b"], s.Replicas));
    }

    [Fact]
    public void Without_any_node_nothing_is_assigned()
    {
        var cluster = TestCluster.Of(AtOnce, "a");
        cluster.Kill("a");
        Assert.Empty(cluster.Look());
    }

    [Fact]
    public void First_epochs_are_above_those_used_before_the_metadata_was_restored()
    {
        var cluster = TestCluster.Of(AtOnce, "a", "b", "c");
        cluster.EpochFloor = 17;
        cluster.Look();
        Assert.All(cluster.Shards.Values, s => Assert.Equal(18, s.Epoch));
    }

    [Theory]
    [InlineData(0, 3, 2, 4, "Shards is 0; it must be at least 1")]
    [InlineData(64, 0, 1, 4, "Replicas is 0; it must be at least 1")]
    [InlineData(64, 3, 4, 4, "MinInSync is 4; it must be from 1 to Replicas, which is 3")]
    [InlineData(64, 3, 0, 4, "MinInSync is 0; it must be from 1 to Replicas, which is 3")]
    [InlineData(64, 3, 2, 0, "MaxConcurrentMoves is 0; it must be at least 1")]
    public void Options_out_of_range_are_refused(int shards, int replicas, int minInSync, int moves, string message)
    {
        var options = new PlacementOptions { Shards = shards, Replicas = replicas, MinInSync = minInSync, MaxConcurrentMoves = moves };
        Assert.Equal(message, Assert.Throws<ArgumentException>(() => new PlacementMachine(options)).Message);
    }
}
