using System.Collections.Concurrent;
using Broker.Client.Connections;
using Broker.Client.Tests.Scripted;
using Broker.Protocol;
using Broker.Transport.InMemory;

namespace Broker.Client.Tests.Recovery;

/// <summary>When a client connects again, where to, and what happens to requests meanwhile.</summary>
public sealed class ConnectionRecoveryTests
{
    [Fact]
    public async Task Another_endpoint_is_tried_before_the_one_that_was_lost()
    {
        var transport = new InMemoryTransport();
        await using var first = await ScriptedBroker.StartAsync(transport);
        await using var second = await ScriptedBroker.StartAsync(transport);
        var events = new ConcurrentQueue<string>();
        var connecting = BrokerClient.ConnectAsync(first.RecoveringOptions with
        {
            Endpoints = [first.Options.Endpoints[0], second.Options.Endpoints[0]],
            KeepEndpointOrder = true,
            OnConnectionLost = lost => events.Enqueue($"lost {lost.Endpoint} {lost.Reason.ErrorCode} {lost.IsGoingAway}"),
            OnConnectionRecovered = recovered => events.Enqueue($"recovered {recovered.Endpoint} {recovered.NodeId}"),
        });
        await first.AcceptAsync();
        await using var client = await Within.TimeAsync(connecting, "the client to connect");
        await first.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");
        var declaring = client.DeclareQueueAsync("orders");
        await second.AcceptAsync(new WelcomeFrame { NodeId = "node-2" });
        await AnswerAsync(second);
        await Within.TimeAsync(declaring, "the declaration");
        Assert.Equal((second.Options.Endpoints[0], "node-2", false), (client.Endpoint, client.NodeId, client.Closed.IsCompleted));
        Assert.Equal([$"lost {first.Options.Endpoints[0]} ShuttingDown False", $"recovered {second.Options.Endpoints[0]} node-2"], events);
    }

    [Fact]
    public async Task Random_order_lets_every_endpoint_be_the_first()
    {
        var transport = new InMemoryTransport();
        await using var first = await ScriptedBroker.StartAsync(transport);
        await using var second = await ScriptedBroker.StartAsync(transport);
        var (firstAccepts, secondAccepts) = (first.AcceptAsync(), second.AcceptAsync());
        var accepted = new HashSet<string>();
        for (var i = 0; accepted.Count < 2; i++)
        {
            Assert.True(i < 200, "one endpoint was never tried first");
            var connecting = BrokerClient.ConnectAsync(first.Options with { Endpoints = [first.Options.Endpoints[0], second.Options.Endpoints[0]] });
            accepted.Add(await Task.WhenAny(firstAccepts, secondAccepts) == firstAccepts ? "first" : "second");
            (firstAccepts, secondAccepts) = (Renewed(firstAccepts, first), Renewed(secondAccepts, second));
            await using var client = await Within.TimeAsync(connecting, "the client to connect");
        }

        Task Renewed(Task accepts, ScriptedBroker broker) => accepts.IsCompleted ? broker.AcceptAsync() : accepts;
    }

