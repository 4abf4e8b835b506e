using System.Collections.Concurrent;
using Broker.Client.Tests.Scripted;
using Broker.Protocol;
using Broker.Transport.InMemory;

namespace Broker.Client.Tests.Recovery;

/// <summary>A node that owes an answer and says nothing: the client goes on at another one that answers, and only then.</summary>
public sealed class SilentNodeTests : IAsyncLifetime
{
    private readonly InMemoryTransport _transport = new();
    private readonly ConcurrentQueue<string> _events = new();
    private ScriptedBroker _first = null!;
    private ScriptedBroker _second = null!;

    public async ValueTask InitializeAsync() => (_first, _second) = (await ScriptedBroker.StartAsync(_transport), await ScriptedBroker.StartAsync(_transport));

    public ValueTask DisposeAsync() => _transport.DisposeAsync();

    [Fact]
    public async Task What_has_no_outcome_is_sent_to_another_node_under_the_same_numbers()
    {
        await using var client = await ConnectAsync();
        var (publisher, stream) = await OpenPublisherAsync(client);
        for (var i = 1; i <= 3; i++)
        {
            await publisher.PublishAsync("", "orders", new[] { (byte)('0' + i) });
        }

        await stream.ReadPublishesAsync(3);
        await stream.ConfirmAsync(new SequenceRange(1, 1));
        await _second.AcceptAsync(new WelcomeFrame { NodeId = "node-2" });
        Assert.Equal(ErrorCode.NoError, (await _first.ClosedByClientAsync()).Code);
        var again = await _second.AcceptPublisherAsync();
        Assert.Equal([2, 3], await again.ReadPublishesAsync(2));
        await again.ConfirmAsync(new SequenceRange(2, 3));
        await Within.TimeAsync(publisher.FlushAsync(), "the confirms");
        Assert.True(again.HasNoMore());
        Assert.Equal("node-2", client.NodeId);
        Assert.Equal([$"lost {_first.Options.Endpoints[0]} Unavailable False", $"recovered {_second.Options.Endpoints[0]} node-2"], _events);
    }

    [Fact]
    public async Task Node_that_is_heard_of_before_the_other_answers_keeps_its_client()
    {
        await using var client = await ConnectAsync();
        var (publisher, stream) = await OpenPublisherAsync(client);
        await publisher.PublishAsync("", "orders", default);
        await _second.AcceptHelloAsync();
        await stream.ReadPublishesAsync(1);
        await stream.ConfirmAsync(new SequenceRange(1, 1));
        await Within.TimeAsync(publisher.FlushAsync(), "the confirm");
        await Within.TimeAsync(_second.Connection.Closed, "the end of the other connection");
        Assert.Empty(_events);
        await publisher.PublishAsync("", "orders", default);
        Assert.Equal([2], await stream.ReadPublishesAsync(1));
    }

    [Fact]
    public async Task Node_that_takes_long_and_answers_questions_keeps_its_client()
    {
        await using var client = await ConnectAsync();
        var declare = client.DeclareQueueAsync("orders");
        var requests = await _first.AcceptAsync(StreamKind.Request);
        for (var i = 0; i < 3; i++)
        {
            var question = await _first.AcceptAsync(StreamKind.Echo);
            await question.Quic.Output.WriteAsync("?"u8.ToArray());
            await question.EndAsync();
        }

        await requests.SendAsync(new QueueOkFrame(1, "orders", 0, 0).Write);
        await Within.TimeAsync(declare, "the declaration");
        Assert.Empty(_events);
        Assert.Equal(0, _second.Connections);
    }

    [Fact]
    public async Task Without_another_node_that_answers_nothing_changes()
    {
        await using var client = await ConnectAsync(static options => options with { ConnectTimeout = TimeSpan.FromSeconds(2) });
        await _second.StopListeningAsync();
        var (publisher, stream) = await OpenPublisherAsync(client);
        await publisher.PublishAsync("", "orders", default);
        for (var i = 0; i < 2; i++)
        {
            await _first.AcceptAsync(StreamKind.Echo); // one question for each suspicion
        }

        await stream.ReadPublishesAsync(1);
        await stream.ConfirmAsync(new SequenceRange(1, 1));
        await Within.TimeAsync(publisher.FlushAsync(), "the confirm");
        Assert.Empty(_events);
    }

