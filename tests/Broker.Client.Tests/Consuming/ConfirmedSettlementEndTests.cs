using Broker.Client.Tests.Scripted;
using Broker.Protocol;

namespace Broker.Client.Tests.Consuming;

public sealed class ConfirmedSettlementEndTests
{
    private static readonly ConsumerOptions s_confirmed = new() { ConfirmSettles = true };

    [Fact]
    public async Task A_lost_connection_fails_everybody_who_waits()
    {
        await using var run = await StartAsync();
        await run.Broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "maintenance");
        foreach (var settling in run.Settling)
        {
            var lost = await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(settling, "the failure"));
            Assert.Equal((ErrorCode.ShuttingDown, "maintenance"), (lost.ErrorCode, lost.Reason));
        }

        await Assert.ThrowsAsync<BrokerConnectionException>(() => run.Batch[2].AckAsync().AsTask());
        await Assert.ThrowsAsync<BrokerConnectionException>(() => run.Consumer.ReadBatchAsync().AsTask());
    }

    [Fact]
    public async Task A_fault_of_the_stream_fails_everybody_who_waits()
    {
        await using var run = await StartAsync();
        await run.Stream.FailAsync(ErrorCode.InternalError, "disk");
        foreach (var settling in run.Settling)
        {
            var fault = await Assert.ThrowsAsync<BrokerStreamException>(() => Within.TimeAsync(settling, "the failure"));
            Assert.Equal((ErrorCode.InternalError, "disk"), (fault.ErrorCode, fault.Reason));
        }

        Assert.False(run.Client.Closed.IsCompleted);
    }

    [Fact]
    public async Task A_fault_that_the_reader_finds_fails_everybody_who_waits()
    {
        await using var run = await StartAsync();
        var read = run.Consumer.ReadBatchAsync().AsTask();
        await run.Stream.FailAsync(ErrorCode.InternalError, "disk");
        foreach (var task in (Task[])[read, .. run.Settling])
        {
            Assert.Equal("disk", (await Assert.ThrowsAsync<BrokerStreamException>(() => Within.TimeAsync(task, "the failure"))).Reason);
        }
    }

    [Fact]
    public async Task A_stream_that_just_ends_fails_who_is_not_confirmed()
    {
        await using var run = await StartAsync();
        await run.Stream.SettledAsync(new SequenceRange(2, 2));
        await run.Stream.EndAsync();
        await Within.TimeAsync(run.Settling[1], "the confirmation");
        await Assert.ThrowsAsync<BrokerStreamException>(() => Within.TimeAsync(run.Settling[0], "the failure"));
    }

    [Fact]
    public async Task Disposing_waits_for_the_confirmations()
    {
        await using var run = await StartAsync();
        var disposing = run.Consumer.DisposeAsync().AsTask();
        while (await run.Stream.TryReadAsync() is not null)
        {
        }

        Assert.DoesNotContain(run.Settling, static task => task.IsCompleted);
        await run.Stream.SettledAsync(new SequenceRange(1, 2));
        await Within.TimeAsync(Task.WhenAll(run.Settling), "the confirmations");
        await run.Stream.EndAsync();
        await Within.TimeAsync(disposing, "the end");
        await Assert.ThrowsAsync<BrokerStreamException>(() => run.Batch[2].AckAsync().AsTask());
    }

    [Fact]
    public async Task Disposing_fails_who_is_not_confirmed_at_the_end_of_the_stream()
    {
        await using var run = await StartAsync();
        var read = run.Consumer.ReadBatchAsync().AsTask();
        var disposing = run.Consumer.DisposeAsync().AsTask();
        await run.Stream.EndAsync();
        await Within.TimeAsync(disposing, "the end");
        Assert.Null(await Within.TimeAsync(read, "the reader"));
        Assert.All(run.Settling, static task => Assert.IsType<BrokerStreamException>(task.Exception!.InnerException));
    }

    [Fact]
    public async Task Disposing_fails_everybody_who_waits_when_the_server_does_not_answer()
    {
        await using var run = await StartAsync(static options => options with { CloseTimeout = TimeSpan.FromMilliseconds(50) });
        await Within.TimeAsync(run.Consumer.DisposeAsync().AsTask(), "the end");
        Assert.All(run.Settling, static task => Assert.IsType<BrokerStreamException>(task.Exception!.InnerException));
        Assert.False(run.Client.Closed.IsCompleted);
    }

    [Fact]
    public async Task Settlements_are_confirmed_after_a_cancel_and_what_was_on_its_way_is_read()
    {
        await using var run = await StartAsync();
        run.Consumer.Cancel();
        await run.Stream.DeliverAsync(4, "on its way");
        await run.Stream.SendAsync(new CancelledFrame(ErrorCode.NoError, "").Write);
        await run.Stream.SettledAsync(new SequenceRange(1, 2));
        await Within.TimeAsync(Task.WhenAll(run.Settling), "the confirmations");

        using var last = await Within.TimeAsync(run.Consumer.ReadBatchAsync().AsTask(), "what was on its way");
        Assert.Null(await Within.TimeAsync(run.Consumer.ReadBatchAsync().AsTask(), "the end"));
        var settling = last![0].AckAsync().AsTask();
        await run.Stream.SettledAsync(new SequenceRange(4, 4));
        await Within.TimeAsync(settling, "the confirmation of what was on its way");
    }

    [Fact]
    public async Task Settlements_are_confirmed_after_the_server_has_cancelled()
    {
        await using var run = await StartAsync();
        await run.Stream.DeliverAsync(4, "last");
        await run.Stream.SendAsync(new CancelledFrame(ErrorCode.QueueDeleted, "deleted").Write);
        await run.Stream.SettledAsync(new SequenceRange(1, 2));
        await Within.TimeAsync(Task.WhenAll(run.Settling), "the confirmations");
        using var last = await Within.TimeAsync(run.Consumer.ReadBatchAsync().AsTask(), "the last delivery");
        Assert.Single(last!);
        await Assert.ThrowsAsync<ConsumerCancelledException>(() => Within.TimeAsync(run.Consumer.ReadBatchAsync().AsTask(), "the end"));
    }

    [Fact]
    public async Task Leaving_the_loop_while_settlements_wait_lets_them_be_confirmed()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var settling = new TaskCompletionSource<Task>();
        var loop = Task.Run(async () =>
        {
            await foreach (var delivery in client.ConsumeAsync("orders", s_confirmed))
            {
                settling.SetResult(delivery.AckAsync().AsTask());
                break;
            }
        });
        await Within.TimeAsync(new ConfirmingPeer(await broker.AcceptConsumerAsync(), credit: 5, count: 5).RunAsync(), "the end of the stream");
        await Within.TimeAsync(loop, "the loop");
        await (await settling.Task);
    }

    [Theory]
    [InlineData(3ul, 3ul, "a tag that was delivered and not settled")]
    [InlineData(1ul, 3ul, "such a tag among others")]
    [InlineData(9ul, 9ul, "a tag that was never delivered")]
    [InlineData(1ul, Varint.Max, "all tags that there can be")]
    public async Task A_confirmation_of_what_was_never_settled_closes_the_connection(ulong first, ulong last, string why)
    {
        await using var run = await StartAsync();
        await run.Stream.SettledAsync(new SequenceRange(first, last));
        Assert.True((await run.Broker.ClosedByClientAsync()).Code == ErrorCode.ProtocolViolation, why);
        foreach (var settling in run.Settling)
        {
            Assert.Equal(ErrorCode.ProtocolViolation, (await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(settling, why))).ErrorCode);
        }
    }

    [Theory]
    [InlineData("2500", "a SETTLED without ranges")]
    [InlineData("2504010100ff", "a SETTLED that goes on")]
    [InlineData("22050600000005", "a delivery tag out of order")]
    public async Task A_frame_that_cannot_be_closes_the_connection_while_settlers_read(string hex, string why)
    {
        await using var run = await StartAsync();
        await run.Stream.Quic.Output.WriteAsync(Convert.FromHexString(hex));
        await run.Stream.EndAsync();
        Assert.True((await run.Broker.ClosedByClientAsync()).Code == ErrorCode.ProtocolViolation, why);
        await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(run.Settling[0], why));
    }

    [Fact]
    public async Task Deliveries_without_credit_close_the_connection_while_settlers_read()
    {
        await using var run = await StartAsync(consumerOptions: s_confirmed with { PrefetchMessages = 3 });
        for (var tag = 4ul; tag <= 7; tag++)
        {
            await run.Stream.DeliverAsync(tag, "too many");
        }

        Assert.Equal(ErrorCode.ProtocolViolation, (await run.Broker.ClosedByClientAsync()).Code);
        await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(run.Settling[0], "the failure"));
    }

    /// <summary>Three messages are delivered; two of them are acknowledged, and wait.</summary>
    private static async Task<Run> StartAsync(Func<BrokerClientOptions, BrokerClientOptions>? configure = null, ConsumerOptions? consumerOptions = null)
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(configure);
        var subscribing = client.SubscribeAsync("orders", consumerOptions ?? s_confirmed);
        var stream = await broker.AcceptConsumerAsync();
        var consumer = await Within.TimeAsync(subscribing, "the subscription");
        for (var tag = 1ul; tag <= 3; tag++)
        {
            await stream.DeliverAsync(tag, $"{tag}");
        }

        var batch = await Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), "the deliveries");
        Assert.Equal(3, batch!.Count);
        return new Run(broker, client, consumer, stream, batch, [batch[0].AckAsync().AsTask(), batch[1].AckAsync().AsTask()]);
    }

    private sealed record Run(ScriptedBroker Broker, BrokerClient Client, Consumer Consumer, PeerStream Stream, DeliveryBatch Batch, Task[] Settling)
        : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Broker.DisposeAsync();
    }
}
