using Broker.Actors.Queues;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Tests.Nodes;
using Broker.Actors.Tests.Runtime;
using Broker.Actors.Topology;
using Broker.Coordination;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Tests.Topology;

/// <summary>What one node of a cluster declares, all have; what several do at once comes to the same at all.</summary>
public sealed class SharedTopologyTests
{
    private static readonly FrameFault s_nobodyServes = new(ErrorCode.Unavailable, "nobody serves it");

    [Fact]
    public async Task What_one_node_declares_every_node_has_and_one_that_comes_later_too()
    {
        await using var cluster = await TopologyCluster.StartAsync(3);
        await cluster.A.DoAsync(Exchange("logs"));
        Assert.Equal("q", (await cluster.B.DoAsync(Queue("q"))).Name);
        await cluster.A.DoAsync(Bind("logs", "q", "k"));
        await cluster.Nodes[2].DoAsync(Queue("t", durable: false));
        Assert.Equal(["q"], cluster.A.Route("logs", "k"));
        await cluster.AddAsync();
        var id = (await cluster.Store.ReadAsync(TopologyKeys.OfQueue("q"))).Values.Single().CreateRevision;
        Assert.StartsWith($"logs:Direct:True q:True:{id} t:False:", await cluster.AgreeAsync(), StringComparison.Ordinal);
        await cluster.Nodes[3].DoAsync(new TopologyRequest.DeleteExchange("logs", IfUnused: false));
        await cluster.Nodes[2].DoAsync(new TopologyRequest.DeleteQueue("q", false, false));
        Assert.StartsWith("t:False:", await cluster.AgreeAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Same_declaration_at_all_nodes_at_once_is_done_once()
    {
        await using var cluster = await TopologyCluster.StartAsync(3);
        for (var i = 0; i < 50; i++)
        {
            var name = $"n{i}";
            var replies = await Task.WhenAll(cluster.Nodes.SelectMany(n => new[] { n.AskAsync(Queue(name)), n.AskAsync(Exchange(name)), n.AskAsync(Queue("")) }));
            Assert.All(replies, r => Assert.Null(r.Fault));
            Assert.Equal(4, replies.Select(r => r.Name).Where(n => n.Length > 0).Distinct().Count());
            replies = await Task.WhenAll(cluster.Nodes.Select(n => n.AskAsync(Bind(name, name))));
            Assert.All(replies, r => Assert.Null(r.Fault));
        }

        await cluster.AgreeAsync();
    }

    [Fact]
    public async Task Of_different_declarations_at_once_one_wins()
    {
        await using var cluster = await TopologyCluster.StartAsync(2);
        for (var i = 0; i < 50; i++)
        {
            var name = $"n{i}";
            var queues = await Task.WhenAll(cluster.A.AskAsync(Queue(name)), cluster.B.AskAsync(Queue(name, durable: false)));
            Assert.Equal([ErrorCode.PreconditionFailed], queues.Where(r => r.Fault is not null).Select(r => r.Fault!.Value.Code));
            var exchanges = await Task.WhenAll(cluster.A.AskAsync(Exchange(name, "fanout")), cluster.B.AskAsync(Exchange(name)));
            Assert.Equal([ErrorCode.PreconditionFailed], exchanges.Where(r => r.Fault is not null).Select(r => r.Fault!.Value.Code));
        }

        await cluster.AgreeAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Binding_and_removal_of_its_end_at_once_leave_no_binding_without_an_end(bool removesQueue)
    {
        await using var cluster = await TopologyCluster.StartAsync(2);
        TopologyRequest removal = removesQueue ? new TopologyRequest.DeleteQueue("q", false, false) : new TopologyRequest.DeleteExchange("x", false);
        for (var i = 0; i < 50; i++)
        {
            await cluster.A.DoAsync(Exchange("x"));
            await cluster.A.DoAsync(Queue("q"));
            var bind = cluster.A.AskAsync(Bind("x", "q"));
            await cluster.B.DoAsync(removal);
            var bound = await bind;
            Assert.True(bound.Fault is null or { Code: ErrorCode.NotFound }, $"{bound.Fault}");
            Assert.DoesNotContain("->", await cluster.AgreeAsync(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Binding_of_another_node_is_not_hidden_by_a_later_one_of_this_node(bool removesQueue)
    {
        await using var cluster = await TopologyCluster.StartAsync(2);
        await cluster.A.DoAsync(Exchange("x"));
        await cluster.A.DoAsync(Queue("q"));
        await cluster.AgreeAsync();
        cluster.B.Metadata.HoldWatches();
        await cluster.A.DoAsync(Bind("x", "q", "of another"));
        await cluster.B.DoAsync(Bind("x", "q", "of its own"));
        var removal = cluster.B.AskAsync(removesQueue ? new TopologyRequest.DeleteQueue("q", false, false) : new TopologyRequest.DeleteExchange("x", false));
        await ConflictAsync(cluster.B);
        cluster.B.Metadata.ReleaseWatches();
        Assert.Null((await removal).Fault);
        Assert.DoesNotContain("->", await cluster.AgreeAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Exchange_that_was_just_bound_elsewhere_is_not_deleted_as_unused()
    {
        await using var cluster = await TopologyCluster.StartAsync(2);
        await cluster.A.DoAsync(Exchange("x"));
        await cluster.A.DoAsync(Queue("q"));
        await cluster.AgreeAsync();
        cluster.B.Metadata.HoldWatches();
        await cluster.A.DoAsync(Bind("x", "q"));
        var deletion = cluster.B.AskAsync(new TopologyRequest.DeleteExchange("x", IfUnused: true));
        await ConflictAsync(cluster.B);
        Assert.False(deletion.IsCompleted);
        cluster.B.Metadata.ReleaseWatches();
        Assert.Equal(ErrorCode.PreconditionFailed, (await deletion).Fault?.Code);

        await cluster.AgreeAsync();
        cluster.B.Metadata.HoldWatches();
        await cluster.A.DoAsync(new TopologyRequest.Unbind(new Binding("x", "q", "")));
        deletion = cluster.B.AskAsync(new TopologyRequest.DeleteExchange("x", IfUnused: true));
        await ConflictAsync(cluster.B, 2); // it is not refused for a binding that is gone
        cluster.B.Metadata.ReleaseWatches();
        Assert.Null((await deletion).Fault);
        await cluster.AgreeAsync();
    }

    [Fact]
    public async Task Node_that_has_not_heard_of_a_change_answers_nothing_that_contradicts_it()
    {
        await using var cluster = await TopologyCluster.StartAsync(2);
        await cluster.A.DoAsync(Queue("gone"));
        await cluster.AgreeAsync();
        cluster.B.Metadata.HoldWatches();
        await cluster.A.DoAsync(Queue("new"));
        await cluster.A.DoAsync(Exchange("x"));
        await cluster.A.DoAsync(new TopologyRequest.DeleteQueue("gone", false, false));
        var asked = new[]
        {
            cluster.B.AskAsync(Queue("new", passive: true)), cluster.B.AskAsync(Bind("x", "new")), cluster.B.AskAsync(Queue("gone")), cluster.B.AskAsync(Exchange("x", "fanout")),
        };
        await ConflictAsync(cluster.B, 3); // one waits for another that touches the same
        Assert.All(asked, a => Assert.False(a.IsCompleted));
        cluster.B.Metadata.ReleaseWatches();
        Assert.Equal([null, null, null, ErrorCode.PreconditionFailed], (await Task.WhenAll(asked)).Select(a => a.Fault?.Code));
        Assert.Contains("x-->new", await cluster.AgreeAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Node_that_stays_behind_refuses_after_a_while()
    {
        var time = new ManualTimeProvider();
        await using var cluster = await TopologyCluster.StartAsync(1);
        var behind = await cluster.AddAsync(time);
        behind.Metadata.HoldWatches();
        await cluster.A.DoAsync(Queue("q"));
        var asked = behind.AskAsync(Queue("q"));
        await ConflictAsync(behind);
        await WireAdmin.UntilAsync(() => Task.FromResult(time.ActiveTimers), timers => timers > 0, "the conflict to be handled");
        time.Advance(TimeSpan.FromSeconds(9));
        await behind.ListAsync();
        Assert.False(asked.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(ErrorCode.Unavailable, (await asked).Fault?.Code);
        behind.Metadata.ReleaseWatches();
        await behind.DoAsync(Queue("q"));
    }

    [Fact]
    public async Task What_a_node_has_committed_comes_back_by_the_watch_without_an_effect()
    {
        await using var cluster = await TopologyCluster.StartAsync(1);
        await cluster.A.DoAsync(Queue("q"));
        await cluster.A.DoAsync(Queue("q"));
        await cluster.A.DoAsync(new TopologyRequest.DeleteQueue("q", false, false));
        cluster.A.Metadata.HoldWatches();
        await cluster.A.DoAsync(Queue("q"));
        cluster.A.Metadata.ReleaseWatches();
        await cluster.A.DoAsync(Queue("last"));
        await cluster.AgreeAsync();
        Assert.Equal("Start0 Start Start Delete Forget Start0 Start", string.Join(' ', cluster.A.Queues.Told.Where(t => t.Queue == "q").Select(t => t.Message switch
        {
            QueueMessage.Start { OperationId: 0 } => "Start0",
            var m => m.GetType().Name,
        })));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Node_whose_watch_has_ended_reads_what_it_has_missed(bool isCompacted)
    {
        await using var cluster = await TopologyCluster.StartAsync(2);
        foreach (var name in new[] { "stays", "goes", "again" })
        {
            await cluster.A.DoAsync(Exchange(name));
            await cluster.A.DoAsync(Queue(name));
            await cluster.A.DoAsync(Bind(name, name));
        }

        await cluster.AgreeAsync();
        cluster.B.Metadata.HoldWatches();
        foreach (var name in new[] { "goes", "again" })
        {
            await cluster.A.DoAsync(new TopologyRequest.DeleteExchange(name, false));
            await cluster.A.DoAsync(new TopologyRequest.DeleteQueue(name, false, false));
        }

        await cluster.A.DoAsync(Queue("again", durable: false));
        await cluster.A.DoAsync(Exchange("again", "fanout"));
        await cluster.A.DoAsync(Bind("stays", "again"));
        cluster.B.Metadata.BreakWatches(isCompacted ? new MetadataCompactedException("long ago", 1) : new MetadataUnavailableException("broken"));
        cluster.B.Metadata.ReleaseWatches();
        var agreed = await cluster.AgreeAsync();
        Assert.Equal(1, cluster.B.Metadata.Reads);
        Assert.DoesNotContain("again-->again", agreed, StringComparison.Ordinal);
        await cluster.A.DoAsync(Queue("watched"));
        await cluster.AgreeAsync();
    }

    [Theory]
    [InlineData(0, "")]
    [InlineData(0, "Unavailable")]
    [InlineData(11, "")]
    public async Task Queue_that_nobody_serves_is_declared_all_the_same(int seconds, string answer)
    {
        var time = new ManualTimeProvider();
        await using var cluster = await TopologyCluster.StartAsync(1, time);
        cluster.A.Queues.Messages = 7;
        cluster.A.Queues.Refusal = answer.Length > 0 ? s_nobodyServes : null;
        cluster.A.Queues.IsSilent = seconds > 0;
        var declaration = cluster.A.AskAsync(Queue("q"));
        if (seconds > 0)
        {
            await WireAdmin.UntilAsync(() => Task.FromResult(cluster.A.Queues.Told.Count), told => told == 2, "the queue to be asked");
            await cluster.A.ListAsync();
            Assert.False(declaration.IsCompleted);
            time.Advance(TimeSpan.FromSeconds(seconds));
        }

        var reply = await declaration;
        Assert.Equal((null, "q", seconds == 0 && answer.Length == 0 ? 7 : 0), (reply.Fault, reply.Name, reply.Messages));
        await cluster.AgreeAsync();
    }

    [Fact]
    public async Task Queue_that_does_not_end_stays_declared()
    {
        var time = new ManualTimeProvider();
        await using var cluster = await TopologyCluster.StartAsync(1, time);
        await cluster.A.DoAsync(Queue("q"));
        cluster.A.Queues.Refusal = new FrameFault(ErrorCode.PreconditionFailed, "it is used");
        await cluster.A.RefusedAsync(ErrorCode.PreconditionFailed, new TopologyRequest.DeleteQueue("q", true, false));
        cluster.A.Queues.Refusal = null;
        cluster.A.Queues.IsSilent = true;
        var deletion = cluster.A.AskAsync(new TopologyRequest.DeleteQueue("q", false, false));
        await WireAdmin.UntilAsync(() => Task.FromResult(cluster.A.Queues.Told.Count), told => told == 4, "the queue to be asked");
        await cluster.A.ListAsync();
        time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(ErrorCode.Unavailable, (await deletion).Fault?.Code);
        cluster.A.Queues.IsSilent = false;
        await WireAdmin.UntilAsync(() => Task.FromResult(cluster.A.Queues.Told[^1].Message), m => m is QueueMessage.Start, "the queue to begin anew, should it end after all");
        cluster.A.Queues.Messages = 3;
        Assert.Equal(3, (await cluster.A.DoAsync(new TopologyRequest.DeleteQueue("q", false, false))).Messages);
        Assert.Equal("", await cluster.AgreeAsync());
    }

    [Fact]
    public async Task Queues_of_a_shard_are_started_again_when_asked_for()
    {
        await using var cluster = await TopologyCluster.StartAsync(1);
        var names = Enumerable.Range(0, 50).Select(i => $"q{i}").ToList();
        foreach (var name in names)
        {
            await cluster.A.DoAsync(Queue(name));
        }

        var before = cluster.A.Queues.Told.Count;
        var shard = StableHash.ShardOf("q7", cluster.A.Services.Options.ShardCount);
        cluster.A.Services.Topology.Tell(new TopologyMessage.StartQueues(shard));
        await cluster.A.DoAsync(Queue("last"));
        var told = cluster.A.Queues.Told.Skip(before).Where(t => t.Queue != "last").ToList();
        Assert.All(told, t => Assert.Equal(0, Assert.IsType<QueueMessage.Start>(t.Message).OperationId));
        var expected = names.Where(n => StableHash.ShardOf(n, cluster.A.Services.Options.ShardCount) == shard).Order(StringComparer.Ordinal);
        Assert.Equal(expected, told.Select(t => t.Queue));
        Assert.NotEmpty(told);
    }

    [Fact]
    public async Task What_a_newer_version_has_declared_is_left_alone()
    {
        await using var cluster = await TopologyCluster.StartAsync(1);
        var key = TopologyKeys.OfExchange("x");
        var newer = """{"type":"telepathic","durable":true}"""u8.ToArray();
        await cluster.Store.CommitAsync(new MetadataTransaction { Operations = [MetadataOperation.Put(TopologyKeys.Prefix + "other", newer)] });
        await cluster.A.DoAsync(Queue("q"));
        cluster.A.Metadata.HoldWatches();
        await cluster.A.DoAsync(Exchange("y"));
        await cluster.Store.CommitAsync(new MetadataTransaction { Operations = [MetadataOperation.Put(key + "2", newer)] });
        cluster.A.Metadata.ReleaseWatches();
        foreach (var request in new TopologyRequest[] { Exchange("x2"), Bind("x2", "q"), new TopologyRequest.DeleteExchange("x2", false) })
        {
            await cluster.A.RefusedAsync(ErrorCode.Unavailable, request);
        }

        Assert.Contains(cluster.A.Notices, n => n.Contains("telepathic", StringComparison.Ordinal));
        Assert.Equal(newer, (await cluster.Store.ReadAsync(key + "2")).Values.Single().Value.ToArray());
        await cluster.A.DoAsync(Bind("y", "q"));
    }

    internal static TopologyRequest.DeclareExchange Exchange(string name, string type = "direct", bool passive = false) => new(name, type, Durable: true, passive);

    internal static TopologyRequest.DeclareQueue Queue(string name, bool durable = true, bool passive = false) => new(name, durable, passive);

    internal static TopologyRequest.Bind Bind(string exchange, string queue, string key = "") => new(new Binding(exchange, queue, key));

    private static Task<int> ConflictAsync(TopologyNode node, int count = 1) =>
        WireAdmin.UntilAsync(() => Task.FromResult(node.Metadata.Conflicts), c => c >= count, $"{count} decision(s) to be found out of date");
}
