using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Cluster.Faults;

/// <summary>What the nodes do while their etcd is in trouble, and nothing else is.</summary>
[Collection(ProcessCollection.Name)]
public sealed class EtcdFaultTests(ITestOutputHelper output)
{
    /// <summary>Nothing waits for etcd while the in-sync sets are whole. What passes is what a busy machine makes of that.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(2);

    /// <summary>Half of what it would be if something waited.</summary>
    private static readonly TimeSpan s_limitWithoutMajority = TimeSpan.FromSeconds(4);

    /// <summary>Longer than an election.</summary>
    private static readonly TimeSpan s_withoutLeader = TimeSpan.FromSeconds(4);

    /// <summary>Longer than the lease of a node.</summary>
    private static readonly TimeSpan s_withoutMajority = TimeSpan.FromSeconds(8);

    [Fact]
    public async Task Writes_go_on_while_etcd_has_no_leader_and_while_it_has_no_majority()
    {
        await using var run = await FaultRun.StartAsync(output);
        var etcd = run.Cluster.Etcd;
        for (var round = 0; round < FaultSettings.Rounds; round++)
        {
            var leader = await etcd.LeaderAsync();
            await run.InjectAsync(
                new Fault("kill -9 of etcd's leader", null, () => etcd.KillAsync(leader), () => StartAsync(etcd, leader)) { Limit = s_limit, Lasts = s_withoutLeader });

            leader = await etcd.LeaderAsync();
            int[] two = [leader, (leader + 1) % etcd.Count];
            await run.InjectAsync(
                new Fault("loss of etcd's majority", null, () => Task.WhenAll(two.Select(etcd.KillAsync)), () => StartAsync(etcd, two)) { Limit = s_limitWithoutMajority, Lasts = s_withoutMajority });
        }

        await run.FinishAsync();
    }

    /// <summary>
    /// Members that stand still keep their connections and say nothing; a leader that goes on has been known to end leases that were renewed all the time (docs/cluster.md, "Leases").
    /// </summary>
    [Fact]
    public async Task Writes_go_on_while_members_of_etcd_stand_still_and_after_they_have_gone_on()
    {
        await using var run = await FaultRun.StartAsync(output);
        var etcd = run.Cluster.Etcd;
        for (var round = 0; round < FaultSettings.Rounds; round++)
        {
            var leader = await etcd.LeaderAsync();
            await run.InjectAsync(
                new Fault("pause of etcd's leader", null, () => etcd.PauseAsync(leader), () => ResumeAsync(etcd, leader)) { Limit = s_limit, Lasts = s_withoutMajority });

            leader = await etcd.LeaderAsync();
            int[] two = [leader, (leader + 1) % etcd.Count];
            await run.InjectAsync(
                new Fault("pause of etcd's majority", null, () => Task.WhenAll(two.Select(etcd.PauseAsync)), () => ResumeAsync(etcd, two)) { Limit = s_limit, Lasts = s_withoutMajority });
        }

        await run.FinishAsync();
    }

    private static async Task ResumeAsync(EtcdGroup etcd, params int[] members)
    {
        await Task.WhenAll(members.Select(etcd.ResumeAsync));
        await Task.WhenAll(members.Select(etcd.UntilReadyAsync));
    }

    private static async Task StartAsync(EtcdGroup etcd, params int[] members)
    {
        Array.ForEach(members, etcd.Start);
        await Task.WhenAll(members.Select(etcd.UntilReadyAsync));
    }
}
