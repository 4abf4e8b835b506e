using Broker.Machines.Cluster;
using Broker.Machines.Replication;

namespace Broker.Machines.Tests.Replication;

/// <summary>An operator has a replica lead that was not in sync, as nobody is there who was.</summary>
public class ForcedLeaderStories
{
    /// <summary>The log of the forced leader may begin behind what both have: its state must not come in the place of what was committed, however much it has written since.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    public void A_follower_does_not_give_what_was_committed_for_the_state_of_a_leader_that_lacks_it(int written)
    {
        var group = new ReplicaGroup("a", "b", "c");
        group.Start("a", new Lineage(15, [new Era(1, 1)], 21), epoch: 1, committed: 21);
        group.Start("b", new Lineage(50, [new Era(2, 22)], 60), epoch: 2, committed: 60);
        group.Start("c", new Lineage(15, [new Era(1, 1)], 21), epoch: 1, committed: 21);
        group.Away.Add("b");
        group.Unaware.Add("b");
        group.Assign(3, "c", "a", "c"); // somebody has forced it
        group.Append("c", written);
        Assert.Equal(22UL + (ulong)written, group["c"].CommittedIndex);
        group.Away.Clear();
        group.Unaware.Clear();
        group.Announce();
        Assert.Equal([new ReplicaEffect.Refuse(22, 60)], group.AskedBy<ReplicaEffect.Refuse>("b"));
        Assert.Empty(group.AskedBy<ReplicaEffect.Install>("b"));
        Assert.Equal((60UL, 60UL), (group["b"].Log.Last, group["b"].CommittedIndex));
    }

    /// <summary>An operator orders it who has seen that the replica is there, and not that it has nothing yet.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_replica_that_is_to_lead_while_it_installs_a_snapshot_leads_when_that_has_ended(bool isInstalled)
    {
        var (a, c) = (new NodeLife("a", 1), new NodeLife("c", 3));
        var machine = new ReplicaMachine(0, c, ReplicaGroup.Replica("c").Store, new ReplicaOptions { MinInSync = 1 }, epoch: 0, new Lineage(), committed: 0);
        machine.HandleAssignment(new ShardAssignment(0, 1, a, [ReplicaGroup.Replica("a"), ReplicaGroup.Replica("b")], ["a", "b", "c"]), 1, TimeSpan.Zero);
        machine.HandleEpochCertain(1, TimeSpan.Zero);
        var follow = Effects<ReplicaEffect.Send>(machine).Select(e => e.Message).OfType<ReplicaMessage.Follow>().Single();
        var log = new Lineage(21, [new Era(1, 1)], 20);
        machine.HandleMessage("a", new ReplicaMessage.Snapshot(1, follow.Session, log), TimeSpan.Zero);
        Assert.Single(Effects<ReplicaEffect.Install>(machine));
        machine.HandleAssignment(new ShardAssignment(0, 2, c, [ReplicaGroup.Replica("c")], ["a", "b", "c"]), 2, TimeSpan.Zero);
        machine.HandleEpochCertain(2, TimeSpan.Zero);
        Assert.Empty(Effects<ReplicaEffect.WriteStart>(machine));
        if (isInstalled)
        {
            machine.HandleInstalled(log, TimeSpan.Zero);
        }
        else
        {
            machine.HandleInstallFailed(TimeSpan.Zero);
        }

        var start = isInstalled ? 21UL : 1;
        Assert.Equal(new ReplicaEffect.WriteStart(start, 2), Assert.Single(Effects<ReplicaEffect.WriteStart>(machine)));
        machine.HandleCertain(start, 2, TimeSpan.Zero);
        Assert.True(machine.IsServing);
    }

    private static List<T> Effects<T>(ReplicaMachine machine)
        where T : ReplicaEffect
    {
        var found = new List<T>();
        while (machine.TryTakeEffect(out var effect))
        {
            found.AddRange(new[] { effect }.OfType<T>());
        }

        return found;
    }
}
