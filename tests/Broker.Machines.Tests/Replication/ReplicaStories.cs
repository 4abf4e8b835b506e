using Broker.Machines.Replication;

namespace Broker.Machines.Tests.Replication;

/// <summary>The ways in which replicated logs have been known to lose or contradict what they had confirmed, each as a story that ends well here.</summary>
public class ReplicaStories
{
    private static readonly TimeSpan s_long = new ReplicaOptions().MaxLag * 2;

    [Fact]
    public void A_record_is_committed_when_all_in_sync_have_it_on_disk()
    {
        var group = Abc();
        group.Slow.Add("c");
        group.Append("a", 3);
        Assert.Equal((4UL, 1UL), (group["a"].CertainIndex, group["a"].CommittedIndex));
        Assert.Equal(4UL, group["b"].CertainIndex);
        group.Slow.Clear();
        group.Settle();
        group.Pass(TimeSpan.FromMilliseconds(100));
        Assert.Equal([4UL, 4UL, 4UL], new[] { "a", "b", "c" }.Select(n => group[n].CommittedIndex));
    }

    [Fact]
    public void A_leader_that_does_not_know_of_its_successor_commits_nothing_and_changes_nothing()
    {
        var group = Abc();
        group.Unaware.Add("a");
        group.Assign(2, "b", "a", "b", "c");
        group.Append("a", 5);
        Assert.Equal(1UL, group["a"].CommittedIndex);

        // Nor can it have the others leave the set: what it would change has another revision since.
        group.Pass(s_long);
        var proposal = group.AskedBy<ReplicaEffect.Propose>("a").LastOrDefault();
        Assert.True(proposal is null || proposal.Revision < group.Revision);

        group.Unaware.Clear();
        group.Announce();
        Assert.False(group["a"].IsServing);
        Assert.Equal(group["b"].Log.Eras, group["a"].Log.Eras);
        Assert.Equal([new ReplicaEffect.Cut(2)], group.AskedBy<ReplicaEffect.Cut>("a"));
    }

    [Fact]
    public void A_leader_that_hears_of_a_higher_epoch_stops_at_once()
    {
        var group = Abc();
        group.Unaware.UnionWith(["a", "b"]);
        group.Assign(2, "b", "a", "b", "c");
        Assert.True(group["a"].IsServing);
        group["a"].HandleMessage("c", new ReplicaMessage.Follow(2, 9, group.LifeOf("c"), ReplicaGroup.Replica("c"), new Lineage()), group.Now);
        group.Settle();
        Assert.False(group["a"].IsServing);
        Assert.Equal([new ReplicaEffect.EndLeading(1)], group.AskedBy<ReplicaEffect.EndLeading>("a"));
    }

    /// <summary>KIP-101: a follower that cut its log to what it knew to be committed lost what its leader had confirmed, if it was elected next.</summary>
    [Fact]
    public void A_follower_keeps_what_it_does_not_know_to_be_committed()
    {
        var group = Abc();
        group.Append("a", 3);
        Assert.Equal(4UL, group["a"].CommittedIndex);
        Assert.True(group["b"].CommittedIndex < 4, "the story needs a follower that is behind with what is committed");
        group.Restart("b");
        group.SetAway("a", isAway: true);
        group.Assign(2, "b", "a", "b", "c");
        Assert.Equal(5UL, group["b"].Log.Last);
        Assert.Empty(group.AskedBy<ReplicaEffect.Cut>("b"));
        Assert.Equal([new Era(1, 1), new Era(2, 5)], group["b"].Log.Eras);
    }

    /// <summary>KIP-279: after quick failovers two logs may have the same length and even the same last epoch but one, and differ before.</summary>
    [Fact]
    public void Logs_that_parted_twice_are_cut_to_where_they_parted_first()
    {
        var group = new ReplicaGroup("a", "b", "c");
        group.Start("a", new Lineage(1, [new Era(1, 1), new Era(2, 4), new Era(4, 6)], 7), epoch: 4, committed: 3);
        group.Start("b", new Lineage(1, [new Era(1, 1), new Era(3, 4)], 9), epoch: 3, committed: 3);
        group.Start("c", new Lineage(1, [new Era(1, 1), new Era(2, 4)], 4), epoch: 3, committed: 3);
        group.Assign(5, "a", "a", "b", "c");
        Assert.Equal([new ReplicaEffect.Cut(4)], group.AskedBy<ReplicaEffect.Cut>("b"));
        Assert.Empty(group.AskedBy<ReplicaEffect.Cut>("c"));
        Assert.All(["b", "c"], n => Assert.Equal(group["a"].Log.ToString(), group[n].Log.ToString()));
        Assert.Equal(8UL, group["a"].CommittedIndex);
    }

