using Broker.Actors.Cluster;
using Broker.Machines.Cluster;
using Broker.Protocol;

namespace Broker.Actors.Tests.Admin;

/// <summary>Who has what, as an operator sees it, and how it is moved.</summary>
public sealed class ShardPaletteTests : IAsyncDisposable
{
    private readonly StandInCluster _cluster = new();

    public ShardPaletteTests()
    {
        _cluster.Add("a");
        _cluster.Add("b");
        _cluster.Add("c");
        _cluster.Assign(0, "a", "a b c", "a b c", epoch: 4);
        _cluster.Assign(1, "a", "a b", "b a c", epoch: 7);
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    [Fact]
    public async Task Shards_are_listed_with_who_has_them()
    {
        var rows = await _cluster.RunAsync("cluster-sharding list");
        Assert.Equal(
            ["0 a 4 [a b c] [a b c]", "1 a 7 [a b] [b a c]", "2   [] []"],
            rows.Select(r => $"{r["shard"]} {r["leader"]} {r["epoch"]} [{r["inSync"]}] [{r["replicas"]}]"));
    }

    [Fact]
    public async Task A_lead_is_moved_to_another_node()
    {
        var row = Assert.Single(await _cluster.RunAsync("cluster-sharding move", """{"shard":1,"node":"b"}"""));
        Assert.Equal([new ClusterCommand.MoveLeader(1, "b")], _cluster.Orders);
        Assert.Equal("""{"shard":1,"from":"a","to":"b"}""", row.ToJsonString());
    }

    [Theory]
    [InlineData("""{"shard":3,"node":"b"}""", ErrorCode.InvalidArgument)]
    [InlineData("""{"shard":-1,"node":"b"}""", ErrorCode.InvalidArgument)]
    [InlineData("""{"shard":1,"node":"d"}""", ErrorCode.NotFound)]
    public async Task A_move_that_cannot_be_is_refused_and_the_cluster_not_asked(string json, ErrorCode code)
    {
        await _cluster.RefusedAsync(code, "cluster-sharding move", json);
        Assert.Empty(_cluster.Orders);
    }

    [Fact]
    public async Task Rebalance_gives_shards_back_to_preferred_leaders_that_can_lead()
    {
        _cluster.Assign(2, "a", "a b", "c a b"); // c is not in sync
        Assert.Equal(["""{"shard":1,"from":"a","to":"b"}"""], (await _cluster.RunAsync("cluster-sharding rebalance")).Select(r => r.ToJsonString()));
        Assert.Equal([new ClusterCommand.MoveLeader(1, "b")], _cluster.Orders);
    }

    [Theory]
    [InlineData(nameof(NodeState.Draining), true, false)]
    [InlineData(nameof(NodeState.Up), false, false)]
    [InlineData(nameof(NodeState.Up), true, true)]
    public async Task Rebalance_gives_nothing_to_a_node_that_is_to_lead_nothing_or_is_not_there(string state, bool isThere, bool isSuspected)
    {
        _cluster.Members.RemoveAll(m => m.Name == "b");
        _cluster.Add("b", Enum.Parse<NodeState>(state), isThere, isSuspected);
        Assert.Empty(await _cluster.RunAsync("cluster-sharding rebalance"));
        Assert.Empty(_cluster.Orders);
    }

    [Fact]
    public async Task A_leading_replica_says_how_far_its_followers_are()
    {
        _cluster.Replicas[0] = new ReplicaStatus(0, "leader", 4, 100, 99, 90, [new("b", 90, true, true), new("c", 101, false, false)]);
        var row = Assert.Single(await _cluster.RunAsync("shard show", """{"shard":0}"""));
        Assert.Equal(("leader", 100UL, 99UL, 90UL), ((string?)row["role"], (ulong)row["last"]!, (ulong)row["certain"]!, (ulong)row["committed"]!));
        Assert.Equal("b 10, c 0 out of sync unreachable", (string?)row["lag"]);
        Assert.Equal(
            """[{"node":"b","acknowledged":90,"lag":10,"inSync":true,"linkUp":true},{"node":"c","acknowledged":101,"lag":0,"inSync":false,"linkUp":false}]""",
            row["followers"]!.ToJsonString());
    }

    [Fact]
    public async Task Only_replicas_of_this_node_are_asked()
    {
        _cluster.Replicas[0] = new ReplicaStatus(0, "follower", 4, 5, 5, 5, []);
        _cluster.Assign(1, "b", "b c", "b c");
        var rows = await _cluster.RunAsync("shard show");
        Assert.Equal(["0 follower", "1 ", "2 "], rows.Select(r => $"{r["shard"]} {r["role"]}"));
    }

    [Fact]
    public async Task A_replica_that_is_not_there_is_said_to_be()
    {
        _cluster.System.Stop(_cluster.Cluster.Replicas[0]);
        Assert.Contains("shard 0", await _cluster.RefusedAsync(ErrorCode.Unavailable, "shard show", """{"shard":0}"""), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_election_that_may_lose_something_is_ordered_only_by_who_accepts_that()
    {
        var message = await _cluster.RefusedAsync(ErrorCode.PreconditionFailed, "shard elect", """{"shard":1,"node":"c"}""");
        Assert.Contains("All of it is with a b", message, StringComparison.Ordinal);
        Assert.Contains("--accept-loss", message, StringComparison.Ordinal);
        Assert.Empty(_cluster.Orders);
        var row = Assert.Single(await _cluster.RunAsync("shard elect", """{"shard":1,"node":"c","accept-loss":true}"""));
        Assert.Equal([new ClusterCommand.OrderElection(1, "c")], _cluster.Orders);
        Assert.Equal(("c", "a b"), ((string?)row["node"], (string?)row["instead-of"]));
    }

    [Fact]
    public async Task The_floor_of_epochs_is_shown_with_the_highest_that_is_known_here_and_raised()
    {
        _cluster.Replicas[0] = new ReplicaStatus(0, "leader", 4, 9, 9, 9, []);
        _cluster.Replicas[1] = new ReplicaStatus(1, "follower", 12, 9, 9, 9, []);
        var row = Assert.Single(await _cluster.RunAsync("cluster epoch-floor"));
        Assert.Equal((0L, 12L), ((long)row["floor"]!, (long)row["highest"]!));
        Assert.Empty(_cluster.Orders);
        row = Assert.Single(await _cluster.RunAsync("cluster epoch-floor", """{"epoch":40}"""));
        Assert.Equal([new ClusterCommand.RaiseEpochs(40)], _cluster.Orders);
        Assert.Equal((40L, 12L), ((long)row["floor"]!, (long)row["highest"]!));
    }
}
