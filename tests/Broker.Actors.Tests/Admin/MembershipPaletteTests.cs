using System.Text.Json.Nodes;
using Broker.Actors.Admin;
using Broker.Actors.Cluster;
using Broker.Actors.Links;
using Broker.Actors.Runtime;
using Broker.Machines.Cluster;
using Broker.Protocol;

namespace Broker.Actors.Tests.Admin;

/// <summary>What an operator asks of nodes, and hears of the cluster.</summary>
public sealed class MembershipPaletteTests : IAsyncDisposable
{
    private readonly StandInCluster _cluster = new();

    public MembershipPaletteTests()
    {
        _cluster.Add("a", isCoordinator: true);
        _cluster.Add("b");
        _cluster.Add("c", NodeState.Leaving, isThere: false);
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    [Theory]
    [InlineData("node drain", "b", nameof(NodeState.Draining))]
    [InlineData("node resume", "b", nameof(NodeState.Up))]
    [InlineData("cluster leave", "b", nameof(NodeState.Leaving))]
    [InlineData("cluster join", "c", nameof(NodeState.Up))]
    [InlineData("cluster down", "c", nameof(NodeState.Down))]
    public async Task A_state_is_asked_of_a_node(string command, string node, string state)
    {
        var was = _cluster.Members.Single(m => m.Name == node).State;
        var row = Assert.Single(await _cluster.RunAsync(command, $$"""{"node":"{{node}}"}"""));
        Assert.Equal([new ClusterCommand.SetState(node, Enum.Parse<NodeState>(state))], _cluster.Orders);
        Assert.Equal((node, state.ToLowerInvariant(), was.ToString().ToLowerInvariant()), ((string?)row["node"], (string?)row["state"], (string?)row["was"]));
    }

    [Theory]
    [InlineData("node drain")]
    [InlineData("node resume")]
    [InlineData("cluster leave")]
    [InlineData("cluster join")]
    [InlineData("cluster down")]
    [InlineData("cluster forget")]
    public async Task A_node_that_nobody_knows_is_named_with_those_that_are_known(string command)
    {
        var message = await _cluster.RefusedAsync(ErrorCode.NotFound, command, """{"node":"d"}""");
        Assert.Contains("'d'; known: a, b, c.", message, StringComparison.Ordinal);
        Assert.Empty(_cluster.Orders);
    }

    [Fact]
    public async Task What_the_cluster_refuses_is_the_answer()
    {
        _cluster.Refusal = new FrameFault(ErrorCode.Unavailable, "etcd does not answer");
        Assert.Equal("etcd does not answer", await _cluster.RefusedAsync(ErrorCode.Unavailable, "node drain", """{"node":"b"}"""));
    }

    [Fact]
    public async Task A_node_that_is_there_is_taken_for_gone_only_by_force()
    {
        Assert.Contains("--force", await _cluster.RefusedAsync(ErrorCode.PreconditionFailed, "cluster down", """{"node":"b"}"""), StringComparison.Ordinal);
        Assert.Empty(_cluster.Orders);
        await _cluster.RunAsync("cluster down", """{"node":"b","force":true}""");
        Assert.Equal([new ClusterCommand.SetState("b", NodeState.Down)], _cluster.Orders);
    }

    [Fact]
    public async Task A_node_whose_link_is_down_may_be_taken_for_gone()
    {
        _cluster.Add("d", isSuspected: true);
        await _cluster.RunAsync("cluster down", """{"node":"d"}""");
        Assert.Single(_cluster.Orders);
    }

    [Fact]
    public async Task A_node_is_forgotten_by_name()
    {
        var row = Assert.Single(await _cluster.RunAsync("cluster forget", """{"node":"c"}"""));
        Assert.Equal([new ClusterCommand.Forget("c")], _cluster.Orders);
        Assert.Equal(("c", "forgotten"), ((string?)row["node"], (string?)row["state"]));
    }

    [Fact]
    public async Task Joining_without_a_name_says_with_what_a_further_node_joins()
    {
        var settings = (await _cluster.RunAsync("cluster join")).ToDictionary(r => (string)r["setting"]!, r => (string)r["value"]!);
        Assert.Equal(("test", "64", "3", "2"), (settings["BROKER_CLUSTER__NAME"], settings["BROKER_CLUSTER__SHARDS"], settings["BROKER_CLUSTER__REPLICAS"], settings["BROKER_CLUSTER__MININSYNC"]));
        Assert.Contains("BROKER_CLUSTER__ETCD", settings.Keys);
        Assert.Empty(_cluster.Orders);
    }

    [Theory]
    [InlineData("cluster tail")]
    [InlineData("cluster join")]
    [InlineData("cluster-sharding list")]
    [InlineData("shard show")]
    public async Task A_node_that_has_not_joined_says_so(string command)
    {
        await using var alone = new StandInCluster(hasJoined: false);
        Assert.Contains("not joined", await alone.RefusedAsync(ErrorCode.Unavailable, command), StringComparison.Ordinal);
    }

    [Fact]
    public void Members_are_shown_with_what_they_have_and_how_they_are_reached()
    {
        _cluster.Assign(0, "a", "a b", "a b c");
        _cluster.Assign(1, "b", "b", "b a c");
        _cluster.Cluster.Links.Add("b", ActorRef.NoSender, new LinkStatus("b") { Life = new NodeLife("b", 2) });
        _cluster.Cluster.Links.Add("c", ActorRef.NoSender, new LinkStatus("c") { Problem = "no answer" });
        var rows = _cluster.Members.Select(m => ClusterPalette.Member(_cluster.Cluster, m)).ToList();
        Assert.Equal(
            ["a up True up a.example:7400 1 2 1 ", "b up False up b.example:7400 1 2 2 up", "c gone False leaving  0 2 0 down: no answer"],
            rows.Select(r => $"{r["node"]} {r["status"]} {(bool)r["coordinator"]!} {r["state"]} {r["address"]} {r["leads"]} {r["replicas"]} {r["inSync"]} {r["link"]}"));
    }

    [Fact]
    public async Task Events_are_rows_until_the_client_has_enough()
    {
        using var enough = new CancellationTokenSource();
        await using var tail = _cluster.Rows("cluster tail", "", enough.Token).GetAsyncEnumerator(enough.Token);
        var next = tail.MoveNextAsync();
        var subscriber = await _cluster.Subscribed.Task.WaitAsync(TimeSpan.FromSeconds(30));
        subscriber.Tell(new ClusterReply.Event(DateTimeOffset.UnixEpoch, "elected", "shard 7", "b in epoch 3"));
        Assert.True(await next);
        Assert.Equal("""{"time":"1970-01-01T00:00:00.0000000Z","kind":"elected","subject":"shard 7","detail":"b in epoch 3"}""", tail.Current.ToJsonString());
        next = tail.MoveNextAsync();
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await next);
        Assert.True(await IsGoneAsync(subscriber), "nobody reads any more, and the subscriber is still there");
    }

