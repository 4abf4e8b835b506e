using System.Text;
using Broker.Client.Tests.Scripted;
using Broker.Protocol;

namespace Broker.Client.Tests.Recovery;

/// <summary>A consumer goes on after its stream, its connection or its queue's leader is lost.</summary>
public sealed class ConsumerRecoveryTests
{
    [Fact]
    public async Task Loop_goes_on_after_a_lost_connection_and_old_deliveries_settle_without_effect()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(ScriptedBroker.Recovering);
        await using var disposal = broker;
        await using var loop = client.ConsumeAsync("orders").GetAsyncEnumerator();
        var next = loop.MoveNextAsync().AsTask();
        var stream = await broker.AcceptConsumerAsync();
        await stream.DeliverAsync(1, "a");
        Assert.True(await Within.TimeAsync(next, "the first"));
        var first = loop.Current;
        next = loop.MoveNextAsync().AsTask();
        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");

        await broker.AcceptAsync();
        var again = await broker.AcceptConsumerAsync(subscribe => Assert.Equal("orders", subscribe.Queue));
        await first.AckAsync();
        await again.DeliverAsync(1, "a", DeliverFlags.Redelivered);
        Assert.True(await Within.TimeAsync(next, "the first again"));
        Assert.Equal((true, "a"), (loop.Current.Redelivered, Encoding.UTF8.GetString(loop.Current.Body.Span)));
        await loop.Current.AckAsync();
        next = loop.MoveNextAsync().AsTask();
        Assert.Equal("Ack 1-1", (await again.ReadAsync()).AsSettle());
        await again.DeliverAsync(2, "b");
        Assert.True(await Within.TimeAsync(next, "the second"));
        await again.EndAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Consumer_subscribes_again_while_its_queue_is_unavailable(bool cancelled)
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(ScriptedBroker.Recovering);
        await using var disposal = broker;
        var subscribing = client.SubscribeAsync("orders");
        var stream = await broker.AcceptConsumerAsync();
        var consumer = await Within.TimeAsync(subscribing, "the subscription");
        var read = consumer.ReadBatchAsync().AsTask();
        if (cancelled)
        {
            await stream.SendAsync(new CancelledFrame(ErrorCode.Unavailable, "leader is away").Write);
            await stream.EndAsync();
        }
        else
        {
            await stream.FailAsync(ErrorCode.Unavailable, "leader is away");
        }

        for (var i = 0; i < 3; i++)
        {
            var refused = await broker.AcceptAsync(StreamKind.Consume);
            await refused.FailAsync(ErrorCode.Unavailable, "leader is away");
        }

