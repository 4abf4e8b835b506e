using Broker.Actors.Tests.Nodes;
using Broker.Protocol;
using Broker.Protocol.Links;
using Broker.Transport;
using Broker.Transport.Tests;

namespace Broker.Actors.Tests.Links;

/// <summary>Who is not taken for a node of the cluster, and what it is told.</summary>
public sealed class LinkRefusalTests
{
    [Fact]
    public Task A_node_of_another_cluster_is_refused() =>
        RefusedAsync("node-2", LinkWorld.GreetingOf("node-2") with { Cluster = "other" }, ErrorCode.InvalidArgument, "'other'");

    [Fact]
    public Task Another_version_is_refused() =>
        RefusedAsync("node-2", LinkWorld.GreetingOf("node-2") with { Version = 2 }, ErrorCode.UnsupportedVersion, "version");

    [Fact]
    public Task A_name_that_is_not_the_certificates_is_refused() => RefusedAsync("node-2", LinkWorld.GreetingOf("node-3"), ErrorCode.AccessRefused, "'node-3'");

    [Fact]
    public Task A_node_with_the_own_name_is_refused() => RefusedAsync("node-1", LinkWorld.GreetingOf("node-1"), ErrorCode.InvalidArgument, "name of this node");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_certificate_without_the_node_role_is_refused(bool isAdmin)
    {
        await using var world = new LinkWorld();
        await world.ListenAsync("node-1");
        var connection = await world.ConnectRawAsync("node-1", isAdmin ? TestCertificates.AdminClient : TestCertificates.Client);
        await ClosedAsync(world, connection, ErrorCode.AccessRefused, "no node role");
    }

    [Fact]
    public async Task The_role_of_a_node_does_not_make_an_administrator()
    {
        await using var world = new LinkWorld();
        await world.ListenAsync("node-1");
        var connection = await world.ConnectRawAsync("node-1", LinkCertificates.Dialler("node-2"), "broker/1");
        var control = new WireStream(await connection.OpenStreamAsync());
        await control.SendAsync(w => StreamHeader.Write(w, StreamKind.Control), new HelloFrame { ClientName = "test" }.Write);
        var admin = new WireStream(await connection.OpenStreamAsync());
        await admin.SendAsync(w => StreamHeader.Write(w, StreamKind.Admin));
        world.Run();
        await control.ExpectAsync(FrameType.Welcome);
        Assert.Equal(ErrorCode.AccessRefused, (await admin.ExpectErrorAsync()).Code);
    }

    [Fact]
    public async Task A_node_that_says_nothing_is_refused_after_a_while()
    {
        await using var world = new LinkWorld();
        await world.ListenAsync("node-1");
        var connection = await world.ConnectRawAsync("node-1", LinkCertificates.Dialler("node-2"));
        world.Run();
        world.Advance(TimeSpan.FromSeconds(9.9));
        Assert.False(connection.Closed.IsCompleted);
        world.Advance(TimeSpan.FromSeconds(0.1));
        await ClosedAsync(world, connection, ErrorCode.HandshakeTimeout, "LINK_HELLO");
    }

    [Theory]
    [InlineData("05 01 01", ErrorCode.ProtocolViolation)] // LINK_PING before LINK_HELLO
    [InlineData("10 01 00", ErrorCode.ProtocolViolation)] // SHARD_OPEN on the control stream
    [InlineData("3f 00", ErrorCode.UnknownFrame)]
    [InlineData("01 5001", ErrorCode.FrameTooLarge)]
    [InlineData("01 01 01", ErrorCode.ProtocolViolation)]
    public async Task What_is_wrong_on_the_control_stream_ends_the_link(string hex, ErrorCode code)
    {
        await using var world = new LinkWorld();
        await world.ListenAsync("node-1");
        var connection = await world.ConnectRawAsync("node-1", LinkCertificates.Dialler("node-2"));
        await new WireStream(await connection.OpenStreamAsync()).SendHexAsync(hex);
        await ClosedAsync(world, connection, code, "");
    }

    [Fact]
    public async Task A_ping_that_does_not_count_up_ends_the_link()
    {
        await using var world = new LinkWorld();
        await world.ListenAsync("node-1");
        var (connection, control) = await world.DialRawAsync("node-1", "node-2");
        await control.SendAsync(new LinkPingFrame(7).Write);
        world.Run();
        Assert.True(LinkPongFrame.TryRead(await control.ExpectAsync((FrameType)LinkFrameType.Pong), out var pong, out _));
        Assert.Equal(7UL, pong.Number);
        await control.SendAsync(new LinkPingFrame(7).Write);
        await ClosedAsync(world, connection, ErrorCode.ProtocolViolation, "LINK_PING 7");
    }

