using System.Text;
using System.Threading.Channels;
using Broker.Client.Extensions;
using Broker.Client.Tests.Scripted;
using Broker.Protocol;
using Microsoft.Extensions.DependencyInjection;

namespace Broker.Client.Tests.Extensions;

/// <summary>A consumer that lives as long as the host.</summary>
public sealed class HostedConsumerTests
{
    private static readonly HandlerOptions s_atOnce = new() { Consumer = new ConsumerOptions { SettleDelay = TimeSpan.Zero } };

    [Fact]
    public async Task Each_message_has_a_handler_of_its_own_and_is_settled_by_how_that_ends()
    {
        var seen = new Seen();
        await using var broker = await ScriptedBroker.StartAsync();
        await using var host = Host(broker, seen, static settings => settings.Options = s_atOnce);
        await host.StartAsync();
        await broker.AcceptAsync();
        var stream = await broker.AcceptConsumerAsync(static subscribe => Assert.Equal("orders", subscribe.Queue));
        await stream.DeliverAsync(1, "good");
        Assert.Equal("Ack 1-1", await SettleAsync(stream));
        await stream.DeliverAsync(2, "bad");
        Assert.Equal("Requeue 2-2", await SettleAsync(stream));
        var (first, second) = (await Within.TimeAsync(seen.Next(), "the first"), await Within.TimeAsync(seen.Next(), "the second"));
        Assert.Equal(("good", "bad"), (first.Body, second.Body));
        Assert.NotSame(first.Handler, second.Handler);
        Assert.True(first.Handler.IsDisposed);
        Assert.Contains("210 consuming queue 'orders'", host.Log);
        Assert.Contains("212 the handler of queue 'orders' failed at a message with routing key 'orders', delivered 0 times before: Requeue", host.Log);
        await stream.EndAsync();
    }

    [Fact]
    public async Task The_queue_is_declared_and_prepared_first_and_what_fails_is_tried_again()
    {
        var prepared = 0;
        await using var broker = await ScriptedBroker.StartAsync();
        await using var host = Host(broker, new Seen(), settings =>
        {
            settings.Declare = new QueueOptions { MaxLength = 5 };
            settings.RetryDelay = TimeSpan.FromMilliseconds(1);
            settings.Prepare = (client, cancelled) => ++prepared == 1 ? throw new InvalidOperationException("not yet") : client.BindAsync("x", "orders", cancellationToken: cancelled);
        });
        await host.StartAsync();
        await broker.AcceptAsync();
        var requests = await broker.AcceptAsync(StreamKind.Request);
        for (var id = 1ul; id <= 2; id++)
        {
            var declared = await requests.ReadAsync<DeclareQueueFrame>(FrameType.DeclareQueue, DeclareQueueFrame.TryRead);
            Assert.Equal(("orders", FieldTable.Of(("x-max-length", 5L))), (declared.Name, declared.Arguments));
            await requests.SendAsync(new QueueOkFrame(id, "orders", 0, 0).Write);
        }

        Assert.Equal(FrameType.Bind, (await requests.ReadAsync()).Type);
        await requests.SendAsync(new OkFrame(3).Write);
        var refused = await broker.AcceptAsync(StreamKind.Consume);
        await refused.FailAsync(ErrorCode.NotFound, "no queue 'orders'");
        await requests.ReadAsync<DeclareQueueFrame>(FrameType.DeclareQueue, DeclareQueueFrame.TryRead);
        await requests.SendAsync(new QueueOkFrame(4, "orders", 0, 0).Write);
        Assert.Equal(FrameType.Bind, (await requests.ReadAsync()).Type);
        await requests.SendAsync(new OkFrame(5).Write);
        var stream = await broker.AcceptConsumerAsync();
        Assert.Contains("211 not consuming queue 'orders', to be tried again in 0.001 s: not yet", host.Log);
        Assert.Contains("211 not consuming queue 'orders', to be tried again in 0.001 s: consumer of 'orders': NOT_FOUND: no queue 'orders'", host.Log);
        await stream.EndAsync();
    }