        var again = await broker.AcceptConsumerAsync();
        await again.DeliverAsync(1, "a");
        using var batch = await Within.TimeAsync(read, "the delivery");
        Assert.Single(batch!);
        await again.EndAsync();
    }

    [Fact]
    public async Task Refusal_for_good_ends_the_consumer()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(ScriptedBroker.Recovering);
        await using var disposal = broker;
        var subscribing = client.SubscribeAsync("orders");
        var stream = await broker.AcceptConsumerAsync();
        var consumer = await Within.TimeAsync(subscribing, "the subscription");
        var read = consumer.ReadBatchAsync().AsTask();
        await stream.FailAsync(ErrorCode.Unavailable, "leader is away");
        await (await broker.AcceptAsync(StreamKind.Consume)).FailAsync(ErrorCode.NotFound, "no such queue");
        var refusal = await Assert.ThrowsAsync<BrokerStreamException>(() => Within.TimeAsync(read, "the refusal"));
        Assert.Equal(ErrorCode.NotFound, refusal.ErrorCode);
    }

    [Fact]
    public async Task Exclusive_consumer_waits_until_the_node_has_noticed_that_it_was_lost()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(ScriptedBroker.Recovering);
        await using var disposal = broker;
        var exclusive = new ConsumerOptions { Exclusive = true };
        var subscribing = client.SubscribeAsync("orders", exclusive);
        await broker.AcceptConsumerAsync();
        var consumer = await Within.TimeAsync(subscribing, "the subscription");
        var read = consumer.ReadBatchAsync().AsTask();
        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");
        await broker.AcceptAsync();
        await (await broker.AcceptAsync(StreamKind.Consume)).FailAsync(ErrorCode.ResourceLocked, "another consumer has it");
        var again = await broker.AcceptConsumerAsync(subscribe => Assert.Equal(SubscribeFlags.Exclusive, subscribe.Flags));
        await again.DeliverAsync(1, "a");
        (await Within.TimeAsync(read, "the delivery"))!.Dispose();

        var second = client.SubscribeAsync("orders", exclusive);
        await (await broker.AcceptAsync(StreamKind.Consume)).FailAsync(ErrorCode.ResourceLocked, "another consumer has it");
        await Assert.ThrowsAsync<BrokerStreamException>(() => Within.TimeAsync(second, "the refusal of one that never had it"));
        await again.EndAsync();
    }

    [Fact]
    public async Task Node_that_goes_away_delivers_no_more_and_takes_the_settlements_of_what_it_has_delivered()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(ScriptedBroker.Recovering);
        await using var disposal = broker;
        var subscribing = client.SubscribeAsync("orders", new ConsumerOptions { SettleDelay = TimeSpan.Zero });
        var stream = await broker.AcceptConsumerAsync();
        var consumer = await Within.TimeAsync(subscribing, "the subscription");
        await stream.DeliverAsync(1, "a");
        using var first = await Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), "the first");
        await broker.Control.SendAsync(new GoAwayFrame(ErrorCode.ShuttingDown, "drain").Write);
        Assert.Equal(FrameType.Cancel, (await stream.ReadAsync()).Type);
        await stream.SendAsync(new CancelledFrame(ErrorCode.NoError, "").Write);
        await broker.AcceptAsync();
        var read = consumer.ReadBatchAsync().AsTask();
        var again = await broker.AcceptConsumerAsync();
        await first![0].AckAsync();
        Assert.Equal("Ack 1-1", (await stream.ReadAsync()).AsSettle());
        Assert.Null(await stream.TryReadAsync()); // everything is settled there
        await stream.EndAsync();
        await again.DeliverAsync(1, "b");
        (await Within.TimeAsync(read, "the second"))!.Dispose();
        await again.EndAsync();
    }

    [Fact]
    public async Task Confirmed_settlement_that_was_lost_fails()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(ScriptedBroker.Recovering);
        await using var disposal = broker;
        var subscribing = client.SubscribeAsync("orders", new ConsumerOptions { ConfirmSettles = true });
        var stream = await broker.AcceptConsumerAsync();
        var consumer = await Within.TimeAsync(subscribing, "the subscription");
        await stream.DeliverAsync(1, "a");
        using var batch = await Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), "the delivery");
        var settled = batch![0].AckAsync().AsTask();
        Assert.Equal("Ack 1-1", (await stream.ReadAsync()).AsSettle());
        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");
        await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(settled, "the loss"));
        await broker.AcceptAsync();
        await Assert.ThrowsAsync<BrokerConnectionException>(() => batch[0].AckAsync().AsTask());
    }

    [Fact]
    public async Task Cancelled_read_and_disposal_end_the_wait_for_a_connection()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(ScriptedBroker.Recovering);
        await using var disposal = broker;
        var subscribing = client.SubscribeAsync("orders");
        await broker.AcceptConsumerAsync();
        var consumer = await Within.TimeAsync(subscribing, "the subscription");
        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");
        using var cancel = new CancellationTokenSource();
        var cancelled = consumer.ReadBatchAsync(cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Within.TimeAsync(cancelled, "the cancellation"));
        var read = consumer.ReadBatchAsync().AsTask();
        await Within.TimeAsync(consumer.DisposeAsync().AsTask(), "the end");
        Assert.Null(await Within.TimeAsync(read, "the read that waited for a connection"));
    }
}
