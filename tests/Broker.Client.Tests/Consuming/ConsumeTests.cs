using System.Text;
using Broker.Client.Tests.Scripted;
using Broker.Protocol;

namespace Broker.Client.Tests.Consuming;

public sealed class ConsumeTests
{
    private static readonly ConsumerOptions s_neverByTime = new() { SettleDelay = Timeout.InfiniteTimeSpan };

    [Fact]
    public async Task Subscribing_asks_for_what_the_options_say()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var subscribing = client.SubscribeAsync(
            "orders", new ConsumerOptions { PrefetchMessages = 7, PrefetchBytes = 900, Exclusive = true, NoAck = true, ConsumerTag = "me" });
        await broker.AcceptConsumerAsync(static subscribe =>
        {
            Assert.Equal(("orders", "me", 7ul, 900ul), (subscribe.Queue, subscribe.ConsumerTag, subscribe.CreditMessages, subscribe.CreditBytes));
            Assert.Equal(SubscribeFlags.Exclusive | SubscribeFlags.NoAck, subscribe.Flags);
        });
        Assert.Equal("c-1", (await Within.TimeAsync(subscribing, "the subscription")).ConsumerTag);
    }

    [Fact]
    public async Task A_delivery_has_what_was_published()
    {
        var (_, consumer, stream) = await OpenAsync();
        await stream.DeliverAsync(1, "hello", DeliverFlags.Redelivered | DeliverFlags.Durable);
        using var batch = await ReadAsync(consumer);
        var delivery = Assert.Single(batch);
        Assert.Equal(("", "orders", "hello"), (delivery.Exchange, delivery.RoutingKey, Text(delivery)));
        Assert.Equal((1ul, true, true, 1L), (delivery.Tag, delivery.Redelivered, delivery.Durable, delivery.DeliveryCount));
        Assert.Equal(new MessageProperties(), delivery.Properties);
    }

    [Fact]
    public async Task Settlements_are_joined_and_sent_when_the_reader_would_wait()
    {
        var (_, consumer, stream) = await OpenAsync(s_neverByTime);
        await DeliverAsync(stream, 1, 6);
        using var batch = await ReadAsync(consumer, 6);
        foreach (var i in (int[])[2, 0, 1, 4])
        {
            await batch[i].AckAsync();
        }

        await batch[3].RequeueAsync();
        await batch[5].RejectAsync();
        Assert.True(stream.HasNoMore());

        var read = consumer.ReadBatchAsync().AsTask();
        Assert.Equal("Ack 1-3 5-5", (await stream.ReadAsync()).AsSettle());
        Assert.Equal("Requeue 4-4", (await stream.ReadAsync()).AsSettle());
        Assert.Equal("Reject 6-6", (await stream.ReadAsync()).AsSettle());
        var credit = await stream.ReadAsync<CreditFrame>(FrameType.Credit, CreditFrame.TryRead);
        Assert.Equal((6ul, (ulong)batch.SizeBytes), (credit.Messages, credit.Bytes));
        Assert.False(read.IsCompleted);
    }

    [Fact]
    public async Task A_settlement_while_the_reader_waits_is_sent_at_once()
    {
        var (_, consumer, stream) = await OpenAsync(s_neverByTime);
        await stream.DeliverAsync(1, "a");
        using var batch = await ReadAsync(consumer);
        var read = consumer.ReadBatchAsync().AsTask();
        await batch[0].AckAsync();
        Assert.Equal("Ack 1-1", (await stream.ReadAsync()).AsSettle());
        Assert.False(read.IsCompleted);
    }

    [Fact]
    public async Task A_settlement_that_nobody_sends_goes_after_its_delay()
    {
        var (_, consumer, stream) = await OpenAsync(new ConsumerOptions { SettleDelay = TimeSpan.FromMilliseconds(5) });
        await stream.DeliverAsync(1, "a");
        using var batch = await ReadAsync(consumer);
        await batch[0].AckAsync();
        Assert.Equal("Ack 1-1", (await stream.ReadAsync()).AsSettle());
    }

    [Fact]
    public async Task Credit_comes_back_before_the_prefetch_is_used_up()
    {
        var (_, consumer, stream) = await OpenAsync(s_neverByTime with { PrefetchMessages = 8 });
        await DeliverAsync(stream, 1, 8);
        using var batch = await ReadAsync(consumer, 8);
        await batch[0].AckAsync();
        Assert.True(stream.HasNoMore());
        await batch[1].AckAsync();
        Assert.Equal("Ack 1-2", (await stream.ReadAsync()).AsSettle());
        Assert.Equal(2ul, (await stream.ReadAsync<CreditFrame>(FrameType.Credit, CreditFrame.TryRead)).Messages);
    }

    [Fact]
    public async Task A_whole_batch_is_settled_by_one_range()
    {
        var (_, consumer, stream) = await OpenAsync(s_neverByTime);
        await DeliverAsync(stream, 1, 50);
        using var batch = await ReadAsync(consumer, 50);
        await batch.AckAllAsync();
        consumer.FlushSettlements();
        Assert.Equal("Ack 1-50", (await stream.ReadAsync()).AsSettle());
    }

    [Fact]
    public async Task A_message_is_settled_once()
    {
        var (_, consumer, stream) = await OpenAsync(s_neverByTime);
        await DeliverAsync(stream, 1, 3);
        using var batch = await ReadAsync(consumer, 3);
        await batch[1].AckAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() => batch[1].RejectAsync().AsTask());
        await Assert.ThrowsAsync<InvalidOperationException>(() => batch.AckAllAsync().AsTask());
        consumer.FlushSettlements();
        Assert.Equal("Ack 2-2", (await stream.ReadAsync()).AsSettle());
    }

    [Fact]
    public async Task Settling_without_confirmation_allocates_nothing_for_each_message()
    {
        const int Count = 1000;
        var (_, consumer, stream) = await OpenAsync(s_neverByTime);
        var allocated = long.MaxValue;
        for (var round = 0ul; round < 3; round++)
        {
            await DeliverAsync(stream, (round * Count) + 1, Count);
            using var batch = await ReadAsync(consumer, Count);
            allocated = Math.Min(allocated, await AckAsync(batch));
        }

        // Less than the smallest object for each message, in a round in which no buffer grew.
        Assert.InRange(allocated, 0, 16 * Count);

        static async Task<long> AckAsync(DeliveryBatch batch)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < batch.Count; i++)
            {
                await batch[i].AckAsync();
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Fact]
    public async Task Without_acknowledgements_reading_gives_credit_and_settling_is_refused()
    {
        var (_, consumer, stream) = await OpenAsync(s_neverByTime with { NoAck = true, PrefetchMessages = 2 });
        await stream.DeliverAsync(1, "a");
        using var batch = await ReadAsync(consumer);
        Assert.Equal(1ul, (await stream.ReadAsync<CreditFrame>(FrameType.Credit, CreditFrame.TryRead)).Messages);
        await Assert.ThrowsAsync<InvalidOperationException>(() => batch[0].AckAsync().AsTask());
        await Assert.ThrowsAsync<InvalidOperationException>(() => batch.AckAllAsync().AsTask());
    }

    [Fact]
    public async Task A_read_that_is_cancelled_loses_nothing()
    {
        var (_, consumer, stream) = await OpenAsync();
        for (var i = 1ul; i <= 20; i++)
        {
            using var cancel = new CancellationTokenSource();
            var read = consumer.ReadBatchAsync(cancel.Token).AsTask();
            await cancel.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Within.TimeAsync(read, "the cancellation"));
            await stream.DeliverAsync(i, $"{i}");
            using var batch = await ReadAsync(consumer);
            Assert.Equal($"{i}", Text(Assert.Single(batch)));
        }
    }

    [Fact]
    public async Task Only_one_may_read_at_a_time()
    {
        var (_, consumer, _) = await OpenAsync();
        _ = consumer.ReadBatchAsync().AsTask();
        await Assert.ThrowsAsync<InvalidOperationException>(() => consumer.ReadBatchAsync().AsTask());
    }

    [Fact]
    public async Task A_message_larger_than_the_streams_window_comes_through()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(static options => options with { StreamReceiveWindow = 16 << 10 });
        await using var disposal = broker;
        var (consumer, stream) = await SubscribeAsync(broker, client, null);
        var body = Enumerable.Range(0, 3_000_000).Select(static i => (byte)(i % 253)).ToArray();
        var sending = stream.DeliverAsync(1, body);
        using var batch = await ReadAsync(consumer);
        Assert.True(batch[0].Body.Span.SequenceEqual(body));
        await Within.TimeAsync(sending, "the sender");
    }

    [Fact]
    public async Task Bodies_from_the_loop_may_be_kept()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var kept = new List<Delivery>();
        var loop = Task.Run(async () =>
        {
            await foreach (var delivery in client.ConsumeAsync("orders"))
            {
                kept.Add(delivery);
                if (kept.Count == 300)
                {
                    break;
                }
            }
        });
        var stream = await broker.AcceptConsumerAsync();
        await DeliverAsync(stream, 1, 300);
        Assert.Null(await stream.TryReadAsync());
        await stream.EndAsync();
        await Within.TimeAsync(loop, "the loop");
        Assert.Equal(Enumerable.Range(1, 300).Select(static i => $"{i}"), kept.Select(Text));
    }

    private static string Text(Delivery delivery) => Encoding.UTF8.GetString(delivery.Body.Span);

    private static async Task DeliverAsync(PeerStream stream, ulong first, int count)
    {
        for (var tag = first; tag < first + (ulong)count; tag++)
        {
            await stream.DeliverAsync(tag, $"{tag}");
        }
    }

    /// <summary>One read, or with a count the single batch that holds them all.</summary>
    private static async Task<DeliveryBatch> ReadAsync(Consumer consumer, int count = 1)
    {
        var batch = await Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), "a delivery");
        Assert.Equal(count, batch!.Count);
        return batch;
    }

    private static async Task<(BrokerClient Client, Consumer Consumer, PeerStream Stream)> OpenAsync(ConsumerOptions? options = null)
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        var (consumer, stream) = await SubscribeAsync(broker, client, options);
        return (client, consumer, stream);
    }

    private static async Task<(Consumer Consumer, PeerStream Stream)> SubscribeAsync(ScriptedBroker broker, BrokerClient client, ConsumerOptions? options)
    {
        var subscribing = client.SubscribeAsync("orders", options);
        var stream = await broker.AcceptConsumerAsync();
        return (await Within.TimeAsync(subscribing, "the subscription"), stream);
    }
}
