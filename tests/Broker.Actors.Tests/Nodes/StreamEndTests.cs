using System.Text.Json;
using Broker.Actors.Server;
using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Actors.Tests.Nodes;

/// <summary>How streams end: by the client's FIN after everything is answered, or by ERROR.</summary>
public sealed class StreamEndTests
{
    [Fact]
    public async Task Requests_before_FIN_are_all_answered()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var requests = await client.OpenAsync(StreamKind.Request);
        await requests.SendAsync(
            w => new DeclareQueueFrame { RequestId = 1, Name = "orders" }.Write(w),
            w => new DeclareQueueFrame { RequestId = 2, Name = "orders" }.Write(w),
            w => new GetFrame(3, "orders", GetFlags.None).Write(w));
        await requests.Quic.Output.CompleteAsync();

        await requests.ExpectAsync(FrameType.QueueOk);
        await requests.ExpectAsync(FrameType.QueueOk);
        await requests.ExpectAsync(FrameType.GetEmpty);
        Assert.Null(await requests.ReadAsync());
    }

    [Fact]
    public async Task Settlements_before_FIN_are_carried_out_and_confirmed()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "orders", "a");
        await publisher.PublishAsync(2, "", "orders", "b");
        await publisher.ExpectConfirmsAsync(2);
        await using var consumer = await client.SubscribeAsync("orders", flags: SubscribeFlags.ConfirmSettles);
        await consumer.ExpectDeliveryAsync();
        await consumer.ExpectDeliveryAsync();

        await consumer.SendAsync(w => SettleFrame.Write(w, SettleOutcome.Ack, [new SequenceRange(1, 1)]));
        await consumer.Quic.Output.CompleteAsync();

        var ranges = new List<SequenceRange>();
        Assert.True(SettledFrame.TryRead(await consumer.ExpectAsync(FrameType.Settled), ranges, out _));
        Assert.Equal([new SequenceRange(1, 1)], ranges);
        Assert.Null(await consumer.ReadAsync());
        await using var next = await client.SubscribeAsync("orders");
        var again = await next.ExpectDeliveryAsync();
        Assert.Equal(("b", DeliverFlags.Redelivered), (again.Text, again.Flags));
    }

    [Fact]
    public async Task A_subscription_that_ends_at_once_is_answered_first()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        await using var consumer = await client.OpenAsync(StreamKind.Consume);
        await consumer.SendAsync(w => new SubscribeFrame { Queue = "orders", CreditMessages = 1, CreditBytes = 1 }.Write(w));
        await consumer.Quic.Output.CompleteAsync();

        await consumer.ExpectAsync(FrameType.Subscribed);
        Assert.Null(await consumer.ReadAsync());
    }

    [Fact]
    public async Task Commands_before_FIN_are_all_answered()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync(Transport.Tests.TestCertificates.AdminClient);
        await using var admin = await client.OpenAsync(StreamKind.Admin);
        var options = JsonSerializer.SerializeToUtf8Bytes(new { });
        await admin.SendAsync(
            w => new AdminRequestFrame(1, "queue list", options).Write(w),
            w => new AdminRequestFrame(2, "no such command", options).Write(w));
        await admin.Quic.Output.CompleteAsync();

        Assert.True(AdminEndFrame.TryRead(await admin.ExpectAsync(FrameType.AdminEnd), out var listed, out _));
        Assert.Equal((1UL, ErrorCode.NoError), (listed.RequestId, listed.Code));
        Assert.True(AdminEndFrame.TryRead(await admin.ExpectAsync(FrameType.AdminEnd), out var unknown, out _));
        Assert.Equal((2UL, ErrorCode.NotFound), (unknown.RequestId, unknown.Code));
        Assert.Null(await admin.ReadAsync());
    }

    [Fact]
    public async Task Settling_what_was_settled_when_it_was_sent_breaks_the_protocol()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        await using var consumer = await client.SubscribeAsync("orders", flags: SubscribeFlags.NoAck);
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 1));

        Assert.Equal(ErrorCode.ProtocolViolation, (await consumer.ExpectErrorAsync()).Code);
        Assert.Null(await consumer.ReadAsync());
    }

    [Fact]
    public async Task An_unknown_kind_of_stream_is_refused_with_a_reason()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var stream = await client.OpenAsync((StreamKind)63);

        var error = await stream.ExpectErrorAsync();
        Assert.Equal(ErrorCode.UnknownStreamKind, error.Code);
        Assert.Contains("63", error.Reason, StringComparison.Ordinal);
        Assert.Null(await stream.ReadAsync());
        await client.DeclareQueueAsync("orders");
    }

    [Fact]
    public async Task A_stream_that_ends_before_its_kind_is_refused_with_a_reason()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var stream = new WireStream(await client.Quic.OpenStreamAsync());
        stream.Quic.Output.GetSpan(1)[0] = 0x40; // the first of two bytes
        stream.Quic.Output.Advance(1);
        await stream.Quic.Output.CompleteAsync();

        Assert.Equal(ErrorCode.ProtocolViolation, (await stream.ExpectErrorAsync()).Code);
        Assert.Null(await stream.ReadAsync());
    }

    [Fact]
    public async Task Publisher_gets_all_its_confirms_before_the_end()
    {
        const int Count = 5000;
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.BindAsync("logs", "fanout", "", "a", "b", "c");
        var publisher = await client.OpenAsync(StreamKind.Publish);
        await publisher.SendAsync(w =>
        {
            new PublisherOpenFrame("").Write(w);
            for (var i = 1; i <= Count; i++)
            {
                WireStream.WritePublish(w, (ulong)i, "logs", "", "body"u8.ToArray());
            }
        });
        publisher.Finish();
        await publisher.ExpectAsync(FrameType.PublisherReady);
        var confirmed = await publisher.ExpectConfirmsAsync(Count);
        Assert.Equal(Enumerable.Range(1, Count).Select(i => (ulong)i), confirmed.Order());
        await publisher.ExpectEndAsync();
    }

    [Fact]
    public async Task Publisher_that_has_ended_is_still_confirmed_when_a_full_queue_drains()
    {
        await using var broker = await BrokerFixture.StartAsync(new BrokerLimits { Queue = new QueueLimits { MaxMessages = 1 } });
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "orders", "one");
        await publisher.ExpectConfirmsAsync(1);
        await publisher.PublishAsync(2, "", "orders", "two");
        publisher.Finish();
        await publisher.ExpectAsync(FrameType.Blocked);

        await using var consumer = await client.SubscribeAsync("orders", flags: SubscribeFlags.NoAck);
        Assert.Equal(["one", "two"], await consumer.ExpectBodiesAsync(2));
        Assert.Equal([2UL], await publisher.ExpectConfirmsAsync(1));
        await publisher.ExpectAsync(FrameType.Unblocked);
        await publisher.ExpectEndAsync();
    }

    [Fact]
    public async Task Wrong_settlement_before_the_end_is_still_a_fault()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        var consumer = await client.SubscribeAsync("orders");
        SettleFrame.Write(consumer.Quic.Output, SettleOutcome.Ack, [new SequenceRange(1, 1)]);
        consumer.Finish();
        Assert.Equal(ErrorCode.UnknownDeliveryTag, (await consumer.ExpectErrorAsync()).Code);
        await consumer.ExpectEndAsync();
    }

    [Fact]
    public async Task Echo_sends_back_every_byte_and_then_the_end()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        var echo = await client.OpenAsync(StreamKind.Echo);
        var sent = new byte[3 << 20];
        new Random(7).NextBytes(sent);
        var sending = Task.Run(async () =>
        {
            foreach (var chunk in sent.Chunk(70_000))
            {
                await echo.SendBytesAsync(chunk);
            }

            echo.Finish();
        });
        var received = await echo.ReadBytesAsync();
        await sending;
        Assert.True(sent.AsSpan().SequenceEqual(received), $"sent {sent.Length} bytes, got {received.Length}, or others");
    }

    [Fact]
    public async Task Cancellation_before_the_end_is_answered()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        var consumer = await client.SubscribeAsync("orders");
        default(CancelFrame).Write(consumer.Quic.Output);
        consumer.Finish();
        Assert.Equal(ErrorCode.NoError, (await consumer.ExpectCancelledAsync()).Code);
        await consumer.ExpectEndAsync();
    }

    [Fact]
    public async Task Consumer_that_ends_loses_no_message_that_needs_no_settlement()
    {
        const int Count = 20_000;
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        await using var publisher = await client.OpenPublisherAsync();
        var publishing = Task.Run(async () =>
        {
            for (var i = 1; i <= Count; i++)
            {
                await publisher.PublishAsync((ulong)i, "", "orders", "body");
            }
        });
        var got = 0;
        while (!publishing.IsCompleted)
        {
            var consumer = await client.SubscribeAsync("orders", messages: 1000, flags: SubscribeFlags.NoAck);
            consumer.Finish();
            while (await consumer.ReadAsync() is { } frame)
            {
                Assert.Equal(FrameType.Deliver, frame.Type);
                got++;
            }

            await consumer.DisposeAsync();
        }

        await publishing;
        await publisher.ExpectConfirmsAsync(Count);
        await using var requests = await client.OpenRequestsAsync();
        await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = "orders" }.Write(w));
        Assert.Equal(Count, got + (int)(await requests.ExpectQueueOkAsync()).Messages);
    }
}
