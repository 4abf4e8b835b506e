using Broker.Actors.Links;
using Broker.Actors.Tests.Nodes;
using Broker.Machines.Cluster;
using Broker.Protocol;
using Broker.Protocol.Links;
using Broker.Transport;

namespace Broker.Actors.Tests.Links;

/// <summary>The network says that nothing listens at a node's address: a reason to ask, and none to believe it.</summary>
public sealed class LinkUnreachableTests
{
    [Fact]
    public async Task A_node_that_does_not_answer_after_the_report_is_gone_within_two_pings()
    {
        await using var world = new LinkWorld();
        var (watcher, connection, control) = await UpAsync(world);
        world.Advance(TimeSpan.FromSeconds(0.07));
        world.Network.ReportUnreachable(LinkWorld.EndPointOf("node-2"));
        world.Run();
        await ExpectPingAsync(control, 2); // at once

        world.Advance(TimeSpan.FromSeconds(0.09));
        Assert.Empty(watcher.Take());
        world.Advance(TimeSpan.FromSeconds(0.01));
        var down = new LinkDown(new NodeLife("node-2", 22), ErrorCode.Unavailable, "the network says that nothing listens there, and no sign of life within 0.1 s", IsGone: true);
        Assert.Equal([down], watcher.Take());
        Assert.Equal((long)ErrorCode.Unavailable, (await connection.Closed.WaitAsync(WireConnection.Timeout)).ErrorCode);
    }

    [Fact]
    public async Task A_node_that_answers_after_the_report_stays()
    {
        await using var world = new LinkWorld();
        var (watcher, _, control) = await UpAsync(world);
        world.Network.ReportUnreachable(LinkWorld.EndPointOf("node-2"));
        world.Run();
        world.Advance(TimeSpan.FromSeconds(0.09));
        await control.SendAsync(new LinkPongFrame(1).Write);
        world.Run();

        world.Network.ReportUnreachable(LinkWorld.EndPointOf("node-2")); // it is said once, however often somebody says so
        world.Advance(TimeSpan.FromSeconds(0.41));
        Assert.Empty(watcher.Take());
        world.Advance(TimeSpan.FromSeconds(0.1));
        Assert.False(Assert.IsType<LinkDown>(Assert.Single(watcher.Take())).IsGone); // silent for half a second since
    }

    [Fact]
    public async Task A_report_before_the_welcome_changes_nothing()
    {
        await using var world = new LinkWorld();
        var listener = await world.ListenRawAsync("node-2");
        var one = await world.ListenAsync("node-1");
        var (link, _) = one.Dial("node-2", LinkWorld.EndPointOf("node-2"));
        var watcher = new LinkWatcher(world.System, link);
        var (_, control, _) = await world.AcceptRawAsync(listener);
        world.Network.ReportUnreachable(LinkWorld.EndPointOf("node-2"));
        world.Advance(TimeSpan.FromSeconds(0.3));

        await control.SendAsync(new LinkWelcomeFrame(LinkWorld.GreetingOf("node-2", 22)).Write);
        world.Advance(TimeSpan.FromSeconds(0.3));
        Assert.IsType<LinkUp>(Assert.Single(watcher.Take()));
    }

    private static async Task<(LinkWatcher Watcher, IQuicConnection Connection, WireStream Control)> UpAsync(LinkWorld world)
    {
        var listener = await world.ListenRawAsync("node-2");
        var one = await world.ListenAsync("node-1");
        var (link, _) = one.Dial("node-2", LinkWorld.EndPointOf("node-2"));
        var watcher = new LinkWatcher(world.System, link);
        var (connection, control, _) = await world.AcceptRawAsync(listener);
        await control.SendAsync(new LinkWelcomeFrame(LinkWorld.GreetingOf("node-2", 22)).Write);
        world.Run();
        Assert.IsType<LinkUp>(Assert.Single(watcher.Take()));
        return (watcher, connection, control);
    }

    private static async Task ExpectPingAsync(WireStream control, ulong number)
    {
        LinkPingFrame ping;
        do
        {
            Assert.True(LinkPingFrame.TryRead(await control.ExpectAsync((FrameType)LinkFrameType.Ping), out ping, out _));
        }
        while (ping.Number < number);
        Assert.Equal(number, ping.Number);
    }
}
