using Broker.Actors.Access;
using Broker.Actors.Policies;
using Broker.Actors.Runtime;
using Broker.Actors.Tests.Nodes;
using Broker.Actors.Tests.Topology;
using Broker.Actors.Topology;
using Broker.Coordination;
using Broker.Machines.Access;
using Broker.Machines.Policies;
using Broker.Machines.Queues;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Tests.Access;

/// <summary>What is said at one node of a cluster is so at all.</summary>
public sealed class AccessFollowerTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Permissions_and_policies_of_one_node_are_in_force_at_the_others(bool isBroken)
    {
        await using var cluster = await TopologyCluster.StartAsync(2);
        Follow(cluster.B);
        await cluster.A.Services.Access.SetAsync(Permit("first"), default);
        await UntilAsync(cluster.B, b => b.Access.PermissionsOf("first", "/") is not null, "the first permission");
        if (isBroken)
        {
            cluster.B.Metadata.HoldWatches();
        }

        await cluster.A.Services.Access.SetAsync(Permit("u"), default);
        await cluster.A.Services.Policies.SetAsync(MakePolicy("p"), default);
        await cluster.A.Services.Access.ClearAsync(AccessKeys.OfPermissions("first", "/"), default);
        if (isBroken)
        {
            cluster.B.Metadata.BreakWatches(new MetadataCompactedException("long ago", 1));
            cluster.B.Metadata.ReleaseWatches();
        }

        await UntilAsync(cluster.B, b => b.Access.PermissionsOf("u", "/") == Permit("u") && b.Access.PermissionsOf("first", "/") is null, "what changed");
        await UntilAsync(cluster.B, b => b.Policies.For("q", QueueKind.Queue).Name == "p", "the policy");
        Assert.Null(cluster.B.Services.Access.Rules.Of("u", "/").ReadQueue("q"));
        await cluster.A.Services.Policies.ClearAsync("/", "p", isOperator: false, default);
        await UntilAsync(cluster.B, b => b.Policies.For("q", QueueKind.Queue).Name.Length == 0, "its end");
    }

    [Fact]
    public async Task Vhost_that_one_node_makes_and_deletes_comes_and_goes_at_the_others()
    {
        await using var cluster = await TopologyCluster.StartAsync(2);
        await cluster.A.DoAsync(new TopologyRequest.AddVhost(new VhostDefinition("shop")));
        await UntilAsync(cluster.B, b => b.Vhosts.Check("shop") is null, "the vhost");
        await cluster.B.DoAsync(new TopologyRequest.DeclareQueue(EntityName.Of("shop", "q"), Durable: true, Passive: false));
        Assert.Null(await VhostRemoval.RunAsync(cluster.A.Services.Topology, "shop", WireConnection.Timeout, default));
        await UntilAsync(cluster.B, b => b.Vhosts.Check("shop") is not null && !b.Queues.Queues.Any(), "its end");
    }

    [Fact]
    public async Task Limit_of_queues_holds_at_every_node()
    {
        await using var cluster = await TopologyCluster.StartAsync(2);
        Follow(cluster.B);
        await cluster.A.Services.Access.SetAsync(new VhostLimits("/", null, 2), default);
        await UntilAsync(cluster.B, b => b.Access.LimitsOfVhost("/") is not null, "the limit");
        await cluster.A.DoAsync(Queue("a"));
        await cluster.B.DoAsync(Queue("b"));
        await cluster.AgreeAsync();
        await cluster.A.RefusedAsync(ErrorCode.PreconditionFailed, Queue("c"));
        await cluster.B.RefusedAsync(ErrorCode.PreconditionFailed, Queue(""));
        await cluster.B.DoAsync(Queue("a"));
    }

    [Fact]
    public async Task Requests_under_way_count_too()
    {
        await using var cluster = await TopologyCluster.StartAsync(1);
        await cluster.A.Services.Access.SetAsync(new VhostLimits("/", null, 3), default);
        var replies = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => cluster.A.AskAsync(Queue($"q{i}"))));
        Assert.Equal(3, replies.Count(r => r.Fault is null));
        Assert.Equal(3, (await cluster.A.ListAsync()).Queues.Count);
    }

    [Fact]
    public async Task What_cannot_be_read_allows_nothing_and_older_news_has_no_effect()
    {
        await using var cluster = await TopologyCluster.StartAsync(1);
        var access = cluster.A.Services.Access;
        await access.SetAsync(Permit("u"), default);
        var before = await cluster.Store.ReadAsync(AccessKeys.Prefix);
        await access.ClearAsync(AccessKeys.OfPermissions("u", "/"), default);
        var version = access.Version;
        access.Apply(new MetadataChange(before.Revision, before.Values, []));
        Assert.Equal((null, version), (access.PermissionsOf("u", "/"), access.Version));
        var revision = (await cluster.Store.ReadAsync("")).Revision + 1;
        Assert.Null(access.Rules.Of("u", "/").ReadQueue("q")); // by default
        access.Apply(new MetadataChange(revision, [new MetadataValue(AccessKeys.OfPermissions("u", "/"), "of a newer version"u8.ToArray(), revision, revision, 0)], []));
        Assert.Equal(ErrorCode.AccessRefused, access.Rules.Of("u", "/").ReadQueue("q")?.Code);
        Assert.Contains(cluster.A.Notices, n => n.Contains("cannot be read", StringComparison.Ordinal));
        access.Merge(new MetadataSnapshot(revision + 1, []));
        Assert.Null(access.Rules.Of("u", "/").ReadQueue("q"));
    }

    [Fact]
    public async Task Policy_that_cannot_be_read_is_none_and_a_node_by_itself_does_not_start_with_it()
    {
        await using var cluster = await TopologyCluster.StartAsync(1);
        var policies = cluster.A.Services.Policies;
        await policies.SetAsync(MakePolicy("p"), default);
        var stored = Assert.Single((await cluster.Store.ReadAsync(PolicyDirectory.Prefix)).Values);
        var unknown = """{"pattern":"","applyTo":"all","priority":0,"definition":{"of-tomorrow":1}}"""u8.ToArray();
        await cluster.Store.CommitAsync(new MetadataTransaction { Operations = [MetadataOperation.Put(stored.Key, unknown)] });
        var failure = await Assert.ThrowsAsync<InvalidDataException>(() => policies.LoadAsync(default));
        Assert.Contains("'of-tomorrow' is unknown", failure.Message, StringComparison.Ordinal);
        policies.Merge(await cluster.Store.ReadAsync(PolicyDirectory.Prefix));
        Assert.Equal("", policies.For("q", QueueKind.Queue).Name);
        Assert.Contains(cluster.A.Notices, n => n.Contains("of-tomorrow", StringComparison.Ordinal));
    }

    private static TopologyRequest.DeclareQueue Queue(string name) => new(name, Durable: true, Passive: false);

    private static Permissions Permit(string user) => new(user, "/", NamePattern.All, NamePattern.All, NamePattern.All);

    private static Policy MakePolicy(string name)
    {
        Assert.True(PolicyDefinition.TryParse(FieldTable.Of(("max-length", 1)), isOperator: false, out var definition, out _));
        return new Policy { Vhost = "/", Name = name, Pattern = NamePattern.All, ApplyTo = "all", Definition = definition };
    }

    private static void Follow(TopologyNode node)
    {
        var services = node.Services;
        var metadata = node.Metadata;
        node.System.ActorOf(Props.Create(() => new RecordFollower(metadata, AccessKeys.Prefix, services.Access.Merge, services.Access.Apply)), "access");
        node.System.ActorOf(Props.Create(() => new RecordFollower(metadata, PolicyDirectory.Prefix, services.Policies.Merge, services.Policies.Apply)), "policies");
    }

    private static Task<bool> UntilAsync(TopologyNode node, Func<Server.NodeServices, bool> condition, string what) =>
        WireAdmin.UntilAsync(() => Task.FromResult(condition(node.Services)), done => done, $"{node.Services.Options.NodeId} to hear of {what}");
}
