using Broker.Client.Tests.Scripted;
using Broker.Protocol;

namespace Broker.Client.Tests.Consuming;

public sealed class ConsumerEndTests
{
    [Fact]
    public async Task A_refused_subscription_says_why_and_the_connection_goes_on()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var subscribing = client.SubscribeAsync("orders");
        await (await broker.AcceptAsync(StreamKind.Consume)).FailAsync(ErrorCode.NotFound, "no queue 'orders'");
        var refusal = await Assert.ThrowsAsync<BrokerStreamException>(() => Within.TimeAsync(subscribing, "the refusal"));
        Assert.Equal((ErrorCode.NotFound, "no queue 'orders'"), (refusal.ErrorCode, refusal.Reason));
        Assert.False(client.Closed.IsCompleted);
    }

    [Fact]
    public async Task A_deleted_queue_ends_the_loop_after_what_was_delivered()
    {
        var (_, consumer, stream) = await OpenAsync();
        await stream.DeliverAsync(1, "last");
        await stream.SendAsync(new CancelledFrame(ErrorCode.QueueDeleted, "deleted").Write);
        using var batch = await Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), "the last delivery");
        Assert.Single(batch!);
        var cancelled = await Assert.ThrowsAsync<ConsumerCancelledException>(() => Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), "the end"));
        Assert.Equal(("orders", ErrorCode.QueueDeleted, "deleted"), (cancelled.Queue, cancelled.ErrorCode, cancelled.Reason));
        await batch![0].AckAsync();
    }

    [Fact]
    public async Task Cancelling_takes_what_was_on_its_way_and_ends_quietly()
    {
        var (_, consumer, stream) = await OpenAsync(new ConsumerOptions { SettleDelay = Timeout.InfiniteTimeSpan });
        await stream.DeliverAsync(1, "a");
        using var first = await Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), "a delivery");
        await first![0].AckAsync();
        consumer.Cancel();
        consumer.Cancel();
        Assert.Equal("Ack 1-1", (await stream.ReadAsync()).AsSettle());
        Assert.Equal(FrameType.Cancel, (await stream.ReadAsync()).Type);
        await stream.DeliverAsync(2, "on its way");
        await stream.SendAsync(new CancelledFrame(ErrorCode.NoError, "").Write);

        using var second = await Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), "what was on its way");
        Assert.Null(await Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), "the end"));
        await second![0].AckAsync();
        var disposing = consumer.DisposeAsync().AsTask();
        Assert.Equal("Ack 2-2", (await stream.ReadAsync()).AsSettle());
        Assert.Null(await stream.TryReadAsync());
        await stream.EndAsync();
        await Within.TimeAsync(disposing, "the end");
    }

    [Fact]
    public async Task Leaving_the_loop_waits_until_the_settlements_are_carried_out()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var loop = Task.Run(async () =>
        {
            await foreach (var delivery in client.ConsumeAsync("orders", new ConsumerOptions { SettleDelay = Timeout.InfiniteTimeSpan }))
            {
                await delivery.AckAsync();
                break;
            }
        });
        var stream = await broker.AcceptConsumerAsync();
        await stream.DeliverAsync(1, "a");
        Assert.Equal("Ack 1-1", (await stream.ReadAsync()).AsSettle());
        Assert.Equal(FrameType.Credit, (await stream.ReadAsync()).Type);
        Assert.Null(await stream.TryReadAsync());
        await stream.DeliverAsync(2, "crossed with the end");
        Assert.False(loop.IsCompleted);
        await stream.EndAsync();
        await Within.TimeAsync(loop, "the loop");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_cancelled_loop_ends_in_order_with_its_settlements(bool whileItWaits)
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        using var cancel = new CancellationTokenSource();
        var acknowledged = new TaskCompletionSource();
        var loop = Task.Run(async () =>
        {
            await foreach (var delivery in client.ConsumeAsync("orders", new ConsumerOptions { SettleDelay = Timeout.InfiniteTimeSpan }).WithCancellation(cancel.Token))
            {
                await delivery.AckAsync();
                if (!whileItWaits)
                {
                    await cancel.CancelAsync();
                }

                acknowledged.SetResult();
            }
        });
        var stream = await broker.AcceptConsumerAsync();
        await stream.DeliverAsync(1, "a");
        await Within.TimeAsync(acknowledged.Task, "the acknowledgement");
        Assert.Equal("Ack 1-1", (await stream.ReadAsync()).AsSettle());
        Assert.Equal(FrameType.Credit, (await stream.ReadAsync()).Type);
        await cancel.CancelAsync();
        Assert.Null(await stream.TryReadAsync());
        Assert.False(loop.IsCompleted);
        await stream.EndAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Within.TimeAsync(loop, "the loop"));
        Assert.False(client.Closed.IsCompleted);
    }

    [Fact]
    public async Task A_server_that_never_ends_the_stream_is_given_up()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(static options => options with { CloseTimeout = TimeSpan.FromMilliseconds(50) });
        await using var disposal = broker;
        var subscribing = client.SubscribeAsync("orders");
        await broker.AcceptConsumerAsync();
        var consumer = await Within.TimeAsync(subscribing, "the subscription");
        await Within.TimeAsync(consumer.DisposeAsync().AsTask(), "the end");
        Assert.False(client.Closed.IsCompleted);
    }

    [Fact]
    public async Task A_reader_that_waits_leaves_when_the_consumer_is_disposed()
    {
        var (_, consumer, stream) = await OpenAsync();
        var read = consumer.ReadBatchAsync().AsTask();
        var disposing = consumer.DisposeAsync().AsTask();
        Assert.Null(await stream.TryReadAsync());
        await stream.EndAsync();
        Assert.Null(await Within.TimeAsync(read, "the reader"));
        await Within.TimeAsync(disposing, "the end");
    }

    [Fact]
    public async Task A_fault_of_the_stream_reaches_reader_and_settler()
    {
        var (client, consumer, stream) = await OpenAsync();
        await stream.DeliverAsync(1, "a");
        using var batch = await Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), "a delivery");
        await stream.FailAsync(ErrorCode.UnknownDeliveryTag, "tag 9");
        var read = await Assert.ThrowsAsync<BrokerStreamException>(() => Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), "the fault"));
        Assert.Equal(ErrorCode.UnknownDeliveryTag, read.ErrorCode);
        await Assert.ThrowsAsync<BrokerStreamException>(() => batch![0].AckAsync().AsTask());
        Assert.False(client.Closed.IsCompleted);
    }

    [Fact]
    public async Task A_stream_that_just_ends_is_a_fault()
    {
        var (_, consumer, stream) = await OpenAsync();
        await stream.EndAsync();
        await Assert.ThrowsAsync<BrokerStreamException>(() => Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), "the fault"));
    }

    [Fact]
    public async Task A_cancelled_subscription_abandons_its_stream()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        using var cancel = new CancellationTokenSource();
        var subscribing = client.SubscribeAsync("orders", cancellationToken: cancel.Token);
        var stream = await broker.AcceptAsync(StreamKind.Consume);
        await stream.ReadAsync();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Within.TimeAsync(subscribing, "the cancellation"));
        var reset = await Assert.ThrowsAsync<Transport.QuicTransportException>(() => stream.TryReadAsync());
        Assert.Equal((long)ErrorCode.Cancelled, reset.ErrorCode);
        Assert.False(client.Closed.IsCompleted);
    }

    [Theory]
    [InlineData("2206020000000000", "a delivery tag out of order")]
    [InlineData("22050100000005", "a message that ends too early")]
    [InlineData("210463632d31", "SUBSCRIBED twice")]
    [InlineData("130301010022", "a frame of another kind of stream")]
    [InlineData("2503010100", "SETTLED that was not asked for")]
    [InlineData("3f00", "an unknown frame")]
    [InlineData("22ffffffffffffffff", "a frame over the limit")]
    public async Task A_frame_that_cannot_be_closes_the_connection(string hex, string why)
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var subscribing = client.SubscribeAsync("orders");
        var stream = await broker.AcceptConsumerAsync();
        var consumer = await Within.TimeAsync(subscribing, "the subscription");
        await stream.Quic.Output.WriteAsync(Convert.FromHexString(hex));
        var lost = await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), why));
        Assert.Equal(lost.ErrorCode, (await broker.ClosedByClientAsync()).Code);
        Assert.True(lost.ErrorCode is ErrorCode.ProtocolViolation or ErrorCode.UnknownFrame or ErrorCode.FrameTooLarge, why);
        Assert.False(lost.IsRetryable);
    }

    private static async Task<(BrokerClient Client, Consumer Consumer, PeerStream Stream)> OpenAsync(ConsumerOptions? options = null)
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        var subscribing = client.SubscribeAsync("orders", options);
        var stream = await broker.AcceptConsumerAsync();
        return (client, await Within.TimeAsync(subscribing, "the subscription"), stream);
    }
}
