using System.Collections.Concurrent;
using System.Text;
using Broker.Client.Tests.Scripted;
using Broker.Protocol;

namespace Broker.Client.Tests.Consuming;

/// <summary>A handler is called for each message, and what it does settles the message.</summary>
public sealed class CallbackConsumerTests
{
    private static readonly ConsumerOptions s_atOnce = new() { SettleDelay = TimeSpan.Zero };

    [Theory]
    [InlineData("returns", FailureOutcome.Requeue, null, "Ack 1-1")]
    [InlineData("throws", FailureOutcome.Requeue, null, "Requeue 1-1")]
    [InlineData("throws", FailureOutcome.Reject, null, "Reject 1-1")]
    [InlineData("throws", FailureOutcome.Requeue, FailureOutcome.Reject, "Reject 1-1")]
    [InlineData("throws", FailureOutcome.Reject, FailureOutcome.Requeue, "Requeue 1-1")]
    [InlineData("settles", FailureOutcome.Requeue, null, "Reject 1-1")]
    [InlineData("settles and throws", FailureOutcome.Requeue, null, "Reject 1-1")]
    public async Task A_message_is_settled_by_how_its_handler_ends(string ends, FailureOutcome outcome, FailureOutcome? decided, string settled)
    {
        var reported = new ConcurrentQueue<(string Body, string Message)>();
        var options = new HandlerOptions
        {
            Consumer = s_atOnce,
            FailureOutcome = outcome,
            OnException = (message, exception) =>
            {
                reported.Enqueue((Text(message), exception.Message));
                return decided ?? outcome;
            },
        };
        var (_, _, stream) = await OpenAsync(
            async (message, _) =>
            {
                if (ends.StartsWith("settles", StringComparison.Ordinal))
                {
                    await message.RejectAsync();
                }

                if (ends.EndsWith("throws", StringComparison.Ordinal))
                {
                    throw new InvalidOperationException("no");
                }
            },
            options);
        await stream.DeliverAsync(1, "a");
        Assert.Equal(settled, await SettleAsync(stream));
        await stream.DeliverAsync(2, "b");
        Assert.EndsWith("2-2", await SettleAsync(stream), StringComparison.Ordinal);
        Assert.Equal(ends.EndsWith("throws", StringComparison.Ordinal) ? [("a", "no"), ("b", "no")] : [], reported);
    }

    [Fact]
    public async Task What_the_decision_throws_is_dropped()
    {
        var (consumer, _, stream) = await OpenAsync(
            static (_, _) => throw new InvalidOperationException("no"),
            new HandlerOptions { Consumer = s_atOnce, FailureOutcome = FailureOutcome.Reject, OnException = static (_, _) => throw new InvalidOperationException("worse") });
        await stream.DeliverAsync(1, "a");
        Assert.Equal("Reject 1-1", await SettleAsync(stream));
        Assert.False(consumer.Completion.IsCompleted);
    }

    [Fact]
    public async Task A_handler_may_settle_its_message_only_once()
    {
        Exception? second = null;
        var (_, _, stream) = await OpenAsync(
            async (message, _) =>
            {
                await message.AckAsync();
                second = await Record.ExceptionAsync(() => message.RequeueAsync().AsTask());
            },
            new HandlerOptions { Consumer = s_atOnce });
        await stream.DeliverAsync(1, "a");
        Assert.Equal("Ack 1-1", await SettleAsync(stream));
        await stream.DeliverAsync(2, "b");
        Assert.Equal("Ack 2-2", await SettleAsync(stream));
        Assert.IsType<InvalidOperationException>(second);
    }

    [Fact]
    public async Task One_handler_runs_at_a_time_and_in_order_by_default()
    {
        var running = 0;
        var most = 0;
        var order = new ConcurrentQueue<string>();
        var all = new TaskCompletionSource();
        var (_, _, stream) = await OpenAsync(async (message, _) =>
        {
            most = Math.Max(most, Interlocked.Increment(ref running));
            await Task.Yield();
            order.Enqueue(Text(message));
            Interlocked.Decrement(ref running);
            if (order.Count == 100)
            {
                all.SetResult();
            }
        });
        for (var tag = 1ul; tag <= 100; tag++)
        {
            await stream.DeliverAsync(tag, $"{tag}");
        }

        await Within.TimeAsync(all.Task, "all handlers");
        Assert.Equal(1, most);
        Assert.Equal(Enumerable.Range(1, 100).Select(static i => $"{i}"), order);
    }

