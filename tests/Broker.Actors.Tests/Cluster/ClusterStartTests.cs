using System.Text;
using Broker.Actors.Cluster;
using Broker.Coordination;
using Broker.Machines.Cluster;
using Broker.Storage.Disks;

namespace Broker.Actors.Tests.Cluster;

/// <summary>How nodes come to be a cluster, and who may not.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ClusterStartTests
{
    [Fact]
    public async Task Three_nodes_share_all_shards()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        Assert.Equal(64, cluster["node-1"].Shards.Count());
        await cluster.UntilAsync(() => cluster.There.All(n => n.Led.Count is >= 20 and <= 23), "each node leads about a third");
        Assert.All(cluster["node-2"].Shards, s => Assert.Equal(3, s.InSync.Count));
        Assert.Equal(64, cluster.There.Sum(n => n.Led.Count));
    }

    [Fact]
    public async Task Replicas_are_told_every_assignment_in_order()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        await cluster["node-3"].StopAsync();
        await cluster.UntilSettledAsync();
        foreach (var replica in cluster["node-1"].Replicas)
        {
            var revisions = replica.Assigned.Select(a => a.Revision).ToList();
            Assert.NotEmpty(revisions);
            Assert.Equal(revisions.Distinct().Order(), revisions);
        }
    }

    [Fact]
    public async Task Every_node_lists_every_node()
    {
        await using var cluster = new TestCluster { Configure = (name, options) => options with { Zone = name == "node-2" ? "west" : "east" } };
        await cluster.StartAllAsync("node-1", "node-2", "node-3");
        var coordinator = await cluster.CoordinatorAsync();
        foreach (var node in cluster.There)
        {
            var members = (await node.AskAsync<ClusterReply.Members>(new ClusterCommand.ListMembers())).Nodes;
            Assert.Equal(["node-1", "node-2", "node-3"], members.Select(m => m.Name));
            Assert.Equal(["east", "west", "east"], members.Select(m => m.Zone));
            Assert.Equal(coordinator, Assert.Single(members, m => m.IsCoordinator).Name);
            Assert.All(members, m => Assert.Equal((NodeState.Up, false), (m.State, m.IsSuspected)));
            Assert.Equal([cluster["node-2"].EndPoint.ToString()], members[1].Registration!.Addresses);
            Assert.Equal(cluster["node-2"].Life.Incarnation, members[1].Registration!.Incarnation);
        }
    }

    [Fact]
    public async Task A_second_node_of_the_same_name_is_refused_while_the_first_one_is_there()
    {
        await using var cluster = new TestCluster
        {
            Configure = (_, options) => options with { LeaseTime = TimeSpan.FromSeconds(2), Placement = options.Placement with { GatheringTime = TimeSpan.Zero } },
        };
        await cluster.StartAllAsync("node-1");
        var first = cluster["node-1"];
        var refusal = await Assert.ThrowsAnyAsync<IOException>(() => cluster.StartAsync("another", "node-1"));
        Assert.Contains("another node is 'node-1'", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(first.Life, first.Cluster.Identity.Life);
        Assert.Equal(64, first.Led.Count);
    }

    [Fact]
    public async Task A_node_with_an_emptied_disk_waits_for_the_end_of_its_old_lease()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        var old = cluster["node-3"];
        await old.KillAsync();
        var starting = cluster.StartAsync("node-3", disk: new MemoryDisk());
        await cluster.UntilAsync(() => cluster["node-1"].Events.Any(e => e.Kind == "link-down"), "the crash is noticed");
        Assert.False(starting.IsCompleted);
        await old.Metadata.ExpireAsync();
        var node = await starting;
        Assert.NotEqual(old.Store, node.Store);
        await cluster.UntilAsync(() => node.Shards.Count(s => s.InSync.Contains(node.Replica)) == 64, "the new store is in sync everywhere");
    }

    [Fact]
    public async Task A_node_with_another_number_of_shards_is_refused()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        var refusal = await Assert.ThrowsAnyAsync<IOException>(() => cluster.StartAsync("node-4", shards: 32));
        Assert.Equal("cluster 'broker' began with 64 shards, and this node is set up for 32. The number is fixed when a cluster begins: set it to 64", refusal.Message);
    }

    [Fact]
    public async Task A_node_of_another_cluster_is_refused()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        var refusal = await Assert.ThrowsAnyAsync<IOException>(() => cluster.StartAsync("node-4", clusterName: "other"));
        Assert.StartsWith("the metadata store is that of cluster 'broker', and this node is set up for cluster 'other'", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(cluster["node-1"].Cluster.Links.Statuses, l => l.Node == "node-4");
    }

    [Fact]
    public async Task What_a_newer_version_has_written_is_passed_over_and_told_once()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        var node = cluster["node-1"];
        var key = ClusterKeys.OfNode("node-9");
        for (var i = 0; i < 2; i++)
        {
            await cluster.Metadata.CommitAsync(new MetadataTransaction { Operations = [MetadataOperation.Put(key, Encoding.UTF8.GetBytes("""{"format":2}"""))] });
        }

        Assert.Null(await node.DoAsync(new ClusterCommand.SetState("node-2", NodeState.Draining)));
        await cluster.UntilAsync(() => node.Events.Any(e => e.Kind == "state"), "a later change is followed");
        Assert.Equal(key, Assert.Single(node.Events, e => e.Kind == "unreadable").Subject);
    }
}