    /// <summary>KIP-207: what the last leader has told its clients may be more than its successor knows to be committed.</summary>
    [Fact]
    public void A_new_leader_serves_when_all_that_may_have_been_committed_is()
    {
        var group = Abc();
        group.Append("a", 3);
        group.SetAway("a", isAway: true);
        group.Slow.Add("c");
        group.Assign(2, "b", "b", "c");
        Assert.False(group["b"].IsServing);
        group.Slow.Clear();
        group.Settle();
        Assert.True(group["b"].IsServing);
        Assert.True(group["b"].CommittedIndex >= 4);
    }

    [Fact]
    public void Records_of_an_earlier_epoch_are_committed_with_the_first_of_the_new_one()
    {
        var group = Abc();
        group.Slow.UnionWith(["b", "c"]);
        group.Append("a", 2);
        group.Slow.Clear();
        group.SetAway("b", isAway: true);
        group.SetAway("c", isAway: true);
        group.Restart("a"); // with its records, of which nobody else may have one
        group.SetAway("b", isAway: false);
        group.SetAway("c", isAway: false);
        group.Slow.Add("a");
        group.Assign(2, "a", "a", "b", "c");
        Assert.False(group["a"].IsServing);
        Assert.Equal(1UL, group["a"].CommittedIndex);
        group.Slow.Clear();
        group.Settle();
        Assert.Equal(4UL, group["a"].CommittedIndex);
    }

    [Fact]
    public void A_follower_that_is_gone_leaves_the_set_and_writes_go_on()
    {
        var group = Abc();
        group.SetAway("c", isAway: true);
        group.Append("a");
        Assert.Equal(1UL, group["a"].CommittedIndex);
        group.Pass(new ReplicaOptions().MaxLinkDown + TimeSpan.FromMilliseconds(200));
        var proposal = Assert.Single(group.AskedBy<ReplicaEffect.Propose>("a"));
        Assert.Equal(["a", "b"], proposal.To.InSync.Select(r => r.Node));
        Assert.Equal(1UL, group["a"].CommittedIndex); // not before the change has taken place
        group.Assign(proposal.To);
        Assert.Equal(2UL, group["a"].CommittedIndex);
    }

    [Fact]
    public void A_follower_whose_process_has_ended_leaves_the_set_at_once_and_joins_again_like_any_other()
    {
        var group = Abc();
        group.SetAway("c", isAway: true, isGone: true);
        group.Append("a");
        var proposal = Assert.Single(group.AskedBy<ReplicaEffect.Propose>("a")); // no time has passed
        Assert.Equal(["a", "b"], proposal.To.InSync.Select(r => r.Node));
        group.Assign(proposal.To);
        Assert.Equal(2UL, group["a"].CommittedIndex);

        group.SetAway("c", isAway: false); // it was there all the time
        group.Pass(s_long);
        var back = group.AskedBy<ReplicaEffect.Propose>("a").Last();
        Assert.Equal(["a", "b", "c"], back.To.InSync.Select(r => r.Node));
        group.Assign(back.To);
        group.SetAway("c", isAway: true); // this time it is only silent
        Assert.Equal(2, group.AskedBy<ReplicaEffect.Propose>("a").Count());
    }

    [Fact]
    public void A_follower_that_was_silent_and_then_known_to_have_ended_leaves_at_once()
    {
        var group = Abc();
        group.SetAway("c", isAway: true);
        Assert.Empty(group.AskedBy<ReplicaEffect.Propose>("a"));
        group.SetAway("c", isAway: true, isGone: true);
        Assert.Equal(["a", "b"], Assert.Single(group.AskedBy<ReplicaEffect.Propose>("a")).To.InSync.Select(r => r.Node));
    }

    /// <summary>While the metadata store does not answer, a leader must not go on without a member of the set: another leader may have been elected with it.</summary>
    [Fact]
    public void Without_an_answer_the_set_stays_and_what_waits_goes_on_waiting()
    {
        var group = Abc();
        group.SetAway("c", isAway: true);
        group.Append("a");
        group.Pass(s_long);
        Assert.Single(group.AskedBy<ReplicaEffect.Propose>("a")); // one at a time
        group["a"].HandleProposalFailed(group.Revision, nothingChanged: false);
        group.Pass(TimeSpan.FromMilliseconds(100));
        Assert.Equal(2, group.AskedBy<ReplicaEffect.Propose>("a").Count());
        Assert.Equal(1UL, group["a"].CommittedIndex);
    }

