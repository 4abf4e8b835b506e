using Broker.Client.Tests.Scripted;
using Broker.Protocol;
using Broker.Transport.InMemory;

namespace Broker.Client.Tests.Recovery;

/// <summary>Consumers and publishers that want to be at a queue's leader: the client's own node says where that is, and serves them whenever they cannot be there.</summary>
public sealed class PreferLeaderTests : IAsyncLifetime
{
    private const string NoAnswer = "no answer";
    private static readonly ConsumerOptions s_consumer = new() { PreferLeader = true };
    private static readonly PublisherOptions s_publisher = new() { LeaderOf = "orders" };
    private readonly InMemoryTransport _transport = new();
    private ScriptedBroker _own = null!;
    private ScriptedBroker _leader = null!;
    private ScriptedBroker _other = null!;
    private PeerStream? _consumer;
    private volatile string _answer = NoAnswer; // where the own node says that the leader is; empty: here
    private volatile int _questions;

    public async ValueTask InitializeAsync()
    {
        _own = await ScriptedBroker.StartAsync(_transport);
        _leader = await ScriptedBroker.StartAsync(_transport);
        _other = await ScriptedBroker.StartAsync(_transport);
        _answer = AddressOf(_leader);
    }

    public ValueTask DisposeAsync() => _transport.DisposeAsync();

    [Fact]
    public async Task Consumers_and_publishers_share_one_connection_to_the_leader()
    {
        await using var client = await ConnectAsync();
        await using var consumer = await SubscribeAtLeaderAsync(client);
        var second = client.SubscribeAsync("orders", s_consumer);
        await _leader.AcceptConsumerAsync();
        await using var secondConsumer = await Within.TimeAsync(second, "the second subscription");
        var creating = client.CreatePublisherAsync(s_publisher);
        var stream = await _leader.AcceptPublisherAsync();
        await using var publisher = await Within.TimeAsync(creating, "the publisher");
        await publisher.PublishAsync("", "orders", default);
        await stream.ReadPublishesAsync(1);
        await stream.ConfirmAsync(new SequenceRange(1, 1));
        await Within.TimeAsync(publisher.FlushAsync(), "the confirm");
        Assert.Equal((1, 1), (_own.Connections, _leader.Connections));
        Assert.Equal(("node-1", "tests", "/"), (client.NodeId, _leader.Hello.ClientName, _leader.Hello.Vhost));
    }

    [Fact]
    public async Task Own_node_that_leads_serves_and_nothing_is_asked_for_others()
    {
        await using var client = await ConnectAsync();
        var plain = client.SubscribeAsync("orders");
        await _own.AcceptConsumerAsync();
        await using var plainConsumer = await Within.TimeAsync(plain, "the subscription");
        Assert.Equal(0, _questions);
        _answer = "";
        var subscribe = client.SubscribeAsync("orders", s_consumer);
        await _own.AcceptConsumerAsync();
        await using var consumer = await Within.TimeAsync(subscribe, "the subscription");
        Assert.Equal((1, 0), (_questions, _leader.Connections));
    }

    [Theory]
    [InlineData("127.0.0.1:1")]
    [InlineData("no address at all")]
    [InlineData("host.invalid:7400")]
    [InlineData(NoAnswer)]
    public async Task Leader_that_cannot_be_reached_fails_nobody(string address)
    {
        _answer = address;
        await using var client = await ConnectAsync();
        var subscribe = client.SubscribeAsync("orders", s_consumer);
        await _own.AcceptConsumerAsync();
        await using var consumer = await Within.TimeAsync(subscribe, "the subscription");
        var creating = client.CreatePublisherAsync(s_publisher);
        await _own.AcceptPublisherAsync();
        await using var publisher = await Within.TimeAsync(creating, "the publisher");
    }

