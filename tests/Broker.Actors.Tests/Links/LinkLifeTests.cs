using Broker.Actors.Links;
using Broker.Actors.Tests.Nodes;
using Broker.Machines.Cluster;
using Broker.Protocol;
using Broker.Protocol.Links;
using Broker.Transport;

namespace Broker.Actors.Tests.Links;

public sealed class LinkLifeTests
{
    private static readonly TimeSpan s_longestBackoff = new NodeLinkOptions().MaxBackoff * 1.2;

    [Fact]
    public async Task Subscribers_hear_which_life_of_the_node_answers()
    {
        await using var world = new LinkWorld();
        var (watcher, link, _) = await DialAsync(world);
        await world.ListenAsync("node-2", 22);
        world.Advance(s_longestBackoff);
        var up = new LinkUp(new NodeLife("node-2", 22), LinkNode.StoreOf("node-2"));
        Assert.Equal([up], watcher.Take());
        Assert.Equal([up], Take(world, new LinkWatcher(world.System, link)));
    }

    [Fact]
    public async Task A_node_that_falls_silent_is_suspected_after_half_a_second()
    {
        await using var world = new LinkWorld();
        var (watcher, _, listener) = await DialRawAsync(world);
        var (connection, control, _) = await world.AcceptRawAsync(listener);
        await control.SendAsync(new LinkWelcomeFrame(LinkWorld.GreetingOf("node-2", 22)).Write);
        world.Run();
        Assert.IsType<LinkUp>(Assert.Single(watcher.Take()));

        world.Advance(TimeSpan.FromSeconds(0.45));
        Assert.Empty(watcher.Take());
        world.Advance(TimeSpan.FromSeconds(0.05));
        var down = Assert.IsType<LinkDown>(Assert.Single(watcher.Take()));
        Assert.Equal(new LinkDown(new NodeLife("node-2", 22), ErrorCode.Unavailable, "no sign of life within 0.5 s"), down);
        Assert.Equal((long)ErrorCode.Unavailable, (await connection.Closed.WaitAsync(WireConnection.Timeout)).ErrorCode);
        await world.AcceptRawAsync(listener, TimeSpan.FromSeconds(1)); // it is dialled again
    }

    [Fact]
    public async Task A_node_that_answers_is_not_suspected()
    {
        await using var world = new LinkWorld();
        var (watcher, _, listener) = await DialRawAsync(world);
        var (_, control, _) = await world.AcceptRawAsync(listener);
        await control.SendAsync(new LinkWelcomeFrame(LinkWorld.GreetingOf("node-2")).Write);
        world.Run();
        for (var answers = 0; answers < 10; answers++)
        {
            world.Advance(TimeSpan.FromSeconds(0.45));
            var ping = default(LinkPingFrame);
            for (var pings = 0; pings < 9; pings++)
            {
                Assert.True(LinkPingFrame.TryRead(await control.ExpectAsync((FrameType)LinkFrameType.Ping), out ping, out _));
            }

            await control.SendAsync(new LinkPongFrame(ping.Number).Write); // for all of them
        }

        world.Run();
        Assert.IsType<LinkUp>(Assert.Single(watcher.Take()));
    }

    [Fact]
    public async Task A_node_that_answers_what_was_not_asked_is_left()
    {
        await using var world = new LinkWorld();
        var (watcher, _, listener) = await DialRawAsync(world);
        var (_, control, _) = await world.AcceptRawAsync(listener);
        await control.SendAsync(new LinkWelcomeFrame(LinkWorld.GreetingOf("node-2")).Write, new LinkPongFrame(1).Write);
        world.Run();
        Assert.Equal(ErrorCode.ProtocolViolation, Assert.IsType<LinkDown>(watcher.Take()[1]).Code);
    }

    [Fact]
    public async Task A_node_that_accepts_and_says_nothing_is_given_up_after_half_a_second_and_dialled_again()
    {
        await using var world = new LinkWorld();
        var (watcher, _, listener) = await DialRawAsync(world);
        var (first, _, _) = await world.AcceptRawAsync(listener);
        world.Advance(TimeSpan.FromSeconds(0.45));
        Assert.False(first.Closed.IsCompleted);
        world.Advance(TimeSpan.FromSeconds(0.05));
        var end = await first.Closed.WaitAsync(WireConnection.Timeout);
        Assert.Equal(((long)ErrorCode.Unavailable, "no LINK_WELCOME within 0.5 s"), (end.ErrorCode, end.Reason));
        await world.AcceptRawAsync(listener, TimeSpan.FromSeconds(1));
        Assert.Empty(watcher.Take()); // it never was up
    }