    [Fact]
    public void Nobody_is_committed_without_who_may_be_in_the_set_already()
    {
        var group = Abc();
        group.Assign(group.Assignment with { InSync = [ReplicaGroup.Replica("a"), ReplicaGroup.Replica("b")] });
        group.Pass(TimeSpan.FromMilliseconds(300));
        var proposal = group.AskedBy<ReplicaEffect.Propose>("a").First();
        Assert.Equal(["a", "b", "c"], proposal.To.InSync.Select(r => r.Node));
        Assert.Equal(group.LifeOf("c"), proposal.Added);

        // It may have taken place, and a coordinator may elect c: so c has to have what is committed from here on.
        group["a"].HandleProposalFailed(group.Revision, nothingChanged: false);
        group.SetAway("c", isAway: true);
        var before = group["a"].CommittedIndex;
        group.Append("a");
        Assert.Equal(before, group["a"].CommittedIndex);
        group["a"].HandleAssignment(group.Assignment, group.Revision + 1, group.Now); // it did not
        group.Settle();
        Assert.Equal(before + 1, group["a"].CommittedIndex);
    }

    /// <summary>KIP-966: if the set fell to one, and that one lost what it had, the others would lose it, too.</summary>
    [Fact]
    public void The_set_never_falls_below_its_least_number()
    {
        var group = Abc();
        group.Assign(group.Assignment with { InSync = [ReplicaGroup.Replica("a"), ReplicaGroup.Replica("b")] });
        group.SetAway("b", isAway: true);
        group.SetAway("c", isAway: true);
        group.Asked.Clear();
        group.Append("a");
        group.Pass(s_long);
        Assert.Empty(group.AskedBy<ReplicaEffect.Propose>("a"));
        Assert.False(group["a"].CommittedIndex == group["a"].CertainIndex);
    }

    /// <summary>The first node of a cluster that the others come to late, or a replica that leads by an operator's order: what it has alone is on one disk.</summary>
    [Fact]
    public void A_set_that_is_too_small_from_the_beginning_commits_nothing_until_it_has_grown()
    {
        var group = new ReplicaGroup("a", "b", "c");
        group.SetAway("b", isAway: true);
        group.SetAway("c", isAway: true);
        group.Assign(1, "a", "a");
        group.Pass(s_long);
        Assert.Equal((false, 0UL), (group["a"].IsServing, group["a"].CommittedIndex));
        Assert.Empty(group.AskedBy<ReplicaEffect.Propose>("a"));
        group.SetAway("b", isAway: false);
        group.Pass(TimeSpan.FromMilliseconds(1500)); // it asks again after a silence
        var proposal = group.AskedBy<ReplicaEffect.Propose>("a").First();
        Assert.Equal(["a", "b"], proposal.To.InSync.Select(r => r.Node));
        Assert.False(group["a"].IsServing); // it may not have taken place
        group.Assign(proposal.To);
        Assert.Equal((true, 1UL), (group["a"].IsServing, group["a"].CommittedIndex));
    }

    [Fact]
    public void A_node_whose_disk_was_emptied_counts_for_nothing_until_it_has_caught_up()
    {
        var group = Abc();
        group.Append("a", 3);
        group.Start("c", new Lineage(), epoch: 0, committed: 0, store: 2);
        group.Asked.Clear();
        group.Announce();
        group.Append("a");
        Assert.Equal(5UL, group["c"].CertainIndex);
        Assert.Equal(4UL, group["a"].CommittedIndex); // the set has the other c
        group.Pass(TimeSpan.FromMilliseconds(300));
        var proposal = group.AskedBy<ReplicaEffect.Propose>("a").First();
        Assert.Equal([ReplicaGroup.Replica("a"), ReplicaGroup.Replica("b"), ReplicaGroup.Replica("c", store: 2)], proposal.To.InSync);
        Assert.Equal(group.LifeOf("c"), proposal.Added);
        group.Assign(proposal.To);
        Assert.Equal(5UL, group["a"].CommittedIndex);
    }

