using Broker.Machines.Cluster;

namespace Broker.Machines.Tests.Cluster;

public class LeaderWayTests
{
    private static readonly ShardAssignment s_shard = new(3, 7, new NodeLife("a", 1), [Replica("a"), Replica("b"), Replica("c")], ["c", "a", "b"]);

    [Fact]
    public void The_lead_goes_to_the_first_in_sync_replica_that_is_there_in_the_next_epoch_and_nothing_else_changes() =>
        Assert.Equal(s_shard with { Epoch = 8, Leader = new NodeLife("c", 1) }, Give(s_shard, Node("b"), Node("c")));

    [Fact]
    public void Epochs_that_were_used_before_a_restore_are_passed_over() =>
        Assert.Equal(101, LeaderWay.Give(s_shard, "a", [Node("a", isSuspected: false), Node("b"), Node("c")], epochFloor: 100, minInSync: 2)!.Epoch);

    [Fact]
    public void A_node_that_is_to_stay_is_preferred() =>
        Assert.Equal("b", Give(s_shard, Node("b"), Node("c") with { State = NodeState.Draining })!.Leader!.Value.Node);

    [Fact]
    public void A_lead_goes_nowhere_if_too_few_would_be_there()
    {
        Assert.Null(Give(s_shard, Node("b")));
        Assert.Null(Give(s_shard, Node("b"), Node("c") with { State = NodeState.Down }));
        Assert.Null(Give(s_shard, Node("b"), new ClusterNode("c")));
        Assert.Null(Give(s_shard));
    }

    [Fact]
    public void Nodes_without_a_replica_count_for_nothing() => Assert.Null(Give(s_shard, Node("b"), Node("d"), Node("e")));

    /// <summary>Its disk was emptied: it has a replica to fill, and is none to lead.</summary>
    [Fact]
    public void Another_store_is_not_the_replica_that_was_in_sync() =>
        Assert.Equal("b", Give(s_shard, Node("b"), Node("c") with { Store = Guid.NewGuid() })!.Leader!.Value.Node);

    /// <summary>One follower has left the set before the second was lost, or was just coming back. It catches up with the next leader.</summary>
    [Fact]
    public void One_that_is_in_sync_is_enough_with_another_that_can_come_to_it()
    {
        var shard = s_shard with { InSync = [Replica("a"), Replica("b")] };
        Assert.Equal("b", Give(shard, Node("b"), Node("c"))!.Leader!.Value.Node);
    }

    /// <summary>To begin to fill it anew under each of two leaders in turn would never end.</summary>
    [Fact]
    public void A_leader_that_reaches_who_is_catching_up_stays()
    {
        var shard = s_shard with { InSync = [Replica("a"), Replica("b")] };
        Assert.Null(Give(shard, Node("b"), Node("c", isSuspected: false)));
        Assert.NotNull(Give(s_shard with { Replicas = ["c", "a", "b", "d"] }, Node("b"), Node("c"), Node("d", isSuspected: false))); // b and c go on at once
    }

    [Fact]
    public void A_link_that_is_up_again_is_reason_to_stay() => Assert.Null(Give(s_shard, Node("b", isSuspected: false), Node("c", isSuspected: false)));

    [Fact]
    public void Of_five_with_a_least_number_of_three_one_leads_that_was_not_reached()
    {
        var shard = s_shard with { InSync = [.. s_shard.InSync, Replica("d"), Replica("e")], Replicas = ["b", "a", "c", "d", "e"] };
        List<ClusterNode> nodes = [Node("a", isSuspected: false), Node("b", isSuspected: false), Node("c"), Node("d"), Node("e")];
        Assert.Equal("c", LeaderWay.Give(shard, "a", nodes, epochFloor: 0, minInSync: 3)!.Leader!.Value.Node);
    }

    /// <summary>Until the next leader has taken it out of the set, a node that gave way would be the best one to lead: it leads less than others now.</summary>
    [Fact]
    public void A_lead_that_was_given_away_is_not_given_back_at_once()
    {
        var cluster = TestCluster.Settled("a", "b", "c");
        var given = cluster.Shards.Values.Where(s => s.Leader!.Value.Node == "a").ToList();
        Assert.NotEmpty(given);
        cluster.Suspect(true, "b", "c");
        foreach (var shard in given)
        {
            cluster.Shards[shard.Shard] = LeaderWay.Give(shard, "a", [.. cluster.Nodes], epochFloor: 0, cluster.Options.MinInSync)!;
        }

        cluster.Suspect(false, "b", "c");
        Assert.Empty(cluster.Look());
        cluster.Wait(cluster.Options.RebalanceInterval - TimeSpan.FromMilliseconds(1));
        Assert.Empty(cluster.Look());
        cluster.Wait(TimeSpan.FromMilliseconds(1));
        Assert.All(cluster.Look(), c => Assert.Equal((PlacementReason.LeaderBalanced, "a"), (c.Reason, c.To.Leader!.Value.Node)));
        cluster.Settle();
    }

    private static ShardAssignment? Give(ShardAssignment shard, params IEnumerable<ClusterNode> others) =>
        LeaderWay.Give(shard, "a", [Node("a", isSuspected: false), .. others], epochFloor: 0, minInSync: 2);

    private static ReplicaId Replica(string node) => new(node, Node(node).Store);

    private static ClusterNode Node(string name, bool isSuspected = true) => new(name, 1, new Guid(name[0], 0, 0, new byte[8])) { Suspected = isSuspected };
}
