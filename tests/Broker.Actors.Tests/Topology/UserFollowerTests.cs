using System.Net;
using Broker.Actors.Connections;
using Broker.Actors.Runtime;
using Broker.Actors.Tests.Nodes;
using Broker.Actors.Users;
using Broker.Coordination;
using Broker.Protocol;
using Broker.Transport;
using Broker.Transport.InMemory;
using Broker.Transport.Tests;

namespace Broker.Actors.Tests.Topology;

/// <summary>A user who is disabled at one node of a cluster is so at all.</summary>
public sealed class UserFollowerTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task User_disabled_at_one_node_is_refused_and_disconnected_at_the_others(bool isBroken)
    {
        await using var cluster = await TopologyCluster.StartAsync(2);
        await using var transport = new InMemoryTransport();
        await using var listener = await transport.ListenAsync(new QuicListenerOptions
        {
            EndPoint = new IPEndPoint(IPAddress.Loopback, 7400), Tls = TestCertificates.Server, ApplicationProtocols = ["broker/1"],
        });
        await using var client = new WireConnection(await transport.ConnectAsync(new QuicClientOptions
        {
            EndPoint = listener.LocalEndPoint, ServerName = "localhost", Tls = TestCertificates.Client, ApplicationProtocols = ["broker/1"],
        }));
        var accepted = await listener.AcceptConnectionAsync();
        cluster.B.Services.Connections.Add(new ConnectionStatus(accepted!, new PeerIdentity("client", PeerRoles.Client), ActorRef.NoSender, DateTimeOffset.UnixEpoch));
        Follow(cluster.B);
        Follow(cluster.A);
        await cluster.A.Services.Users.SetAsync("other", new UserRecord(Disabled: true, "first"), default);
        await UntilAsync(cluster.B, "other", isRefused: true);
        if (isBroken)
        {
            cluster.B.Metadata.HoldWatches();
        }

        await cluster.A.Services.Users.SetAsync("client", new UserRecord(Disabled: true, "left the company"), default);
        if (isBroken)
        {
            cluster.B.Metadata.BreakWatches(new MetadataCompactedException("long ago", 1));
            cluster.B.Metadata.ReleaseWatches();
        }

        var closed = await client.ClosedAsync();
        Assert.Equal((QuicError.ConnectionAborted, (long?)ErrorCode.AccessRefused), (closed.Error, closed.ErrorCode));
        Assert.Contains("left the company", closed.Reason, StringComparison.Ordinal);
        await cluster.B.Services.Users.SetAsync("client", new UserRecord(Disabled: false, ""), default);
        await UntilAsync(cluster.A, "client", isRefused: false);
        Assert.Null(cluster.B.Services.Users.RefusalOf("client"));
    }

    [Fact]
    public async Task Older_news_of_a_user_has_no_effect_and_what_cannot_be_read_keeps_the_user_out()
    {
        await using var cluster = await TopologyCluster.StartAsync(1);
        var users = cluster.A.Services.Users;
        await users.SetAsync("u", new UserRecord(Disabled: true, ""), default);
        var before = await cluster.Store.ReadAsync(UserDirectory.Prefix);
        await users.SetAsync("u", new UserRecord(Disabled: false, ""), default);
        Assert.Empty(users.Apply(new MetadataChange(before.Revision, before.Values, [])));
        Assert.Null(users.RefusalOf("u"));
        var revision = (await cluster.Store.ReadAsync("")).Revision + 1;
        Assert.Equal(["u"], users.Apply(new MetadataChange(revision, [new MetadataValue("users/u", "not json"u8.ToArray(), revision, revision, 0)], [])));
        Assert.NotNull(users.RefusalOf("u"));
        Assert.Equal(["u"], users.Merge(new MetadataSnapshot(revision + 1, [])));
        Assert.Null(users.RefusalOf("u"));
    }

    private static void Follow(TopologyNode node) => node.System.ActorOf(Props.Create(() => new UserFollower(node.Services, node.Metadata)), "users");

    private static Task<string?> UntilAsync(TopologyNode node, string user, bool isRefused) => WireAdmin.UntilAsync(
        () => Task.FromResult(node.Services.Users.RefusalOf(user)), refusal => refusal is not null == isRefused, $"{node.Services.Options.NodeId} to hear of {user}");
}