    [Fact]
    public async Task Who_has_a_single_address_or_wants_none_of_it_waits_for_the_idle_timeout()
    {
        await using var third = await ScriptedBroker.StartAsync(_transport);
        await using var alone = await ConnectAsync(options => options with { Endpoints = third.Options.Endpoints }, third);
        await using var fourth = await ScriptedBroker.StartAsync(_transport);
        await using var never = await ConnectAsync(
            options => options with { Endpoints = [fourth.Options.Endpoints[0], third.Options.Endpoints[0]], SuspicionTime = Timeout.InfiniteTimeSpan }, fourth);
        await using var other = await ConnectAsync();
        Task[] declarations = [alone.DeclareQueueAsync("orders"), never.DeclareQueueAsync("orders"), other.DeclareQueueAsync("orders")];
        await _second.AcceptAsync(); // by which time the others would have asked
        await (await _second.AcceptAsync(StreamKind.Request)).SendAsync(new QueueOkFrame(1, "orders", 0, 0).Write);
        await Within.TimeAsync(declarations[2], "the declaration of the client that may go elsewhere");
        Assert.True(third.HasNoStream(StreamKind.Echo));
        Assert.True(fourth.HasNoStream(StreamKind.Echo));
        Assert.Equal((1, 1), (third.Connections, fourth.Connections));
        await Task.WhenAll(alone.DisposeAsync().AsTask(), never.DisposeAsync().AsTask());
        await Task.WhenAll(declarations.Select(static declaration => Assert.ThrowsAnyAsync<Exception>(() => declaration)).Take(2));
    }

    [Fact]
    public void Name_is_tried_again_as_it_may_stand_for_several_nodes()
    {
        Assert.Equal([new BrokerEndpoint("broker", 1), new BrokerEndpoint("broker", 1), new BrokerEndpoint("broker", 1)], Others("broker:1"));
        Assert.Equal([new BrokerEndpoint("b", 2), new BrokerEndpoint("broker", 1)], Others("broker:1", "b:2"));
        Assert.Equal([new BrokerEndpoint("b", 2)], Others("10.0.0.1:1", "b:2"));
        Assert.Empty(Others("10.0.0.1:1"));

        static IReadOnlyList<BrokerEndpoint> Others(params string[] endpoints)
        {
            BrokerEndpoint[] parsed = [.. endpoints.Select(BrokerEndpoint.Parse)];
            return Client.Connections.OtherNodes.Of(new BrokerClientOptions { Endpoints = parsed }, parsed[0]);
        }
    }

    [Fact]
    public async Task Consumer_goes_on_and_its_exclusive_queue_is_declared_again_once_the_cluster_has_let_go_of_it()
    {
        await using var client = await ConnectAsync();
        var declare = client.DeclareQueueAsync("mine", new QueueOptions { Exclusive = true });
        var requests = await _first.AcceptAsync(StreamKind.Request);
        await requests.SendAsync(new QueueOkFrame(1, "mine", 0, 0).Write);
        await Within.TimeAsync(declare, "the declaration");
        var subscribe = client.SubscribeAsync("mine", new ConsumerOptions { ConfirmSettles = true });
        var stream = await _first.AcceptConsumerAsync();
        await using var consumer = await Within.TimeAsync(subscribe, "the subscription");
        await stream.DeliverAsync(1, "a");
        using var batch = await Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), "a message");
        var settled = batch!.AckAllAsync().AsTask(); // which is what the node owes
        var read = consumer.ReadBatchAsync().AsTask();

        await _second.AcceptAsync();
        var restored = await _second.AcceptAsync(StreamKind.Request);
        for (var id = 1ul; id <= 3; id++)
        {
            Assert.Equal("mine", (await restored.ReadAsync<DeclareQueueFrame>(FrameType.DeclareQueue, DeclareQueueFrame.TryRead)).Name);
            await (id < 3
                ? restored.SendAsync(new RequestErrorFrame(id, ErrorCode.ResourceLocked, "the old connection has it").Write)
                : restored.SendAsync(new QueueOkFrame(id, "mine", 0, 0).Write));
        }

        Assert.Null(await restored.TryReadAsync());
        await restored.EndAsync();
        var again = await _second.AcceptConsumerAsync();
        await again.DeliverAsync(1, "a", DeliverFlags.Redelivered);
        await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(settled, "the settlement to fail"));
        using var redelivered = await Within.TimeAsync(read, "the message again");
        Assert.True(redelivered![0].Redelivered);
    }

    private async Task<BrokerClient> ConnectAsync(Func<BrokerClientOptions, BrokerClientOptions>? change = null, ScriptedBroker? at = null)
    {
        var options = _first.RecoveringOptions with
        {
            Endpoints = [_first.Options.Endpoints[0], _second.Options.Endpoints[0]],
            KeepEndpointOrder = true,
            SuspicionTime = TimeSpan.FromMilliseconds(100),
            CloseTimeout = TimeSpan.FromMilliseconds(100),
            OnConnectionLost = lost => _events.Enqueue($"lost {lost.Endpoint} {lost.Reason.ErrorCode} {lost.IsGoingAway}"),
            OnConnectionRecovered = recovered => _events.Enqueue($"recovered {recovered.Endpoint} {recovered.NodeId}"),
        };
        var connecting = BrokerClient.ConnectAsync(change?.Invoke(options) ?? options);
        await (at ?? _first).AcceptAsync();
        return await Within.TimeAsync(connecting, "the client to connect");
    }

    private async Task<(Publisher Publisher, PeerStream Stream)> OpenPublisherAsync(BrokerClient client)
    {
        var creating = client.CreatePublisherAsync();
        var stream = await _first.AcceptPublisherAsync();
        return (await Within.TimeAsync(creating, "the publisher"), stream);
    }
}