    [Fact]
    public async Task Once_the_leader_can_be_reached_everybody_moves_there_in_order()
    {
        await using var client = await ConnectAsync();
        _answer = "127.0.0.1:1";
        var creating = client.CreatePublisherAsync(s_publisher);
        var stream = await _own.AcceptPublisherAsync();
        await using var publisher = await Within.TimeAsync(creating, "the publisher");
        for (var i = 0; i < 2; i++)
        {
            await publisher.PublishAsync("", "orders", default);
        }

        _answer = AddressOf(_leader);
        await _leader.AcceptAsync(); // after a look a second later
        Assert.Equal([1, 2], await stream.ReadPublishesAsync(2));
        Assert.Null(await stream.TryReadAsync());
        await publisher.PublishAsync("", "orders", default);
        await stream.ConfirmAsync(new SequenceRange(1, 2));
        await stream.EndAsync();
        var atLeader = await _leader.AcceptPublisherAsync();
        Assert.Equal([3], await atLeader.ReadPublishesAsync(1));
        await atLeader.ConfirmAsync(new SequenceRange(3, 3));
        await Within.TimeAsync(publisher.FlushAsync(), "the confirms");
    }

    [Fact]
    public async Task Refusal_of_the_leader_is_asked_about_at_the_own_node()
    {
        await using var client = await ConnectAsync();
        var subscribe = client.SubscribeAsync("mine", s_consumer);
        await _leader.AcceptAsync();
        var refused = await _leader.AcceptAsync(StreamKind.Consume);
        await refused.FailAsync(ErrorCode.ResourceLocked, "another connection has it");
        await _own.AcceptConsumerAsync();
        await using var consumer = await Within.TimeAsync(subscribe, "the subscription");

        var other = client.SubscribeAsync("orders", s_consumer);
        await (await _leader.AcceptAsync(StreamKind.Consume)).FailAsync(ErrorCode.AccessRefused, "no");
        await (await _own.AcceptAsync(StreamKind.Consume)).FailAsync(ErrorCode.AccessRefused, "no");
        Assert.Equal(ErrorCode.AccessRefused, (await Assert.ThrowsAsync<BrokerStreamException>(() => Within.TimeAsync(other, "the refusal"))).ErrorCode);
    }

