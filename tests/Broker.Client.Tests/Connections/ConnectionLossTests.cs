using Broker.Client.Tests.Scripted;
using Broker.Protocol;

namespace Broker.Client.Tests.Connections;

public sealed class ConnectionLossTests
{
    [Fact]
    public async Task Everything_under_way_fails_with_the_servers_code_and_reason()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var publish = client.PublishAsync("", "orders", "a"u8.ToArray());
        var declare = client.DeclareQueueAsync("orders");
        var subscribing = client.SubscribeAsync("orders");
        await broker.AcceptConsumerAsync();
        var consumer = await Within.TimeAsync(subscribing, "the subscription");
        var read = consumer.ReadBatchAsync().AsTask();
        var opening = client.CreatePublisherAsync();
        await broker.AcceptPublisherAsync();
        await broker.AcceptPublisherAsync();
        var publisher = await Within.TimeAsync(opening, "the publisher");
        await publisher.PublishAsync("", "orders", "b"u8.ToArray());
        var flush = publisher.FlushAsync();

        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "maintenance");

        foreach (var task in (Task[])[publish, declare, read, flush])
        {
            var lost = await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(task, "the failure"));
            Assert.Equal((ErrorCode.ShuttingDown, "maintenance", true), (lost.ErrorCode, lost.Reason, lost.IsRetryable));
        }

        var reason = await Within.TimeAsync(client.Closed, "the end");
        Assert.Equal(ErrorCode.ShuttingDown, reason!.ErrorCode);
        await Assert.ThrowsAsync<BrokerConnectionException>(() => client.PublishAsync("", "orders", "c"u8.ToArray()));
        await Assert.ThrowsAsync<BrokerConnectionException>(() => client.SubscribeAsync("orders"));
        await Assert.ThrowsAsync<BrokerConnectionException>(() => client.GetAsync("orders"));
        await Assert.ThrowsAsync<BrokerConnectionException>(() => client.PingAsync());
        await client.DisposeAsync();
    }

    [Fact]
    public async Task An_unwarranted_close_is_not_worth_a_retry()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        await using var disposeClient = client;
        await broker.Connection.CloseAsync((long)ErrorCode.AccessRefused, "certificate revoked");
        var reason = await Within.TimeAsync(client.Closed, "the end");
        Assert.Equal((ErrorCode.AccessRefused, false), (reason!.ErrorCode, reason.IsRetryable));
    }

    [Fact]
    public async Task Disposing_says_goodbye_without_a_reason()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        await client.DisposeAsync();
        await client.DisposeAsync();
        Assert.Null(await Within.TimeAsync(client.Closed, "the end"));
        Assert.Equal(ErrorCode.NoError, (await broker.ClosedByClientAsync()).Code);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.PublishAsync("", "orders", default));
    }

    [Fact]
    public async Task Disposing_lets_publishers_and_consumers_finish()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var subscribing = client.SubscribeAsync("orders", new ConsumerOptions { SettleDelay = Timeout.InfiniteTimeSpan });
        var consume = await broker.AcceptConsumerAsync();
        var consumer = await Within.TimeAsync(subscribing, "the subscription");
        await consume.DeliverAsync(1, "a");
        using var batch = await Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), "the delivery");
        await batch![0].AckAsync();
        var published = client.PublishAsync("", "orders", "a"u8.ToArray());

        var disposing = client.DisposeAsync().AsTask();
        Assert.Equal("Ack 1-1", (await consume.ReadAsync()).AsSettle());
        Assert.Equal(FrameType.Credit, (await consume.ReadAsync()).Type);
        Assert.Null(await consume.TryReadAsync());
        await consume.EndAsync();
        var publish = await broker.AcceptPublisherAsync();
        await publish.ReadPublishesAsync(1);
        Assert.Null(await publish.TryReadAsync());
        await publish.ConfirmAsync(new SequenceRange(1, 1));
        await publish.EndAsync();

        await Within.TimeAsync(published, "the confirm");
        await Within.TimeAsync(disposing, "the end");
        Assert.Equal(ErrorCode.NoError, (await broker.ClosedByClientAsync()).Code);
    }

    [Fact]
    public async Task A_node_that_goes_away_lets_streams_finish_and_opens_no_more()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        await using var disposeClient = client;
        var first = client.PublishAsync("", "orders", "a"u8.ToArray());
        var stream = await broker.AcceptPublisherAsync();
        await stream.ReadPublishesAsync(1);

        await broker.Control.SendAsync(new GoAwayFrame(ErrorCode.ShuttingDown, "drain").Write);
        await stream.ConfirmAsync(new SequenceRange(1, 1));
        await Within.TimeAsync(first, "the confirm");
        await Eventually(() => client.IsGoingAway);

        var refused = await Assert.ThrowsAsync<BrokerConnectionException>(() => client.SubscribeAsync("orders"));
        Assert.Equal((ErrorCode.ShuttingDown, true), (refused.ErrorCode, refused.IsRetryable));
        var second = client.PublishAsync("", "orders", "b"u8.ToArray());
        await stream.ReadPublishesAsync(1);
        await stream.ConfirmAsync(new SequenceRange(2, 2));
        await Within.TimeAsync(second, "the stream that was open already");
        await stream.EndAsync();
    }

    [Theory]
    [InlineData("0100")]
    [InlineData("0c00")]
    [InlineData("04020100")]
    public async Task A_frame_that_does_not_belong_on_the_control_stream_closes_the_connection(string hex)
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        await using var disposeClient = client;
        await broker.Control.Quic.Output.WriteAsync(Convert.FromHexString(hex));
        Assert.Equal(ErrorCode.ProtocolViolation, (await broker.ClosedByClientAsync()).Code);
        Assert.Equal(ErrorCode.ProtocolViolation, (await Within.TimeAsync(client.Closed, "the end"))!.ErrorCode);
    }

    private static async Task Eventually(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!condition())
        {
            limit.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }
}
