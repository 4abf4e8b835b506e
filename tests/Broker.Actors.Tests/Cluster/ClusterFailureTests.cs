using Broker.Actors.Cluster;
using Broker.Actors.Links;
using Broker.Coordination;
using Broker.Machines.Cluster;

namespace Broker.Actors.Tests.Cluster;

/// <summary>Nodes, links and the metadata store fail, and what the others make of it.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ClusterFailureTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_node_that_crashes_loses_its_shards_before_its_lease_ends()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        var victim = cluster[await OtherThanCoordinatorAsync(cluster)];
        var led = victim.Led;
        await victim.KillAsync();
        var took = await cluster.UntilAsync(() => cluster.There.All(n => n.Shards.All(s => s.Leader?.Node != victim.Name)), "others lead its shards");
        output.WriteLine($"{led.Count} shards have other leaders after {took.TotalMilliseconds:0} ms");
        Assert.NotEmpty(led);
        Assert.Contains((await cluster.Metadata.ReadAsync(ClusterKeys.Nodes)).Values, v => v.Key == ClusterKeys.OfNode(victim.Name)); // the lease stands
        Assert.All(led, shard => Assert.Equal(2, cluster.There[0].Cluster.Shards[shard].Assignment!.InSync.Count));
    }

    [Fact]
    public async Task A_node_that_falls_silent_loses_its_shards_within_a_second()
    {
        await using var cluster = new TestCluster { SuspicionTimeout = new NodeLinkOptions().SuspicionTimeout };
        await cluster.StartAllAsync("node-1", "node-2", "node-3");
        var victim = cluster[await OtherThanCoordinatorAsync(cluster)];
        var others = cluster.There.Where(n => n != victim).ToList();
        victim.Pause();
        var took = await cluster.UntilAsync(() => others.TrueForAll(n => n.Shards.All(s => s.Leader?.Node != victim.Name)), "others lead its shards");
        output.WriteLine($"its shards have other leaders after {took.TotalMilliseconds:0} ms");
        victim.Resume();
        await cluster.UntilSettledAsync();
    }

    [Fact]
    public async Task When_the_coordinator_crashes_another_node_decides_and_its_shards_get_leaders()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        var victim = cluster[(await cluster.CoordinatorAsync())!];
        await victim.KillAsync();
        var office = await cluster.UntilAsync(async () => await cluster.CoordinatorAsync() != victim.Name, "another node has the office");
        var leaders = await cluster.UntilAsync(() => cluster.There.All(n => n.Shards.All(s => s.Leader?.Node != victim.Name)), "others lead its shards");
        output.WriteLine($"office after {office.TotalMilliseconds:0} ms, leaders {leaders.TotalMilliseconds:0} ms later");
    }

    [Fact]
    public async Task The_first_by_name_takes_the_office_over()
    {
        await using var cluster = new TestCluster { Configure = (_, options) => options with { TakeoverTime = TimeSpan.FromMilliseconds(500) } };
        await cluster.StartAllAsync("node-1", "node-2", "node-3", "node-4");
        var victim = cluster[(await cluster.CoordinatorAsync())!];
        await victim.KillAsync();
        await cluster.UntilAsync(async () => await cluster.CoordinatorAsync() != victim.Name, "another node has the office");
        Assert.Equal(cluster.There[0].Name, await cluster.CoordinatorAsync());
    }

    [Fact]
    public async Task When_the_coordinator_falls_silent_another_node_decides_and_its_own_decisions_come_to_nothing()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        var old = cluster[(await cluster.CoordinatorAsync())!];
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var isHeld = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        old.Metadata.BeforeCommit = async transaction =>
        {
            if (transaction.Operations.Any(o => ClusterKeys.TryGetShard(o.Key, out _)))
            {
                isHeld.TrySetResult();
                await held.Task;
            }
        };
        var drained = cluster.There.First(n => n != old);
        Assert.Null(await drained.DoAsync(new ClusterCommand.SetState(drained.Name, NodeState.Draining)));
        await isHeld.Task.WaitAsync(TestCluster.Patience); // it has decided, and what it decided is on its way
        old.Pause();
        await cluster.UntilAsync(async () => await cluster.CoordinatorAsync() != old.Name, "another node has the office");
        await cluster.UntilAsync(() => cluster.There.All(n => n == old || n.Shards.All(s => s.Leader is { } l && l.Node != old.Name && l.Node != drained.Name)), "the third node leads everything");
        var before = (await cluster.Metadata.ReadAsync(ClusterKeys.Shards)).Values.Select(v => (v.Key, v.ModRevision)).ToList();
        old.Metadata.BeforeCommit = null;
        held.SetResult();
        old.Resume();
        await cluster.UntilAsync(() => old.Led.Count == 0, "the old coordinator knows better");
        var after = (await cluster.Metadata.ReadAsync(ClusterKeys.Shards)).Values;
        Assert.All(after.Where(v => before.Contains((v.Key, v.ModRevision))), v => Assert.NotEqual(old.Name, ShardAssignmentCodec.Read(v.Value.Span).Leader?.Node));
        Assert.DoesNotContain(old.Events.SkipWhile(e => e.Kind != "coordinator" || e.Subject == old.Name), e => e.Kind == "decided");
    }

    [Fact]
    public async Task A_link_that_is_cut_is_reason_enough_for_an_election()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        var coordinator = (await cluster.CoordinatorAsync())!;
        var victim = await OtherThanCoordinatorAsync(cluster);
        await cluster.CutAsync(coordinator, victim);
        await cluster.UntilAsync(() => cluster.There.All(n => n.Shards.All(s => s.Leader?.Node != victim)), "others lead its shards");
        Assert.Equal(coordinator, await cluster.CoordinatorAsync()); // who reaches one of two others does not take the office
        cluster.Heal(coordinator, victim);
        await cluster.UntilAsync(() => cluster[victim].Led.Count > 0, "it leads again");
    }

    [Fact]
    public async Task A_coordinator_that_is_cut_off_from_all_others_is_replaced_and_takes_no_lead()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        var old = cluster[(await cluster.CoordinatorAsync())!];
        var others = cluster.There.Where(n => n != old).ToList();
        await Task.WhenAll(others.Select(n => cluster.CutAsync(old.Name, n.Name)));
        await cluster.UntilAsync(() => cluster.There.All(n => n.Shards.All(s => s.Leader?.Node != old.Name)), "the others lead everything");
        Assert.Contains(await cluster.CoordinatorAsync(), others.Select(n => n.Name));
        others.ForEach(n => cluster.Heal(old.Name, n.Name));
        await cluster.UntilSettledAsync();
    }

    [Fact]
    public async Task A_node_that_comes_back_is_another_life_and_gets_its_share_again()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        var first = cluster["node-2"];
        await first.KillAsync();
        await cluster.UntilAsync(() => cluster.There.All(n => n.Shards.All(s => s.Leader?.Node != "node-2")), "others lead its shards");
        var second = await cluster.StartAsync("node-2"); // the old lease stands; the store is the same
        Assert.NotEqual(first.Life, second.Life);
        Assert.Equal(first.Store, second.Store);
        await cluster.UntilAsync(() => second.Led.Count >= 20, "it leads about a third");
        await cluster.UntilSettledAsync();
        Assert.All(second.Shards, s => Assert.Contains(second.Replica, s.InSync));
    }

    [Fact]
    public async Task A_node_that_restarts_at_once_does_not_go_on_in_its_old_epochs()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        var first = cluster[(await cluster.CoordinatorAsync())!];
        var epochs = first.Shards.Where(s => s.Leader == first.Life).ToDictionary(s => s.Shard, s => s.Epoch);
        await first.KillAsync();
        var second = await cluster.StartAsync(first.Name);
        await cluster.UntilSettledAsync();
        Assert.All(epochs, e => Assert.True(cluster["node-1"].Cluster.Shards[e.Key].Assignment!.Epoch > e.Value));
        Assert.DoesNotContain(second.Shards, s => s.Leader == first.Life);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_node_that_lost_its_lease_begins_another_life(bool onlyItsKey)
    {
        await using var cluster = await TestCluster.StartAsync(3);
        var node = cluster["node-3"];
        var old = node.Life;
        if (onlyItsKey)
        {
            await cluster.Metadata.CommitAsync(new MetadataTransaction { Operations = [MetadataOperation.Delete(ClusterKeys.OfNode("node-3"))] });
        }
        else
        {
            await node.Metadata.ExpireAsync();
        }

        await cluster.UntilAsync(() => node.Life != old, "it has another life");
        await cluster.UntilSettledAsync(); // links included, which have to be of the new life
        Assert.All(node.Replicas, r => Assert.Equal(node.Life, Assert.Single(r.Told.OfType<ReplicaCommand.NewLife>()).Life));
        Assert.DoesNotContain(cluster["node-1"].Shards, s => s.Leader == old);
    }

    [Fact]
    public async Task While_the_metadata_store_is_away_everything_stays_as_it_is()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        var node = cluster[await OtherThanCoordinatorAsync(cluster)]; // a coordinator in its place would be replaced with the end of its lease
        var other = cluster.There.First(n => n != node);
        var (life, led) = (node.Life, node.Led);
        node.Metadata.Cut();
        await cluster.UntilAsync(() => node.Events.Any(e => e.Kind == "metadata"), "it has noticed");
        Assert.Equal((life, led.Count), (node.Life, node.Led.Count));
        Assert.Null(await other.DoAsync(new ClusterCommand.SetState(node.Name, NodeState.Draining)));
        await cluster.UntilAsync(() => other.Shards.All(s => s.Leader?.Node != node.Name), "others lead its shards");
        Assert.Equal(led.Count, node.Led.Count); // it cannot know
        node.Metadata.Heal();
        await cluster.UntilAsync(() => node.Led.Count == 0, "it has read what it missed");
    }

    [Fact]
    public async Task A_node_whose_lease_ended_while_the_metadata_store_was_away_joins_anew_when_it_is_back()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        var node = cluster["node-2"];
        var old = node.Life;
        node.Metadata.Cut();
        await node.Metadata.ExpireAsync();
        await cluster.UntilAsync(() => node.Events.Any(e => e.Kind == "node-down" && e.Detail.StartsWith("no new life yet", StringComparison.Ordinal)), "it has tried");
        Assert.Equal(old, node.Life);
        node.Metadata.Heal();
        await cluster.UntilAsync(() => node.Life != old, "it has another life");
        await cluster.UntilSettledAsync();
    }

    private static async Task<string> OtherThanCoordinatorAsync(TestCluster cluster)
    {
        var coordinator = await cluster.CoordinatorAsync();
        return cluster.There.Last(n => n.Name != coordinator).Name;
    }
}
