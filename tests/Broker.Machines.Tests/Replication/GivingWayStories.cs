using Broker.Machines.Replication;

namespace Broker.Machines.Tests.Replication;

/// <summary>A leader that reaches too few of its followers to commit anything, while nobody else knows or cares: when it asks that another one leads, and when it does not.</summary>
public class GivingWayStories
{
    private static readonly TimeSpan s_alone = new ReplicaOptions().MaxAlone;
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(100);

    [Fact]
    public void A_leader_that_reaches_no_follower_for_long_asks_that_another_one_leads()
    {
        var group = Abc();
        Cut(group, "b", "c");
        group.Append("a");
        group.Pass(s_alone);
        Assert.Empty(group.AskedBy<ReplicaEffect.GiveWay>("a"));
        group.Pass(s_tick);
        Assert.Equal([new ReplicaEffect.GiveWay(group.Revision)], group.AskedBy<ReplicaEffect.GiveWay>("a"));
        Assert.Empty(group.AskedBy<ReplicaEffect.Propose>("a"));

        // Who leads next does without it, and nothing that a had committed is lost.
        group.Append("a");
        Assert.Equal(1UL, group["a"].CommittedIndex);
        group.Assign(group.Assignment with { Epoch = 2, Leader = group.LifeOf("b") });
        group.Pass(new ReplicaOptions().MaxLinkDown + (2 * s_tick));
        var smaller = group.AskedBy<ReplicaEffect.Propose>("b").Last().To;
        Assert.Equal(["b", "c"], smaller.InSync.Select(r => r.Node));
        group.Assign(smaller);
        Assert.True(group["b"].IsServing);
        group.Append("b", 2);
        Assert.Equal(group["b"].Log.Last, group["b"].CommittedIndex);
        Assert.False(group["a"].IsServing);
    }

    [Fact]
    public void It_asks_again_but_not_more_often_than_it_has_to_be_alone()
    {
        var group = Abc();
        Cut(group, "b", "c");
        group.Pass((3 * s_alone) + (4 * s_tick));
        Assert.Equal(3, group.AskedBy<ReplicaEffect.GiveWay>("a").Count());
    }

    [Fact]
    public void One_follower_that_it_reaches_is_enough()
    {
        var group = Abc();
        Cut(group, "c");
        group.Pass(3 * s_alone);
        Assert.Empty(group.AskedBy<ReplicaEffect.GiveWay>("a"));
    }

    [Fact]
    public void A_link_that_comes_back_begins_anew()
    {
        var group = Abc();
        group.Assign(group.Assignment with { InSync = [ReplicaGroup.Replica("a"), ReplicaGroup.Replica("b")] });
        Cut(group, "b", "c");
        group.Pass(s_alone - s_tick);
        group.Link("a", "b", isUp: true);
        group.Link("a", "b", isUp: false);
        group.Pass(s_alone);
        Assert.Empty(group.AskedBy<ReplicaEffect.GiveWay>("a"));
        group.Pass(s_tick);
        Assert.Single(group.AskedBy<ReplicaEffect.GiveWay>("a"));
    }

    /// <summary>Its followers may have been out of reach for long before: the time before is not counted.</summary>
    [Fact]
    public void A_new_leader_has_as_long_as_any_other()
    {
        var group = Abc();
        group.Link("b", "a", isUp: false);
        group.Link("b", "c", isUp: false);
        group.Pass(2 * s_alone);
        group.Assign(2, "b", "a", "b", "c");
        group.Pass(s_alone);
        Assert.Empty(group.AskedBy<ReplicaEffect.GiveWay>("b"));
        group.Pass(s_tick);
        Assert.Single(group.AskedBy<ReplicaEffect.GiveWay>("b"));
    }

    /// <summary>The first node of a cluster, or a replica that leads by an operator's order: nobody else could lead.</summary>
    [Fact]
    public void A_leader_that_is_alone_in_its_set_does_not_ask()
    {
        var group = Abc();
        group.Assign(2, "a", "a");
        Cut(group, "b", "c");
        group.Pass(3 * s_alone);
        Assert.Empty(group.AskedBy<ReplicaEffect.GiveWay>("a"));
    }

    [Fact]
    public void While_a_proposal_is_on_its_way_it_does_not_ask_and_afterwards_does_whatever_became_of_that()
    {
        var group = Abc();
        Cut(group, "c");
        group.Pass(TimeSpan.FromSeconds(1));
        Assert.Equal(["a", "b"], Assert.Single(group.AskedBy<ReplicaEffect.Propose>("a")).To.InSync.Select(r => r.Node));
        Cut(group, "b");
        group.Pass(3 * s_alone);
        Assert.Empty(group.AskedBy<ReplicaEffect.GiveWay>("a"));
        group["a"].HandleProposalFailed(group.Revision, nothingChanged: false);
        group.Pass(s_tick);
        Assert.Equal([new ReplicaEffect.GiveWay(group.Revision)], group.AskedBy<ReplicaEffect.GiveWay>("a"));
    }

    private static void Cut(ReplicaGroup group, params IEnumerable<string> from)
    {
        foreach (var node in from)
        {
            group.Cut.Add(("a", node));
            group.Link("a", node, isUp: false);
        }
    }

    private static ReplicaGroup Abc()
    {
        var group = new ReplicaGroup("a", "b", "c");
        group.Assign(1, "a", "a", "b", "c");
        Assert.True(group["a"].IsServing);
        return group;
    }
}