    /// <summary>Found by the simulation: nothing could be committed without the disk that was lost, and its successor could not join before something was.</summary>
    [Fact]
    public void A_new_disk_takes_the_place_of_the_lost_one_though_the_set_is_at_its_least()
    {
        var group = new ReplicaGroup("a", "b");
        group.Assign(1, "a", "a", "b");
        group.Append("a", 3);
        group.Start("b", new Lineage(), epoch: 0, committed: 0, store: 2);
        group.Restart("a");
        group.Asked.Clear();
        group.Assign(2, "a", "a", "b");
        Assert.False(group["a"].IsServing);
        group.Pass(s_long);
        var proposal = group.AskedBy<ReplicaEffect.Propose>("a").First();
        Assert.Equal([ReplicaGroup.Replica("a"), ReplicaGroup.Replica("b", store: 2)], proposal.To.InSync);
        group.Assign(proposal.To);
        Assert.True(group["a"].IsServing);
        Assert.Equal(5UL, group["a"].CommittedIndex);
    }

    [Fact]
    public void A_follower_that_lacks_what_is_no_longer_in_the_log_gets_the_state_instead()
    {
        var group = Abc();
        group.SetAway("c", isAway: true);
        group.Assign(group.Assignment with { InSync = [ReplicaGroup.Replica("a"), ReplicaGroup.Replica("b")] });
        group.Append("a", 50);
        group["a"].HandleRetired(40);
        group.SetAway("c", isAway: false);
        Assert.Equal(51UL, Assert.Single(group.AskedBy<ReplicaEffect.Install>("c")).Log.Last);
        group.Append("a", 2);
        Assert.Equal((53UL, 52UL), (group["c"].Log.Last, group["c"].Log.First));
        group.Pass(TimeSpan.FromMilliseconds(300));
        Assert.Equal(["a", "b", "c"], group.AskedBy<ReplicaEffect.Propose>("a").Last().To.InSync.Select(r => r.Node));
    }

    [Fact]
    public void A_follower_does_not_follow_a_leader_that_lacks_what_was_committed()
    {
        var group = Abc();
        group.Append("a", 3);
        group.Pass(TimeSpan.FromMilliseconds(100));
        Assert.Equal(4UL, group["b"].CommittedIndex);
        group.Start("c", new Lineage(), epoch: 1, committed: 0);
        group.Assign(2, "c", "a", "b", "c"); // somebody has forced it
        Assert.Equal([new ReplicaEffect.Refuse(1, 4)], group.AskedBy<ReplicaEffect.Refuse>("b"));
        Assert.Equal(4UL, group["b"].Log.Last);
        group.Assign(3, "b", "a", "b", "c");
        Assert.True(group["b"].IsServing);
    }

    [Fact]
    public void A_metadata_store_that_was_set_back_moves_nothing()
    {
        var group = Abc();
        group.Assign(5, "b", "a", "b", "c");
        group.Assign(2, "a", "a", "b", "c");
        Assert.True(group["b"].IsServing);
        Assert.False(group["a"].IsServing);
        group.Assign(6, "a", "a", "b", "c");
        Assert.True(group["a"].IsServing);
    }

    [Fact]
    public void A_node_that_starts_again_does_not_take_its_last_lifes_epoch_for_its_own()
    {
        var group = Abc();
        group.Append("a");
        group.Restart("a");
        group.Announce();
        Assert.False(group["a"].IsServing);
        group.Assign(2, "a", "a", "b", "c");
        Assert.True(group["a"].IsServing);
        Assert.Equal(3UL, group["a"].CommittedIndex);
    }

    [Fact]
    public void Messages_of_the_past_change_nothing()
    {
        var group = Abc();
        group.Append("a", 2);
        group["a"].HandleMessage("b", new ReplicaMessage.Acknowledge(1, 99, 3), group.Now);
        group["b"].HandleMessage("a", new ReplicaMessage.Align(1, 99, 1), group.Now);
        group["b"].HandleMessage("a", new ReplicaMessage.Records(1, 99, 7, [new EpochRun(1, 2)], 8), group.Now);
        group["b"].HandleMessage("c", new ReplicaMessage.Beat(1, 1, 8), group.Now);
        group.Settle();
        Assert.Equal((3UL, 3UL), (group["b"].Log.Last, group["a"].CommittedIndex));
        Assert.Empty(group.AskedBy<ReplicaEffect.Cut>("b"));
    }

    /// <summary>All three in sync, a leads in epoch 1, whose first record is committed.</summary>
    private static ReplicaGroup Abc()
    {
        var group = new ReplicaGroup("a", "b", "c");
        group.Assign(1, "a", "a", "b", "c");
        Assert.True(group["a"].IsServing);
        return group;
    }
}