    [Fact]
    public async Task Who_reads_too_slowly_is_told_how_many_events_are_missing()
    {
        await using var tail = _cluster.Rows("cluster tail", "", CancellationToken.None).GetAsyncEnumerator();
        var next = tail.MoveNextAsync();
        var subscriber = await _cluster.Subscribed.Task.WaitAsync(TimeSpan.FromSeconds(30));
        subscriber.Tell(new ClusterReply.Event(DateTimeOffset.UnixEpoch, "first", "", ""));
        Assert.True(await next);
        for (var i = 0; i < 1030; i++)
        {
            subscriber.Tell(new ClusterReply.Event(DateTimeOffset.UnixEpoch, "more", $"{i}", ""));
        }

        await HeardAsync(subscriber);
        var (kinds, subjects) = (new List<string>(), new List<string>());
        for (var i = 0; i < 1025; i++)
        {
            Assert.True(await tail.MoveNextAsync());
            kinds.Add((string)tail.Current["kind"]!);
            subjects.Add((string)tail.Current[kinds[^1] == "missed" ? "detail" : "subject"]!);
        }

        Assert.Equal(("missed", "6 events, read too slowly", "6", "1029"), (kinds[0], subjects[0], subjects[1], subjects[^1]));
    }

    [Fact]
    public async Task The_end_of_the_clusters_actor_ends_what_follows_it()
    {
        await using var tail = _cluster.Rows("cluster tail", "", CancellationToken.None).GetAsyncEnumerator();
        var next = tail.MoveNextAsync();
        await _cluster.Subscribed.Task.WaitAsync(TimeSpan.FromSeconds(30));
        _cluster.System.Stop(_cluster.Cluster.Cluster);
        var refusal = await Assert.ThrowsAsync<AdminException>(async () => await next);
        Assert.Equal(ErrorCode.Unavailable, refusal.Code);
    }

    // Asking is behind what was told before; the answer is that nobody answers.
    private static async Task HeardAsync(ActorRef actor) =>
        await Assert.ThrowsAsync<AskTimeoutException>(() => actor.AskAsync<object>(new JsonObject(), TimeSpan.FromMilliseconds(500)));

    private async Task<bool> IsGoneAsync(ActorRef actor)
    {
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _cluster.System.ActorOf(Props.Create(() => new Mourner(actor, gone)));
        await gone.Task.WaitAsync(TimeSpan.FromSeconds(30));
        return true;
    }

    private sealed class Mourner(ActorRef actor, TaskCompletionSource gone) : Actor
    {
        protected override void PreStart() => Context.Watch(actor);

        protected override void Receive(object message)
        {
            if (message is Terminated)
            {
                gone.SetResult();
            }
        }
    }
}