    [Fact]
    public async Task End_of_patience_ends_the_client_and_everything_under_way()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(o => ScriptedBroker.Recovering(o) with { RecoveryPatience = TimeSpan.FromMilliseconds(50) });
        await using var disposeClient = client;
        var subscribing = client.SubscribeAsync("orders");
        await broker.AcceptConsumerAsync();
        var consumer = await Within.TimeAsync(subscribing, "the subscription");
        var read = consumer.ReadBatchAsync().AsTask();
        var publish = client.PublishAsync("", "orders", default);
        var declare = client.DeclareQueueAsync("orders");
        await broker.StopListeningAsync();
        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "gone for good");
        foreach (var task in (Task[])[publish, declare, read])
        {
            await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(task, "the end of patience"));
        }

        Assert.NotNull(await Within.TimeAsync(client.Closed, "the end"));
        await Assert.ThrowsAsync<BrokerConnectionException>(() => client.PingAsync());
        await broker.DisposeAsync();
    }

    [Fact]
    public async Task Refusal_for_good_ends_the_client_at_once()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(ScriptedBroker.Recovering);
        await using var disposal = broker;
        await using var disposeClient = client;
        await broker.Connection.CloseAsync((long)ErrorCode.AccessRefused, "certificate revoked");
        Assert.Equal(ErrorCode.AccessRefused, (await Within.TimeAsync(client.Closed, "the end"))!.ErrorCode);
    }

    [Fact]
    public async Task Requests_that_may_be_repeated_are_and_others_fail()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(ScriptedBroker.Recovering);
        await using var disposal = broker;
        var bind = client.BindAsync("x", "orders");
        var purge = client.PurgeQueueAsync("orders");
        var get = client.GetAsync("orders");
        var requests = await broker.AcceptAsync(StreamKind.Request);
        Assert.Equal([FrameType.Bind, FrameType.PurgeQueue, FrameType.Get], [(await requests.ReadAsync()).Type, (await requests.ReadAsync()).Type, (await requests.ReadAsync()).Type]);
        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");
        await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(purge, "the purge to fail"));
        await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(get, "the get to fail"));
        await broker.AcceptAsync();
        requests = await broker.AcceptAsync(StreamKind.Request);
        Assert.Equal(FrameType.Bind, (await requests.ReadAsync()).Type);
        await requests.SendAsync(new RequestErrorFrame(1, ErrorCode.Unavailable, "no leader").Write);
        var repeated = (await requests.ReadAsync()).As<BindFrame>(FrameType.Bind, BindFrame.TryRead);
        Assert.Equal(("x", "orders"), (repeated.Exchange, repeated.Destination));
        await requests.SendAsync(new OkFrame(repeated.RequestId).Write);
        await Within.TimeAsync(bind, "the binding");
    }

    [Fact]
    public async Task What_went_with_the_connection_is_declared_again_before_anything_else()
    {
        IReadOnlyList<BrokerException>? notRestored = null;
        var (broker, client) = await ScriptedBroker.ConnectAsync(
            o => ScriptedBroker.Recovering(o) with { OnConnectionRecovered = recovered => notRestored = recovered.NotRestored });
        await using var disposal = broker;
        Task[] declared =
        [
            client.DeclareQueueAsync("durable"),
            client.DeclareQueueAsync("mine", new QueueOptions { Exclusive = true }),
            client.DeclareExchangeAsync("x", "fanout", new ExchangeOptions { Durable = false }),
            client.BindAsync("x", "mine"),
        ];
        var requests = await broker.AcceptAsync(StreamKind.Request);
        await requests.SendAsync(new QueueOkFrame(1, "durable", 0, 0).Write, new QueueOkFrame(2, "mine", 0, 0).Write, new OkFrame(3).Write, new OkFrame(4).Write);
        await Within.TimeAsync(Task.WhenAll(declared), "the declarations");
        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");
        await broker.AcceptAsync();
        var again = await broker.AcceptAsync(StreamKind.Request);
        Assert.Equal("x", (await again.ReadAsync<DeclareExchangeFrame>(FrameType.DeclareExchange, DeclareExchangeFrame.TryRead)).Name);
        await again.SendAsync(new OkFrame(1).Write);
        Assert.Equal("mine", (await again.ReadAsync<DeclareQueueFrame>(FrameType.DeclareQueue, DeclareQueueFrame.TryRead)).Name);
        await again.SendAsync(new RequestErrorFrame(2, ErrorCode.ResourceLocked, "another connection has it").Write);
        Assert.Equal("mine", (await again.ReadAsync<BindFrame>(FrameType.Bind, BindFrame.TryRead)).Destination);
        var ping = client.PingAsync();
        Assert.True(broker.HasNoStream(StreamKind.Echo));
        await again.SendAsync(new OkFrame(3).Write);
        Assert.Null(await again.TryReadAsync());
        await again.EndAsync();
        var echo = await broker.AcceptAsync(StreamKind.Echo);
        await echo.Quic.Output.WriteAsync("ping"u8.ToArray());
        await echo.EndAsync();
        await Within.TimeAsync(ping, "the echo");
        Assert.Equal(ErrorCode.ResourceLocked, Assert.Single(notRestored!).ErrorCode);
    }

    [Fact]
    public void Pauses_double_up_to_the_longest_and_leave_out_up_to_half()
    {
        var pacer = new RecoveryPacer(new BrokerClientOptions());
        Assert.Equal([50, 100, 200, 400, 800, 1600, 2000, 2000], Enumerable.Range(0, 8).Select(i => pacer.Pause(i, 0).TotalMilliseconds));
        Assert.Equal(25, pacer.Pause(0, 1).TotalMilliseconds);
        Assert.Equal(1000, pacer.Pause(100, 1).TotalMilliseconds);
    }

    private static async Task AnswerAsync(ScriptedBroker broker)
    {
        var requests = await broker.AcceptAsync(StreamKind.Request);
        var declare = await requests.ReadAsync<DeclareQueueFrame>(FrameType.DeclareQueue, DeclareQueueFrame.TryRead);
        await requests.SendAsync(new QueueOkFrame(declare.RequestId, declare.Name, 0, 0).Write);
    }
}
