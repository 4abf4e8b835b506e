using Broker.Actors.Links;
using Broker.Actors.Runtime;
using Broker.Actors.Tests.Nodes;
using Broker.Machines.Cluster;
using Broker.Protocol;
using Broker.Protocol.Links;

namespace Broker.Actors.Tests.Links;

public sealed class ShardStreamTests
{
    [Fact]
    public async Task Messages_of_a_shard_arrive_in_order_and_say_who_sent_them()
    {
        await using var world = new LinkWorld();
        var (link, two) = await LinkAsync(world);
        var consumers = Enumerable.Range(0, 3).Select(shard => new ShardConsumer(world.System, two, shard, 5000)).ToList();
        var producers = Enumerable.Range(0, 3).Select(shard => new ShardProducer(world.System, link, shard, 5000)).ToList();
        world.Run();
        Assert.All(consumers, consumer =>
        {
            Assert.Null(consumer.Disorder);
            Assert.Equal(5000, consumer.Received);
            Assert.Equal([new NodeLife("node-1", 11)], consumer.From);
        });
        Assert.All(producers, producer => Assert.Empty(producer.Closed));
    }

    [Fact]
    public async Task A_message_longer_than_every_window_arrives()
    {
        await using var world = new LinkWorld();
        var (link, two) = await LinkAsync(world);
        var consumer = new ShardConsumer(world.System, two, 1, 3);
        _ = new ShardProducer(world.System, link, 1, count: 3, size: 3 << 20);
        world.Run();
        Assert.Equal((3, 9L << 20, null), (consumer.Received, consumer.Bytes, consumer.Disorder));
    }

    [Fact]
    public async Task A_shard_that_nobody_takes_is_refused_and_the_link_stays()
    {
        await using var world = new LinkWorld();
        var (link, two) = await LinkAsync(world);
        var watcher = new LinkWatcher(world.System, link);
        var consumer = new ShardConsumer(world.System, two, 1, 100);
        var refused = new ShardProducer(world.System, link, 2, 100_000);
        var other = new ShardProducer(world.System, link, 1, 100);
        world.Run();
        var closed = Assert.Single(refused.Closed);
        Assert.Equal(new ShardClosed(2, ErrorCode.NotFound, "nobody takes messages of shard 2 here"), closed);
        Assert.Equal(100, consumer.Received);
        Assert.Empty(other.Closed);
        Assert.IsType<LinkUp>(Assert.Single(watcher.Take()));

        var late = new ShardConsumer(world.System, two, 2, 1);
        refused.Actor.Tell(ShardProducer.Open);
        world.Run();
        Assert.NotEqual(0, late.Received);
        Assert.Single(refused.Closed);
    }

    [Fact]
    public async Task A_shard_whose_receiver_does_not_take_stops_only_itself()
    {
        const int count = 20_000;
        const int size = 1000;
        await using var world = new LinkWorld();
        var (link, two) = await LinkAsync(world);
        var watcher = new LinkWatcher(world.System, link);
        var slow = new ShardConsumer(world.System, two, 1, count, holds: true);
        var quick = new ShardConsumer(world.System, two, 2, count);
        var held = new ShardProducer(world.System, link, 1, count, size);
        var other = new ShardProducer(world.System, link, 2, count, size);
        world.Run();

        // What is under way is bounded by rooms, QUIC's window and the transport's buffer, and by nothing else.
        var options = two.Options;
        const int frameAndCopy = 2;
        var bound = options.SendRoomBytes + options.ReceiveRoomBytes + ((256 << 10) * frameAndCopy) + (128 << 10) + (64 << 10);
        Assert.InRange(held.Sent, options.SendRoomBytes / (size + ShardCost.OverheadBytes), bound / size);
        Assert.InRange(slow.Received, 1, (options.ReceiveRoomBytes / (size + ShardCost.OverheadBytes)) + 1);
        Assert.Equal((count, count), (other.Sent, quick.Received));

        var sent = held.Sent;
        world.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(sent, held.Sent);
        Assert.IsType<LinkUp>(Assert.Single(watcher.Take()));

        slow.Actor.Tell(ShardConsumer.Go);
        world.Run();
        Assert.Equal((count, count, null), (held.Sent, slow.Received, slow.Disorder));
    }

    [Fact]
    public async Task A_shard_has_one_stream()
    {
        await using var world = new LinkWorld();
        var (link, two) = await LinkAsync(world);
        _ = new ShardConsumer(world.System, two, 1, 10);
        var first = new ShardProducer(world.System, link, 1, 10);
        world.Run();
        var second = new ShardProducer(world.System, link, 1, 10);
        world.Run();
        Assert.Empty(first.Closed);
        Assert.Equal(ErrorCode.ResourceLocked, Assert.Single(second.Closed).Code);
        Assert.Equal(0, second.Sent);
    }

    [Fact]
    public async Task A_second_stream_of_a_shard_is_refused_by_the_other_side_too()
    {
        await using var world = new LinkWorld();
        var one = await world.ListenAsync("node-1");
        _ = new ShardConsumer(world.System, one, 1, 1);
        var (connection, _) = await world.DialRawAsync("node-1", "node-2");
        await new WireStream(await connection.OpenStreamAsync()).SendAsync(new ShardOpenFrame(1).Write);
        var second = new WireStream(await connection.OpenStreamAsync());
        await second.SendAsync(new ShardOpenFrame(1).Write);
        world.Run();
        Assert.Contains("order", await second.ExpectFaultAsync(ErrorCode.ResourceLocked), StringComparison.Ordinal);
        Assert.False(connection.Closed.IsCompleted);
    }