    [Fact]
    public async Task Loss_of_the_leader_sends_what_has_no_outcome_to_the_next_one()
    {
        await using var client = await ConnectAsync();
        var publisher = await PublishAtLeaderAsync(client);
        await _leader.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "gone");
        var atOwn = await _own.AcceptPublisherAsync();
        Assert.Equal([2], await atOwn.ReadPublishesAsync(1));
        _answer = AddressOf(_other); // the own node had not noticed yet
        await _other.AcceptAsync();
        Assert.Null(await atOwn.TryReadAsync());
        await atOwn.FailAsync(ErrorCode.Unavailable, "the leader is away");
        var atOther = await _other.AcceptPublisherAsync();
        Assert.Equal([2], await atOther.ReadPublishesAsync(1));
        await atOther.ConfirmAsync(new SequenceRange(2, 2));
        await Within.TimeAsync(publisher.FlushAsync(), "the confirm");
        Assert.Equal(1, _leader.Connections);
    }

    [Fact]
    public async Task Silent_leader_is_left_when_the_own_node_answers()
    {
        await using var client = await ConnectAsync();
        var publisher = await PublishAtLeaderAsync(client);
        var question = await _own.AcceptAsync(StreamKind.Echo);
        await question.Quic.Output.WriteAsync("?"u8.ToArray());
        await question.EndAsync();
        Assert.Equal(ErrorCode.NoError, (await _leader.ClosedByClientAsync()).Code);
        var atOwn = await _own.AcceptPublisherAsync();
        Assert.Equal([2], await atOwn.ReadPublishesAsync(1));
        await atOwn.ConfirmAsync(new SequenceRange(2, 2));
        await Within.TimeAsync(publisher.FlushAsync(), "the confirm");
        Assert.Equal(ClientState.Connected, client.State);
    }

    [Fact]
    public async Task Leader_that_goes_away_finishes_what_it_has()
    {
        await using var client = await ConnectAsync();
        await using var consumer = await SubscribeAtLeaderAsync(client);
        var stream = _consumer!;
        var read = consumer.ReadBatchAsync().AsTask();
        _answer = AddressOf(_other);
        await _leader.Control.SendAsync(new GoAwayFrame(ErrorCode.ShuttingDown, "restart").Write);
        Assert.Equal(FrameType.Cancel, (await stream.ReadAsync()).Type);
        await stream.DeliverAsync(1, "a");
        await stream.SendAsync(new CancelledFrame(ErrorCode.NoError, "").Write);
        using var batch = await Within.TimeAsync(read, "what was on its way");
        read = consumer.ReadBatchAsync().AsTask();
        await _other.AcceptAsync();
        await (await _other.AcceptConsumerAsync()).DeliverAsync(1, "b");
        using var next = await Within.TimeAsync(read, "a message of the next leader");
        await batch!.AckAllAsync();
        Assert.Equal("Ack 1-1", (await ReadSettleAsync(stream)).AsSettle());
    }

    [Fact]
    public async Task Connections_to_leaders_end_with_the_client()
    {
        var client = await ConnectAsync();
        var consumer = await SubscribeAtLeaderAsync(client);
        await Within.TimeAsync(client.DisposeAsync().AsTask(), "the client's end");
        Assert.Equal(ErrorCode.NoError, (await _leader.ClosedByClientAsync()).Code);
        await consumer.DisposeAsync();
    }

    private static async Task<PeerFrame> ReadSettleAsync(PeerStream stream)
    {
        var frame = await stream.ReadAsync();
        return frame.Type == FrameType.Credit ? await stream.ReadAsync() : frame;
    }

    private static async Task<PeerStream> AcceptPublisherAsync(ScriptedBroker broker)
    {
        await broker.AcceptAsync();
        return await broker.AcceptPublisherAsync();
    }

    private async Task<Consumer> SubscribeAtLeaderAsync(BrokerClient client)
    {
        var subscribe = client.SubscribeAsync("orders", s_consumer);
        await _leader.AcceptAsync();
        _consumer = await _leader.AcceptConsumerAsync();
        return await Within.TimeAsync(subscribe, "the subscription");
    }

    /// <summary>A publisher at the leader, which has confirmed its first message and not its second.</summary>
    private async Task<Publisher> PublishAtLeaderAsync(BrokerClient client)
    {
        var creating = client.CreatePublisherAsync(s_publisher);
        var stream = await AcceptPublisherAsync(_leader);
        var publisher = await Within.TimeAsync(creating, "the publisher");
        await publisher.PublishAsync("", "orders", default);
        await stream.ReadPublishesAsync(1);
        await stream.ConfirmAsync(new SequenceRange(1, 1));
        await Within.TimeAsync(publisher.FlushAsync(), "the first confirm");
        await publisher.PublishAsync("", "orders", default);
        await stream.ReadPublishesAsync(1);
        return publisher;
    }

    private static string AddressOf(ScriptedBroker broker) => broker.Options.Endpoints[0].ToString();

    /// <summary>Answers each question of the client for a queue's leader.</summary>
    private async Task AnswerAsync()
    {
        try
        {
            var requests = await _own.WaitForAsync(StreamKind.Request);
            while (await requests.WaitAsync() is { } frame)
            {
                var asked = frame.As<DeclareQueueFrame>(FrameType.DeclareQueue, DeclareQueueFrame.TryRead);
                _questions++;
                await (_answer == NoAnswer || !asked.Flags.HasFlag(DeclareQueueFlags.Passive)
                    ? requests.SendAsync(new RequestErrorFrame(asked.RequestId, ErrorCode.Unavailable, "the leader is away").Write)
                    : requests.SendAsync(new QueueOkFrame(asked.RequestId, asked.Name, 0, 0, _answer).Write));
            }
        }
        catch (IOException)
        {
            // The test is over.
        }
    }

    private async Task<BrokerClient> ConnectAsync()
    {
        var connecting = BrokerClient.ConnectAsync(_own.RecoveringOptions with { SuspicionTime = TimeSpan.FromMilliseconds(100), CloseTimeout = TimeSpan.FromMilliseconds(100) });
        await _own.AcceptAsync();
        _ = AnswerAsync();
        return await Within.TimeAsync(connecting, "the client to connect");
    }
}