    [Fact]
    public async Task Stopping_the_host_lets_the_handler_finish_before_the_client_goes()
    {
        var seen = new Seen();
        await using var broker = await ScriptedBroker.StartAsync();
        await using var host = Host(broker, seen, static settings => settings.Options = s_atOnce);
        await host.StartAsync();
        await broker.AcceptAsync();
        var stream = await broker.AcceptConsumerAsync();
        await stream.DeliverAsync(1, "slow");
        await Within.TimeAsync(seen.Next(), "the handler");
        var stopping = host.StopAsync();
        Assert.False(stopping.IsCompleted);
        seen.Release.SetResult();
        Assert.Equal("Ack 1-1", await SettleAsync(stream));
        Assert.Equal("the client's FIN", await SettleAsync(stream));
        Assert.False(broker.Connection.Closed.IsCompleted);
        await stream.EndAsync();
        await Within.TimeAsync(stopping, "the host's end");
        Assert.Equal(ErrorCode.NoError, (await broker.ClosedByClientAsync()).Code);
    }

    [Fact]
    public async Task A_handler_may_serve_several_queues()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        await using var host = new TestHost(services => services
            .AddSingleton(new Seen())
            .AddKeyedBrokerClient("main", settings => settings.Customize = _ => broker.Options)
            .AddBrokerConsumer<OrderHandler>("one", static settings => settings.ClientKey = "main")
            .AddBrokerConsumer<OrderHandler>("two", static settings => settings.ClientKey = "main"));
        await host.StartAsync();
        await broker.AcceptAsync();
        var queues = new HashSet<string>();
        PeerStream[] streams = [await broker.AcceptConsumerAsync(Note), await broker.AcceptConsumerAsync(Note)];
        Assert.Equal(["one", "two"], queues.Order());
        await Task.WhenAll(streams.Select(static stream => stream.EndAsync()));

        void Note(SubscribeFrame subscribe) => queues.Add(subscribe.Queue);
    }

    [Fact]
    public async Task Missing_clients_and_settings_that_cannot_be_are_named()
    {
        await using var keyless = new TestHost(static services => services.AddBrokerConsumer<OrderHandler>("orders"));
        Assert.Contains("call services.AddBrokerClient(...)", (await Assert.ThrowsAsync<InvalidOperationException>(keyless.StartAsync)).Message, StringComparison.Ordinal);
        await using var keyed = new TestHost(static services => services.AddBrokerConsumer<OrderHandler>("orders", static settings => settings.ClientKey = "main"));
        Assert.Contains("there is no broker client 'main'", (await Assert.ThrowsAsync<InvalidOperationException>(keyed.StartAsync)).Message, StringComparison.Ordinal);
        var services = new ServiceCollection();
        Assert.Throws<ArgumentOutOfRangeException>(() => services.AddBrokerConsumer<OrderHandler>("orders", static settings => settings.RetryDelay = TimeSpan.Zero));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => services.AddBrokerConsumer<OrderHandler>("orders", static settings => settings.Options = new HandlerOptions { MaxConcurrency = 0 }));
        Assert.Throws<ArgumentException>(() => services.AddBrokerConsumer<OrderHandler>(""));
    }

    private static TestHost Host(ScriptedBroker broker, Seen seen, Action<BrokerConsumerSettings> configure) => new(services => services
        .AddSingleton(seen)
        .AddBrokerClient(settings => settings.Customize = _ => broker.Options)
        .AddBrokerConsumer<OrderHandler>("orders", configure));

    /// <summary>The next settlement; what gives credit is passed over.</summary>
    private static async Task<string> SettleAsync(PeerStream stream)
    {
        while (true)
        {
            if (await stream.TryReadAsync() is not { } frame)
            {
                return "the client's FIN";
            }

            if (frame.Type != FrameType.Credit)
            {
                return frame.AsSettle();
            }
        }
    }

    /// <summary>What handlers have seen.</summary>
    private sealed class Seen
    {
        private readonly Channel<(string Body, OrderHandler Handler)> _messages = Channel.CreateUnbounded<(string, OrderHandler)>();

        public TaskCompletionSource Release { get; } = new();

        public void Add(string body, OrderHandler handler) => _messages.Writer.TryWrite((body, handler));

        public Task<(string Body, OrderHandler Handler)> Next() => _messages.Reader.ReadAsync().AsTask();
    }

    private sealed class OrderHandler(Seen seen) : IMessageHandler, IDisposable
    {
        public bool IsDisposed { get; private set; }

        public async Task HandleAsync(Delivery delivery, CancellationToken cancellationToken)
        {
            var body = Encoding.UTF8.GetString(delivery.Body.Span);
            seen.Add(body, this);
            if (body == "slow")
            {
                await seen.Release.Task;
            }

            if (body == "bad")
            {
                throw new InvalidOperationException("no");
            }
        }

        public void Dispose() => IsDisposed = true;
    }
}