    [Theory]
    [InlineData("11 01 00", ErrorCode.ProtocolViolation)] // SHARD_MESSAGE before SHARD_OPEN
    [InlineData("10 01 01 10 01 01", ErrorCode.ProtocolViolation)] // SHARD_OPEN twice
    [InlineData("10 01 01 05 01 01", ErrorCode.ProtocolViolation)] // LINK_PING on a shard's stream
    [InlineData("10 02 5000", ErrorCode.LimitExceeded)]
    [InlineData("10 01 01 3f 00", ErrorCode.UnknownFrame)]
    [InlineData("10 01 01 11 81000401", ErrorCode.FrameTooLarge)]
    public async Task What_is_wrong_on_a_shards_stream_ends_that_stream(string hex, ErrorCode code)
    {
        await using var world = new LinkWorld();
        var one = await world.ListenAsync("node-1");
        _ = new ShardConsumer(world.System, one, 1, 1);
        var (connection, _) = await world.DialRawAsync("node-1", "node-2");
        var stream = new WireStream(await connection.OpenStreamAsync());
        await stream.SendHexAsync(hex);
        world.Run();
        await stream.ExpectFaultAsync(code);
        Assert.False(connection.Closed.IsCompleted);
    }

    [Fact]
    public async Task A_stream_that_its_owner_closes_delivers_everything_and_can_be_opened_again()
    {
        await using var world = new LinkWorld();
        var (link, two) = await LinkAsync(world);
        var consumer = new ShardConsumer(world.System, two, 1, 4000);
        var producer = new ShardProducer(world.System, link, 1, 4000);
        world.Run();
        producer.Actor.Tell(ShardProducer.Close);
        world.Run();
        Assert.Equal(ErrorCode.NoError, Assert.Single(producer.Closed).Code);
        Assert.Equal((4000, null), (consumer.Received, consumer.Disorder));
        var next = new ShardProducer(world.System, link, 1, 1);
        world.Run();
        Assert.Equal((1, 0), (next.Sent, next.Closed.Count));
    }

    [Fact]
    public async Task A_stream_ends_with_its_owner()
    {
        await using var world = new LinkWorld();
        var (link, two) = await LinkAsync(world);
        _ = new ShardConsumer(world.System, two, 1, 10, holds: true);
        var producer = new ShardProducer(world.System, link, 1, 10_000);
        world.Run();
        world.System.Stop(producer.Actor);
        world.Run();
        var next = new ShardProducer(world.System, link, 1, 1);
        world.Run();
        Assert.Equal((1, 0), (next.Sent, next.Closed.Count));
    }

    [Fact]
    public async Task A_stream_ends_with_its_receiver()
    {
        await using var world = new LinkWorld();
        var (link, two) = await LinkAsync(world);
        var consumer = new ShardConsumer(world.System, two, 1, 10);
        var producer = new ShardProducer(world.System, link, 1, 10);
        world.Run();
        world.System.Stop(consumer.Actor);
        world.Run();
        Assert.Equal(new ShardClosed(1, ErrorCode.Unavailable, "the receiver of shard 1 has ended"), Assert.Single(producer.Closed));
    }

    [Fact]
    public async Task A_shard_cannot_be_opened_while_the_link_is_down()
    {
        await using var world = new LinkWorld();
        var one = await world.ListenAsync("node-1", 11);
        var (link, _) = one.Dial("node-2", LinkWorld.EndPointOf("node-2"));
        var producer = new ShardProducer(world.System, link, 1, 10);
        producer.Actor.Tell(ShardProducer.Open);
        world.Run();
        Assert.Equal(ErrorCode.Unavailable, Assert.Single(producer.Closed).Code);
    }

    [Fact]
    public async Task Nothing_longer_than_the_other_node_takes_is_sent()
    {
        await using var world = new LinkWorld();
        var one = await world.ListenAsync("node-1", 11);
        await world.ListenAsync("node-2", 22, options: new NodeLinkOptions { MaxFrameBytes = 2048 });
        var (link, _) = one.Dial("node-2", LinkWorld.EndPointOf("node-2"));
        var watcher = new LinkWatcher(world.System, link);
        world.Run();
        link.Tell(new LinkMessage.OpenShard(1, watcher.Actor));
        world.Run();
        var opened = watcher.Take().OfType<ShardOpened>().Single();
        Assert.Equal((2048, new NodeLife("node-2", 22)), (opened.Sender.MaxMessageBytes, opened.To));
        Assert.Throws<Machines.InvariantViolationException>(() => opened.Sender.TrySend(new byte[2049]));
    }

    private static async Task<(ActorRef Link, LinkNode Two)> LinkAsync(LinkWorld world)
    {
        var one = await world.ListenAsync("node-1", 11);
        var two = await world.ListenAsync("node-2", 22);
        return (one.Dial("node-2", two.EndPoint).Actor, two);
    }
}