    [Fact]
    public async Task A_lost_connection_is_told_once_and_dialled_again()
    {
        await using var world = new LinkWorld();
        var (watcher, link, listener) = await DialRawAsync(world);
        var producer = new ShardProducer(world.System, link, 1, int.MaxValue);
        for (var round = 1; round <= 3; round++)
        {
            var (connection, control, _) = await world.AcceptRawAsync(listener, s_longestBackoff);
            await control.SendAsync(new LinkWelcomeFrame(LinkWorld.GreetingOf("node-2", round)).Write);
            world.Run();
            Assert.Equal(round, Assert.IsType<LinkUp>(Assert.Single(watcher.Take())).Life.Incarnation);
            await connection.CloseAsync((long)ErrorCode.ShuttingDown, "the node is stopping");
            world.Run();
            Assert.Equal([new LinkDown(new NodeLife("node-2", round), ErrorCode.ShuttingDown, "the node is stopping")], watcher.Take());
            Assert.Equal(round, producer.Closed.Count);
            Assert.Equal(ErrorCode.Unavailable, producer.Closed[^1].Code);
        }
    }

    [Fact]
    public async Task A_node_that_resets_its_control_stream_is_dialled_again()
    {
        await using var world = new LinkWorld();
        var (watcher, _, listener) = await DialRawAsync(world);
        var (_, control, _) = await world.AcceptRawAsync(listener);
        await control.SendAsync(new LinkWelcomeFrame(LinkWorld.GreetingOf("node-2")).Write);
        world.Run();
        control.Abandon();
        world.Run();
        Assert.Equal([typeof(LinkUp), typeof(LinkDown)], watcher.Take().Select(m => m.GetType()));
        await world.AcceptRawAsync(listener, s_longestBackoff);
    }

    [Fact]
    public async Task A_restarted_node_is_another_life()
    {
        await using var world = new LinkWorld();
        var (watcher, link, _) = await DialAsync(world);
        var first = await world.ListenAsync("node-2", 22);
        var producer = new ShardProducer(world.System, link, 1, 1_000_000);
        var before = new ShardConsumer(world.System, first, 1, 0, holds: true);
        world.Advance(s_longestBackoff);
        Assert.NotEqual(0, before.Received);
        await first.StopAsync();
        world.Advance(TimeSpan.FromSeconds(10)); // attempts that fail are no further end of the link
        var second = await world.ListenAsync("node-2", 23);
        var after = new ShardConsumer(world.System, second, 1, 0, holds: true);
        world.Advance(s_longestBackoff);
        Assert.Equal([22L, 22L, 23L], watcher.Take().Select(m => m is LinkUp up ? up.Life.Incarnation : ((LinkDown)m).Life.Incarnation));
        Assert.Equal(ErrorCode.Unavailable, Assert.Single(producer.Closed).Code);
        Assert.True(after.Received > before.Received, "what was on its way is lost, and the next life gets what comes after it");
    }

    [Fact]
    public async Task Attempts_become_rarer_and_never_end()
    {
        await using var world = new LinkWorld();
        var (_, _, listener) = await DialRawAsync(world);
        var attempts = 0;
        var refusing = RefuseAllAsync();
        world.Advance(TimeSpan.FromSeconds(1)); // waits of 50, 100, 200 and 400 ms, and at most a fifth more
        Assert.InRange(attempts, 4, 5);
        world.Advance(TimeSpan.FromSeconds(10));
        var before = attempts;
        world.Advance(TimeSpan.FromMinutes(4)); // waits of 2.0 to 2.4 s
        Assert.InRange(attempts - before, 100, 120);
        await world.Transport.DisposeAsync();
        await refusing;

        async Task RefuseAllAsync()
        {
            while (await listener.AcceptConnectionAsync() is { } connection)
            {
                attempts++;
                await connection.CloseAsync((long)ErrorCode.ShuttingDown, "not now");
            }
        }
    }

