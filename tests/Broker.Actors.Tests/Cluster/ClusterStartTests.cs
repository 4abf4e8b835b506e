namespace Broker.Actors.Tests.Cluster;

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
}