    [Fact]
    public async Task A_shard_before_the_welcome_ends_the_link()
    {
        await using var world = new LinkWorld();
        await world.ListenAsync("node-1");
        var connection = await world.ConnectRawAsync("node-1", LinkCertificates.Dialler("node-2"));
        await new WireStream(await connection.OpenStreamAsync()).SendHexAsync("01");
        await new WireStream(await connection.OpenStreamAsync()).SendAsync(new ShardOpenFrame(1).Write);
        await ClosedAsync(world, connection, ErrorCode.ProtocolViolation, "before LINK_WELCOME");
    }

    [Fact]
    public Task A_node_of_another_cluster_that_answers_is_left() =>
        LeftAsync("node-2", LinkWorld.GreetingOf("node-2") with { Cluster = "other" }, ErrorCode.InvalidArgument);

    [Fact]
    public Task Another_node_that_answers_is_left() => LeftAsync("node-3", LinkWorld.GreetingOf("node-3"), ErrorCode.InvalidArgument);

    [Fact]
    public Task A_node_that_answers_under_the_name_of_another_is_left() => LeftAsync("node-3", LinkWorld.GreetingOf("node-2"), ErrorCode.AccessRefused);

    [Fact]
    public Task A_node_that_answers_in_another_version_is_left() => LeftAsync("node-2", LinkWorld.GreetingOf("node-2") with { Version = 9 }, ErrorCode.UnsupportedVersion);

    [Fact]
    public async Task Who_answers_without_the_node_role_is_left()
    {
        await using var world = new LinkWorld();
        var listener = await world.ListenRawAsync("node-2", TestCertificates.Server);
        var status = (await world.ListenAsync("node-1")).Dial("node-2", LinkWorld.EndPointOf("node-2")).Status;
        world.Run();
        var connection = (await listener.AcceptConnectionAsync())!;
        await ClosedAsync(world, connection, ErrorCode.AccessRefused, "'server' has no node role");
        Assert.Contains("no node role", status.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_dialler_is_told_why_it_was_refused()
    {
        await using var world = new LinkWorld();
        await world.ListenAsync("node-2", cluster: "other");
        var (link, status) = (await world.ListenAsync("node-1")).Dial("node-2", LinkWorld.EndPointOf("node-2"));
        var watcher = new LinkWatcher(world.System, link);
        world.Run();
        Assert.Equal("InvalidArgument: node 'node-1' is of cluster 'broker'; this is cluster 'other'", status.Problem);
        Assert.Empty(watcher.Take());
    }

    private static async Task RefusedAsync(string certificate, LinkGreeting hello, ErrorCode code, string reason)
    {
        await using var world = new LinkWorld();
        await world.ListenAsync("node-1");
        var connection = await world.ConnectRawAsync("node-1", LinkCertificates.Dialler(certificate));
        var control = new WireStream(await connection.OpenStreamAsync());
        await control.SendAsync(new LinkHelloFrame(hello).Write);
        await ClosedAsync(world, connection, code, reason);
    }

    private static async Task LeftAsync(string certificate, LinkGreeting welcome, ErrorCode code)
    {
        await using var world = new LinkWorld();
        var listener = await world.ListenRawAsync("node-2", LinkCertificates.Listener(certificate));
        var (link, status) = (await world.ListenAsync("node-1")).Dial("node-2", LinkWorld.EndPointOf("node-2"));
        var watcher = new LinkWatcher(world.System, link);
        var (connection, control, _) = await world.AcceptRawAsync(listener);
        await control.SendAsync(new LinkWelcomeFrame(welcome).Write);
        await ClosedAsync(world, connection, code, "");
        Assert.StartsWith($"{code}: ", status.Problem, StringComparison.Ordinal);
        Assert.Empty(watcher.Take());
    }

    private static async Task ClosedAsync(LinkWorld world, IQuicConnection connection, ErrorCode code, string reason)
    {
        world.Run();
        var end = await connection.Closed.WaitAsync(WireConnection.Timeout);
        Assert.Equal((QuicError.ConnectionAborted, code), (end.Error, (ErrorCode)end.ErrorCode!));
        Assert.NotEmpty(end.Reason);
        Assert.Contains(reason, end.Reason, StringComparison.Ordinal);
    }
}
