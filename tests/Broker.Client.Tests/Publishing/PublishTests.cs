using Broker.Client.Tests.Scripted;
using Broker.Protocol;

namespace Broker.Client.Tests.Publishing;

public sealed class PublishTests
{
    [Fact]
    public async Task A_publish_completes_with_its_confirm()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var options = new PublishOptions { Mandatory = true, Properties = new MessageProperties { ContentType = "text/plain" } };
        var publish = client.PublishAsync("shop", "order.created", "hello"u8.ToArray(), options);
        var stream = await broker.AcceptPublisherAsync();
        var frame = await stream.ReadAsync();
        Assert.Equal((1ul, PublishFlags.Mandatory | PublishFlags.Durable, "shop", "order.created", "hello"), frame.AsPublish());
        Assert.False(publish.IsCompleted);
        await stream.ConfirmAsync(new SequenceRange(1, 1));
        await Within.TimeAsync(publish, "the confirm");
    }

    [Fact]
    public async Task A_message_is_durable_unless_it_is_published_as_transient()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        _ = client.PublishAsync("", "orders", default);
        _ = client.PublishAsync("", "orders", default, new PublishOptions { Durable = false });
        var stream = await broker.AcceptPublisherAsync();
        Assert.Equal(PublishFlags.Durable, (await stream.ReadAsync()).AsPublish().Flags);
        Assert.Equal(PublishFlags.None, (await stream.ReadAsync()).AsPublish().Flags);
    }

    [Fact]
    public async Task A_shared_publisher_with_a_producer_id_numbers_nothing_before_it_knows_where_to_go_on()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(
            static options => options with { SharedPublisher = new PublisherOptions { ProducerId = "billing-1", FirstSequence = 1 } });
        await using var disposal = broker;
        using var cancel = new CancellationTokenSource();
        var publishes = Enumerable.Range(1, 3).Select(i => client.PublishAsync("", "orders", BitConverter.GetBytes(i))).ToArray();
        var cancelled = client.PublishAsync("", "orders", default, cancellationToken: cancel.Token);
        var stream = await broker.AcceptAsync(StreamKind.Publish);
        Assert.Equal("billing-1", (await stream.ReadAsync<PublisherOpenFrame>(FrameType.PublisherOpen, PublisherOpenFrame.TryRead)).ProducerId);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Within.TimeAsync(cancelled, "the cancellation"));

        // PUBLISHER_READY in two pieces: the first is not enough.
        await stream.Quic.Output.WriteAsync(new byte[] { 0x11 });
        Assert.True(stream.HasNoMore());
        await stream.Quic.Output.WriteAsync(new byte[] { 0x01, 41 });
        Assert.Equal([42ul, 43ul, 44ul], await stream.ReadPublishesAsync(3));
        await stream.ConfirmAsync(new SequenceRange(42, 44));
        await Within.TimeAsync(Task.WhenAll(publishes), "the confirms");
    }

    [Fact]
    public async Task Publishes_share_a_stream_and_keep_the_order_of_the_calls()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var publishes = Enumerable.Range(1, 100).Select(i => client.PublishAsync("", "orders", BitConverter.GetBytes(i))).ToArray();
        var stream = await broker.AcceptPublisherAsync();
        Assert.Equal(Enumerable.Range(1, 100).Select(static i => (ulong)i), await stream.ReadPublishesAsync(100));
        await stream.ConfirmAsync(new SequenceRange(1, 100));
        await Within.TimeAsync(Task.WhenAll(publishes), "the confirms");
        Assert.True(broker.HasNoStream(StreamKind.Publish));
    }

    [Fact]
    public async Task Confirms_may_come_in_any_order()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var publishes = Enumerable.Range(1, 10).Select(_ => client.PublishAsync("", "orders", default)).ToArray();
        var stream = await broker.AcceptPublisherAsync();
        await stream.ReadPublishesAsync(10);

        await stream.ConfirmAsync(new SequenceRange(2, 3), new SequenceRange(7, 8), new SequenceRange(10, 10));
        await Within.TimeAsync(Task.WhenAll(publishes[1], publishes[2], publishes[6], publishes[7], publishes[9]), "the first confirms");
        Assert.All((int[])[0, 3, 4, 5, 8], i => Assert.False(publishes[i].IsCompleted));
        await stream.ConfirmAsync(new SequenceRange(4, 6));
        await stream.ConfirmAsync(new SequenceRange(1, 1), new SequenceRange(9, 9));
        await Within.TimeAsync(Task.WhenAll(publishes), "the others");
    }

    [Fact]
    public async Task Returned_and_rejected_messages_fail_alone()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var publishes = Enumerable.Range(1, 3).Select(_ => client.PublishAsync("", "orders", default)).ToArray();
        var stream = await broker.AcceptPublisherAsync();
        await stream.ReadPublishesAsync(3);
        await stream.SendAsync(
            new ReturnFrame(1, ErrorCode.Unroutable, "no queue").Write,
            new RejectFrame(3, ErrorCode.ResourceExhausted, "full").Write);
        await stream.ConfirmAsync(new SequenceRange(2, 2));

        var returned = await Assert.ThrowsAsync<PublishReturnedException>(() => Within.TimeAsync(publishes[0], "the return"));
        Assert.Equal((1ul, ErrorCode.Unroutable, "no queue", false), (returned.Sequence, returned.ErrorCode, returned.Reason, returned.IsRetryable));
        var rejected = await Assert.ThrowsAsync<PublishRejectedException>(() => Within.TimeAsync(publishes[2], "the rejection"));
        Assert.Equal((3ul, ErrorCode.ResourceExhausted, true), (rejected.Sequence, rejected.ErrorCode, rejected.IsRetryable));
        await Within.TimeAsync(publishes[1], "the confirm");
    }

    [Fact]
    public async Task A_fault_of_the_stream_fails_what_waits_and_the_next_publish_opens_another()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var first = client.PublishAsync("", "orders", default);
        var stream = await broker.AcceptPublisherAsync();
        await stream.ReadPublishesAsync(1);
        await stream.FailAsync(ErrorCode.NotLeader, "moved");
        var fault = await Assert.ThrowsAsync<BrokerStreamException>(() => Within.TimeAsync(first, "the fault"));
        Assert.Equal((ErrorCode.NotLeader, "moved", true), (fault.ErrorCode, fault.Reason, fault.IsRetryable));

        var second = client.PublishAsync("", "orders", default);
        var other = await broker.AcceptPublisherAsync();
        await other.ReadPublishesAsync(1);
        await other.ConfirmAsync(new SequenceRange(1, 1));
        await Within.TimeAsync(second, "the confirm");
    }

    [Fact]
    public async Task A_stream_that_is_reset_fails_what_waits_with_its_code()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var publish = client.PublishAsync("", "orders", default);
        var stream = await broker.AcceptPublisherAsync();
        stream.Quic.Reset((long)ErrorCode.InternalError);
        var fault = await Assert.ThrowsAsync<BrokerStreamException>(() => Within.TimeAsync(publish, "the fault"));
        Assert.Equal(ErrorCode.InternalError, fault.ErrorCode);
        Assert.False(client.Closed.IsCompleted);
    }

    [Fact]
    public async Task A_cancelled_publish_abandons_its_outcome_only()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        using var cancel = new CancellationTokenSource();
        var first = client.PublishAsync("", "orders", default, cancellationToken: cancel.Token);
        var second = client.PublishAsync("", "orders", default);
        var stream = await broker.AcceptPublisherAsync();
        await stream.ReadPublishesAsync(2);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Within.TimeAsync(first, "the cancellation"));

        await stream.SendAsync(new RejectFrame(1, ErrorCode.NotFound, "nobody hears this").Write);
        await stream.ConfirmAsync(new SequenceRange(2, 2));
        await Within.TimeAsync(second, "the confirm");
    }

    [Fact]
    public async Task A_message_over_the_nodes_limit_is_not_sent()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        var connecting = BrokerClient.ConnectAsync(broker.Options);
        await broker.AcceptAsync(new WelcomeFrame { NodeId = "n", MaxMessageBytes = 1024 });
        var client = await Within.TimeAsync(connecting, "the client");
        var rejected = await Assert.ThrowsAsync<PublishRejectedException>(() => client.PublishAsync("", "orders", new byte[1024]));
        Assert.Equal(ErrorCode.MessageTooLarge, rejected.ErrorCode);
        await Assert.ThrowsAsync<ArgumentException>(() => client.PublishAsync(new string('x', 256), "orders", default));

        var publish = client.PublishAsync("", "orders", new byte[1000]);
        var stream = await broker.AcceptPublisherAsync();
        Assert.Equal([1ul], await stream.ReadPublishesAsync(1));
        await stream.ConfirmAsync(new SequenceRange(1, 1));
        await Within.TimeAsync(publish, "the confirm");
    }

    [Theory]
    [InlineData("130301", "0200", "a sequence that was never published")]
    [InlineData("1303010100130301", "0100", "an outcome twice")]
    [InlineData("2000", "", "a frame of another kind of stream")]
    [InlineData("110100", "", "PUBLISHER_READY twice")]
    [InlineData("1301", "ff", "a malformed frame")]
    public async Task An_outcome_that_cannot_be_closes_the_connection(string head, string tail, string why)
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var publish = client.PublishAsync("", "orders", default);
        var stream = await broker.AcceptPublisherAsync();
        await stream.ReadPublishesAsync(1);
        await stream.Quic.Output.WriteAsync(Convert.FromHexString(head + tail));
        Assert.True((await broker.ClosedByClientAsync()).Code is ErrorCode.ProtocolViolation, why);
        Assert.Equal(ErrorCode.ProtocolViolation, (await Within.TimeAsync(client.Closed, "the end"))!.ErrorCode);
        await publish.ContinueWith(static _ => { }, TaskScheduler.Default);
    }

    [Fact]
    public async Task A_second_outcome_while_an_older_message_waits_closes_the_connection()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var first = client.PublishAsync("", "orders", default);
        var second = client.PublishAsync("", "orders", default);
        var stream = await broker.AcceptPublisherAsync();
        await stream.ReadPublishesAsync(2);
        await stream.ConfirmAsync(new SequenceRange(2, 2));
        await Within.TimeAsync(second, "the confirm");
        await stream.ConfirmAsync(new SequenceRange(2, 2));
        Assert.Equal(ErrorCode.ProtocolViolation, (await broker.ClosedByClientAsync()).Code);
        await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(first, "the end"));
    }

    [Fact]
    public async Task Blocked_and_unblocked_change_nothing()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var publish = client.PublishAsync("", "orders", default);
        var stream = await broker.AcceptPublisherAsync();
        await stream.ReadPublishesAsync(1);
        await stream.SendAsync(new BlockedFrame("memory").Write, new UnblockedFrame().Write);
        await stream.ConfirmAsync(new SequenceRange(1, 1));
        await Within.TimeAsync(publish, "the confirm");
    }
}