    [Fact]
    public async Task No_more_handlers_run_at_a_time_than_the_options_say()
    {
        var release = new SemaphoreSlim(0);
        var begun = System.Threading.Channels.Channel.CreateUnbounded<string>();
        var (_, _, stream) = await OpenAsync(
            async (message, _) =>
            {
                begun.Writer.TryWrite(Text(message));
                await release.WaitAsync(CancellationToken.None);
            },
            new HandlerOptions { MaxConcurrency = 3, Consumer = s_atOnce });
        for (var tag = 1ul; tag <= 5; tag++)
        {
            await stream.DeliverAsync(tag, $"{tag}");
        }

        var first = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            first.Add(await Within.TimeAsync(begun.Reader.ReadAsync().AsTask(), "a handler"));
        }

        Assert.Equal(["1", "2", "3"], first.Order());
        Assert.False(begun.Reader.TryRead(out _));
        release.Release();
        Assert.Equal("4", await Within.TimeAsync(begun.Reader.ReadAsync().AsTask(), "the fourth, in the place of one that has ended"));
        Assert.False(begun.Reader.TryRead(out _));
        release.Release(4);
        Assert.Equal("5", await Within.TimeAsync(begun.Reader.ReadAsync().AsTask(), "the fifth"));
    }

    [Fact]
    public async Task Disposing_lets_handlers_finish_and_returns_the_rest()
    {
        var began = new TaskCompletionSource();
        var finish = new TaskCompletionSource();
        var handled = 0;
        var (consumer, _, stream) = await OpenAsync(async (_, cancelled) =>
        {
            handled++;
            began.TrySetResult();
            await finish.Task;
            Assert.False(cancelled.IsCancellationRequested);
        });
        await stream.DeliverAsync(1, "a");
        await stream.DeliverAsync(2, "b");
        await Within.TimeAsync(began.Task, "the handler");
        var disposing = consumer.DisposeAsync().AsTask();
        Assert.False(disposing.IsCompleted);
        finish.SetResult();
        Assert.Equal("Ack 1-1", await SettleAsync(stream));
        Assert.Null(await TryReadAsync(stream)); // the second is not settled, and so goes back
        await stream.EndAsync();
        await Within.TimeAsync(disposing, "the end");
        Assert.Equal((1, true), (handled, consumer.Completion.IsCompletedSuccessfully));
    }

    [Fact]
    public async Task A_handler_that_takes_too_long_is_cancelled_and_its_message_goes_back()
    {
        var began = new TaskCompletionSource();
        var (consumer, _, stream) = await OpenAsync(
            async (_, cancelled) =>
            {
                began.TrySetResult();
                await Task.Delay(Timeout.Infinite, cancelled);
            },
            new HandlerOptions { Consumer = s_atOnce, OnException = static (_, _) => FailureOutcome.Reject },
            static options => options with { CloseTimeout = TimeSpan.FromMilliseconds(100) });
        await stream.DeliverAsync(1, "a");
        await Within.TimeAsync(began.Task, "the handler");
        await Within.TimeAsync(consumer.DisposeAsync().AsTask(), "the end");
        await Within.TimeAsync(consumer.Completion, "the end of the handler");
    }

    [Fact]
    public async Task A_handler_that_does_not_end_is_given_up()
    {
        var began = new TaskCompletionSource();
        var never = new TaskCompletionSource();
        var (consumer, client, stream) = await OpenAsync(
            async (_, _) =>
            {
                began.TrySetResult();
                await never.Task;
            },
            null,
            static options => options with { CloseTimeout = TimeSpan.FromMilliseconds(50) });
        await stream.DeliverAsync(1, "a");
        await Within.TimeAsync(began.Task, "the handler");
        await Within.TimeAsync(consumer.DisposeAsync().AsTask(), "the end of patience");
        Assert.False(consumer.Completion.IsCompleted);
        never.SetResult();
        await Within.TimeAsync(consumer.Completion, "the end of the handler, whose settlement has no effect");
        await Within.TimeAsync(client.DisposeAsync().AsTask(), "the client's end");
    }

    [Fact]
    public async Task Handlers_that_run_may_publish_while_the_client_is_disposed()
    {
        var began = new TaskCompletionSource();
        var disposes = new TaskCompletionSource();
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var consuming = client.ConsumeAsync(
            "orders",
            async (_, _) =>
            {
                began.TrySetResult();
                await disposes.Task;
                await client.PublishAsync("", "done", "a"u8.ToArray(), cancellationToken: CancellationToken.None);
            },
            new HandlerOptions { Consumer = s_atOnce });
        var stream = await broker.AcceptConsumerAsync();
        await Within.TimeAsync(consuming, "the subscription");
        await stream.DeliverAsync(1, "a");
        await Within.TimeAsync(began.Task, "the handler");
        var disposing = client.DisposeAsync().AsTask();
        disposes.SetResult();
        var publisher = await broker.AcceptPublisherAsync();
        Assert.Equal("done", (await publisher.ReadAsync()).AsPublish().RoutingKey);
        await publisher.ConfirmAsync(new SequenceRange(1, 1));
        Assert.Equal("Ack 1-1", await SettleAsync(stream));
        Assert.Null(await TryReadAsync(stream));
        await stream.EndAsync();
        Assert.Null(await publisher.TryReadAsync());
        await publisher.EndAsync();
        await Within.TimeAsync(disposing, "the client's end");
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.PublishAsync("", "late", default));
    }

    [Fact]
    public async Task A_subscription_that_the_server_ends_completes_with_the_reason_after_its_handlers()
    {
        var finish = new TaskCompletionSource();
        var (consumer, _, stream) = await OpenAsync((_, _) => finish.Task, new HandlerOptions { MaxConcurrency = 2, Consumer = s_atOnce });
        await stream.DeliverAsync(1, "a");
        await stream.SendAsync(new CancelledFrame(ErrorCode.QueueDeleted, "deleted").Write);
        Assert.False(consumer.Completion.IsCompleted);
        finish.SetResult();
        Assert.Equal("Ack 1-1", await SettleAsync(stream));
        Assert.Null(await TryReadAsync(stream));
        await stream.EndAsync();
        await Assert.ThrowsAsync<ConsumerCancelledException>(() => Within.TimeAsync(consumer.Completion, "the end"));
        await Within.TimeAsync(consumer.DisposeAsync().AsTask(), "disposal, which does not throw");
    }

    [Fact]
    public async Task Handlers_go_on_after_a_lost_connection()
    {
        var bodies = System.Threading.Channels.Channel.CreateUnbounded<(string, bool)>();
        var (broker, client) = await ScriptedBroker.ConnectAsync(ScriptedBroker.Recovering);
        await using var disposal = broker;
        var consuming = client.ConsumeAsync("orders", (message, _) =>
        {
            bodies.Writer.TryWrite((Text(message), message.Redelivered));
            return Task.CompletedTask;
        });
        var stream = await broker.AcceptConsumerAsync();
        await Within.TimeAsync(consuming, "the subscription");
        await stream.DeliverAsync(1, "a");
        Assert.Equal(("a", false), await Within.TimeAsync(bodies.Reader.ReadAsync().AsTask(), "the first"));
        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");
        await broker.AcceptAsync();
        var again = await broker.AcceptConsumerAsync();
        await again.DeliverAsync(1, "a", DeliverFlags.Redelivered);
        Assert.Equal(("a", true), await Within.TimeAsync(bodies.Reader.ReadAsync().AsTask(), "the first again"));
    }

    [Fact]
    public async Task Without_acknowledgements_nothing_is_settled()
    {
        var handled = new TaskCompletionSource<Exception?>();
        var (_, _, stream) = await OpenAsync(
            async (message, _) =>
            {
                handled.TrySetResult(await Record.ExceptionAsync(() => message.AckAsync().AsTask()));
                throw new InvalidOperationException("no");
            },
            new HandlerOptions { Consumer = s_atOnce with { NoAck = true } });
        await stream.DeliverAsync(1, "a");
        Assert.IsType<InvalidOperationException>(await Within.TimeAsync(handled.Task, "the handler"));
        Assert.Equal(FrameType.Credit, (await stream.ReadAsync()).Type);
        await stream.DeliverAsync(2, "b");
        Assert.Equal(FrameType.Credit, (await stream.ReadAsync()).Type);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4097)]
    public async Task A_number_of_handlers_that_cannot_be_is_refused(int concurrency)
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            () => client.ConsumeAsync("orders", static (_, _) => Task.CompletedTask, new HandlerOptions { MaxConcurrency = concurrency }));
        Assert.True(broker.HasNoStream(StreamKind.Consume));
    }

    private static string Text(Delivery delivery) => Encoding.UTF8.GetString(delivery.Body.Span);

    /// <summary>The next settlement; what gives credit is passed over.</summary>
    private static async Task<string> SettleAsync(PeerStream stream) => (await TryReadAsync(stream))?.AsSettle() ?? "the client's FIN";

    private static async Task<PeerFrame?> TryReadAsync(PeerStream stream)
    {
        PeerFrame? frame;
        do
        {
            frame = await stream.TryReadAsync();
        }
        while (frame?.Type == FrameType.Credit);
        return frame;
    }

    private static async Task<(CallbackConsumer Consumer, BrokerClient Client, PeerStream Stream)> OpenAsync(
        Func<Delivery, CancellationToken, Task> handler, HandlerOptions? options = null, Func<BrokerClientOptions, BrokerClientOptions>? configure = null)
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(configure);
        var consuming = client.ConsumeAsync("orders", handler, options);
        var stream = await broker.AcceptConsumerAsync();
        return (await Within.TimeAsync(consuming, "the subscription"), client, stream);
    }
}
