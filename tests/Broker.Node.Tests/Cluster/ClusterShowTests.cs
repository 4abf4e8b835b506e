using System.Text.Json;
using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Cluster;

/// <summary>Three real nodes with a real etcd, as an operator sees them.</summary>
[Collection(ProcessCollection.Name)]
public sealed class ClusterShowTests
{
    [Fact]
    public async Task Each_of_three_nodes_shows_all_three()
    {
        await using var cluster = await ClusterProcess.StartAsync();
        foreach (var node in cluster.Nodes)
        {
            var (exitCode, output, error) = await Shell.RunAsync(node.Process, "./pbm cluster show --json");
            Assert.True(exitCode == 0, $"exit code {exitCode}\n{error}{node.Process.Transcript}");
            var rows = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToList();
            Assert.Equal(["n1", "n2", "n3"], rows.Select(row => row.GetProperty("node").GetString()));
            Assert.All(rows, row => Assert.Equal(("up", "up"), (row.GetProperty("status").GetString(), row.GetProperty("state").GetString())));
            Assert.Equal(cluster.Nodes.Select(n => $"127.0.0.1:{n.Port}"), rows.Select(row => row.GetProperty("address").GetString()));
            Assert.Single(rows, row => row.GetProperty("coordinator").GetBoolean());
            Assert.Equal(64, rows.Sum(row => row.GetProperty("leads").GetInt32()));
        }
    }

    [Fact]
    public async Task Each_node_says_where_the_leader_of_a_queue_listens()
    {
        await using var cluster = await ClusterProcess.StartAsync();
        var leader = await cluster.LeaderOfAsync(ClusterProcess.ShardOf("orders"));
        foreach (var node in cluster.Nodes)
        {
            await using var client = await node.Process.ConnectAsync();
            var queue = await Wait.For(client.DeclareQueueAsync("orders"), $"the declaration at {node.Name}");
            Assert.Equal(node == leader ? "" : leader.Endpoint.ToString(), queue.Leader);
        }
    }

    [Fact]
    public async Task A_node_whose_etcd_does_not_answer_ends_with_a_sentence()
    {
        await using var cluster = await ClusterProcess.PrepareAsync(nodes: 1);
        await cluster.Etcd.KillAsync(0);
        var (exitCode, error) = await NodeProcess.FailAsync(cluster.Nodes[0].Settings);
        Assert.Equal(1, exitCode);
        Assert.Matches(@"The node cannot start: .*127\.0\.0\.1:\d+", error);
    }
}