    [Fact]
    public async Task A_node_that_has_moved_is_dialled_where_it_is()
    {
        await using var world = new LinkWorld();
        var (watcher, link, _) = await DialAsync(world);
        world.Run();
        await LinkNode.ListenAsync(world.System, world.Transport, "node-2", 22, LinkWorld.EndPointOf("node-9"));
        link.Tell(new LinkMessage.Moved(LinkWorld.EndPointOf("node-9")));
        world.Advance(s_longestBackoff);
        Assert.IsType<LinkUp>(Assert.Single(watcher.Take()));
    }

    [Fact]
    public async Task A_node_that_dials_again_is_welcome_when_its_old_link_has_ended()
    {
        await using var world = new LinkWorld();
        var one = await world.ListenAsync("node-1");
        var consumer = new ShardConsumer(world.System, one, 1, 1);
        var (old, _) = await world.DialRawAsync("node-1", "node-2");
        await new WireStream(await old.OpenStreamAsync()).SendAsync(new ShardOpenFrame(1).Write, w => ShardMessageFrame.Write(w, [0, 0, 0, 1]));
        world.Run();
        Assert.Equal(1, consumer.Received);

        var (connection, _) = await world.DialRawAsync("node-1", "node-2", incarnation: 2);
        var end = await old.Closed.WaitAsync(WireConnection.Timeout);
        Assert.Equal((long)ErrorCode.ResourceLocked, end.ErrorCode);
        await new WireStream(await connection.OpenStreamAsync()).SendAsync(new ShardOpenFrame(1).Write, w => ShardMessageFrame.Write(w, [0, 0, 0, 2]));
        world.Run();
        Assert.Equal([new NodeLife("node-2", 1), new NodeLife("node-2", 2)], consumer.From);
        Assert.Equal(1, one.Services.Connections.Count);
    }

    [Fact]
    public async Task A_stopped_link_leaves_nothing_running()
    {
        await using var world = new LinkWorld();
        var (watcher, link, _) = await DialAsync(world);
        var two = await world.ListenAsync("node-2", 22);
        var consumer = new ShardConsumer(world.System, two, 1, 10, holds: true);
        var producer = new ShardProducer(world.System, link, 1, 100_000);
        world.Advance(s_longestBackoff);
        Assert.NotEqual(0, consumer.Received);
        world.System.Stop(link);
        world.Run();
        Assert.Equal([typeof(LinkUp), typeof(LinkDown)], watcher.Take().Select(m => m.GetType()));
        Assert.Equal(ErrorCode.Unavailable, Assert.Single(producer.Closed).Code);
        Assert.Null(world.System.GetHierarchy("/user/node-1-1-to-node-2"));
        Assert.Equal(0, two.Services.Connections.Count);
        Assert.Equal(0, two.Listener.Statistics.ConnectionsOpen);
        Assert.Equal(0, world.Actors.Time.ActiveTimers);
    }

    [Fact]
    public async Task A_link_that_is_stopped_between_attempts_leaves_no_timer()
    {
        await using var world = new LinkWorld();
        var (_, link, _) = await DialAsync(world);
        world.Run();
        Assert.Equal(1, world.Actors.Time.ActiveTimers);
        world.System.Stop(link);
        world.Run();
        Assert.Equal(0, world.Actors.Time.ActiveTimers);
    }

    [Fact]
    public async Task A_link_that_is_stopped_while_it_waits_for_the_welcome_closes_its_connection()
    {
        await using var world = new LinkWorld();
        var (_, link, listener) = await DialRawAsync(world);
        var (connection, _, _) = await world.AcceptRawAsync(listener);
        world.System.Stop(link);
        world.Run();
        Assert.Equal((long)ErrorCode.ShuttingDown, (await connection.Closed.WaitAsync(WireConnection.Timeout)).ErrorCode);
    }

    private static async Task<(LinkWatcher Watcher, Actors.Runtime.ActorRef Link, LinkNode One)> DialAsync(LinkWorld world)
    {
        var one = await world.ListenAsync("node-1");
        var (link, _) = one.Dial("node-2", LinkWorld.EndPointOf("node-2"));
        return (new LinkWatcher(world.System, link), link, one);
    }

    private static async Task<(LinkWatcher Watcher, Actors.Runtime.ActorRef Link, IQuicListener Listener)> DialRawAsync(LinkWorld world)
    {
        var listener = await world.ListenRawAsync("node-2");
        var (watcher, link, _) = await DialAsync(world);
        return (watcher, link, listener);
    }

    private static List<object> Take(LinkWorld world, LinkWatcher watcher)
    {
        world.Run();
        return watcher.Take();
    }
}
