using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Cluster.Faults;

/// <summary>Five nodes and three replicas: a leader that does not reach its followers, while all of them reach everybody else.</summary>
[Collection(ProcessCollection.Name)]
public sealed class AloneLeaderTests(ITestOutputHelper output)
{
    /// <summary>The time of a lease and a second; and as much again for a machine that is busy with other things.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(12);

    /// <summary>Rebalances come each 10 s and move some shards each time; the first ones are all on the nodes that came first.</summary>
    private static readonly TimeSpan s_spread = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task Writes_go_on_though_the_leader_is_cut_off_from_its_followers_alone()
    {
        await using var network = await ClusterNamespaces.CreateAsync(["n1", "n2", "n3", "n4", "n5", "m0"]);
        await using var cluster = await ClusterProcess.StartAsync(network, nodes: 5, etcdMembers: 1);
        var coordinator = (await Wait.Until(
            () => cluster.Nodes[0].RunAsync("cluster show"), rows => rows.Any(IsCoordinator), "there is a coordinator")).First(IsCoordinator).GetProperty("node").GetString()!;
        var shard = (await Wait.Until(() => cluster.UntilServedAsync(), rows => rows.Any(IsBesideCoordinator), "there is a shard without the coordinator", s_spread)).First(IsBesideCoordinator);
        var (number, leader, replicas) = (shard.GetProperty("shard").GetInt32(), shard.GetProperty("leader").GetString()!, Names(shard, "replicas"));
        string[] followers = [.. replicas.Where(name => name != leader)];
        var queue = Enumerable.Range(1, 10_000).Select(i => string.Create(CultureInfo.InvariantCulture, $"orders-{i}")).First(name => ClusterProcess.ShardOf(name) == number);
        var outsider = cluster.Nodes.First(node => node.Name != coordinator && !replicas.Contains(node.Name));

        await using var client = await outsider.Process.ConnectAsync(change: options => options with { Endpoints = [outsider.Endpoint], RecoverConnection = true });
        await Wait.For(client.DeclareQueueAsync(queue), "the declaration");
        await using var publisher = await client.CreatePublisherAsync();
        var sent = 0;
        await PublishAsync("before the cut");

        await Task.WhenAll(network.CutAsync([leader], followers), network.CutAsync(followers, [leader]));
        var start = Stopwatch.GetTimestamp();
        await PublishAsync("beside the cut");
        var took = Stopwatch.GetElapsedTime(start);
        output.WriteLine($"{leader} is cut off from {string.Join(" and ", followers)}; {coordinator} is the coordinator: writes by way of {outsider.Name} went on after {took.TotalMilliseconds:0} ms");
        Assert.True(took < s_limit, $"writes went on after {took.TotalSeconds:0.0} s; at most {s_limit.TotalSeconds:0} s were expected");
        await PublishAsync("with another leader");

        await Task.WhenAll(network.HealAsync([leader], followers), network.HealAsync(followers, [leader]));
        await Wait.Until(
            () => cluster.UntilServedAsync(),
            rows => Names(rows.Single(row => row.GetProperty("shard").GetInt32() == number), "inSync").Contains(leader),
            $"{leader} is in sync again",
            s_spread);
        await PublishAsync("after all was healed");
        await using var consumer = await client.SubscribeAsync(queue);
        List<int> come = [];
        while (come.Count < sent)
        {
            using var batch = await Wait.For(consumer.ReadBatchAsync(), $"message {come.Count} of {sent}");
            come.AddRange(batch!.Select(delivery => BitConverter.ToInt32(delivery.Body.Span)));
            await batch!.AckAllAsync();
        }

        Assert.Equal(Enumerable.Range(0, sent), come);

        bool IsBesideCoordinator(JsonElement row) => Names(row, "replicas") is { Length: 3 } names && Names(row, "inSync").Length == 3 && !names.Contains(coordinator);

        async Task PublishAsync(string when)
        {
            for (var i = 0; i < 10; i++)
            {
                await publisher.PublishAsync("", queue, BitConverter.GetBytes(sent++));
            }

            await Wait.For(publisher.FlushAsync(), $"confirms {when}");
        }
    }

    private static bool IsCoordinator(JsonElement row) => row.GetProperty("coordinator").GetBoolean();

    private static string[] Names(JsonElement row, string property) => row.GetProperty(property).GetString()!.Split(' ');
}
