using System.Text;
using Broker.Client.Tests.Scripted;
using Broker.Protocol;

namespace Broker.Client.Tests.Consuming;

public sealed class ConfirmedSettlementTests
{
    // Whatever is sent although the delay never ends is sent at once.
    private static readonly ConsumerOptions s_confirmed = new() { ConfirmSettles = true, SettleDelay = Timeout.InfiniteTimeSpan };

    [Fact]
    public async Task Subscribing_asks_for_confirmations_when_the_options_do()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var subscribing = client.SubscribeAsync("orders", s_confirmed);
        await broker.AcceptConsumerAsync(static subscribe => Assert.Equal(SubscribeFlags.ConfirmSettles, subscribe.Flags));
        await Within.TimeAsync(subscribing, "the subscription");
        await Assert.ThrowsAsync<ArgumentException>(() => client.SubscribeAsync("orders", s_confirmed with { NoAck = true }));
    }

    [Fact]
    public async Task An_ack_completes_when_the_broker_has_confirmed_it_although_nobody_reads()
    {
        var (consumer, stream) = await OpenAsync(s_confirmed);
        using var batch = await DeliverAsync(consumer, stream, 3);
        Task[] settling = [batch[0].AckAsync().AsTask(), batch[1].RequeueAsync().AsTask(), batch[2].RejectAsync().AsTask()];
        await ReadSettlesAsync(stream, 3);
        Assert.All(settling, static task => Assert.False(task.IsCompleted));
        await stream.SettledAsync(new SequenceRange(1, 3));
        await Within.TimeAsync(Task.WhenAll(settling), "the confirmations");
    }

    [Fact]
    public async Task Confirmations_may_come_in_any_order()
    {
        var (consumer, stream) = await OpenAsync(s_confirmed);
        using var batch = await DeliverAsync(consumer, stream, 4);
        var settling = batch.Select(static delivery => delivery.AckAsync().AsTask()).ToArray();
        await stream.SettledAsync(new SequenceRange(2, 2), new SequenceRange(4, 4));
        await Within.TimeAsync(Task.WhenAll(settling[1], settling[3]), "the first confirmations");
        Assert.Equal((false, false), (settling[0].IsCompleted, settling[2].IsCompleted));
        await stream.SettledAsync(new SequenceRange(3, 3));
        await Within.TimeAsync(settling[2], "the next");
        Assert.False(settling[0].IsCompleted);
        await stream.SettledAsync(new SequenceRange(1, 1));
        await Within.TimeAsync(settling[0], "the last");
    }

    [Fact]
    public async Task A_batch_is_confirmed_when_its_last_piece_is()
    {
        var (consumer, stream) = await OpenAsync(s_confirmed);
        using var batch = await DeliverAsync(consumer, stream, 50);
        var settling = batch.AckAllAsync().AsTask();
        Assert.Equal("Ack 1-50", (await stream.ReadAsync()).AsSettle());
        await stream.SettledAsync(new SequenceRange(1, 20), new SequenceRange(31, 50));
        await stream.SettledAsync(new SequenceRange(22, 30));
        await stream.DeliverAsync(51, "51");
        using var next = await ReadAsync(consumer);
        Assert.False(settling.IsCompleted);
        await stream.SettledAsync(new SequenceRange(21, 21));
        await Within.TimeAsync(settling, "the confirmation");
    }

    [Fact]
    public async Task A_confirmation_that_comes_again_is_passed_over()
    {
        var (consumer, stream) = await OpenAsync(s_confirmed);
        using var batch = await DeliverAsync(consumer, stream, 2);
        var first = batch[0].AckAsync().AsTask();
        await stream.SettledAsync(new SequenceRange(1, 1));
        await Within.TimeAsync(first, "the confirmation");
        var second = batch[1].AckAsync().AsTask();
        await stream.SettledAsync(new SequenceRange(1, 1));
        await stream.SettledAsync(new SequenceRange(1, 2));
        await Within.TimeAsync(second, "the confirmation");
    }

    [Fact]
    public async Task A_message_is_settled_once_also_after_its_confirmation()
    {
        var (consumer, stream) = await OpenAsync(s_confirmed);
        using var batch = await DeliverAsync(consumer, stream, 2);
        var settling = batch[0].AckAsync().AsTask();
        await Assert.ThrowsAsync<InvalidOperationException>(() => batch[0].RejectAsync().AsTask());
        await stream.SettledAsync(new SequenceRange(1, 1));
        await Within.TimeAsync(settling, "the confirmation");
        await Assert.ThrowsAsync<InvalidOperationException>(() => batch.AckAllAsync().AsTask());
        Assert.Equal("Ack 1-1", (await stream.ReadAsync()).AsSettle());
        Assert.Equal(FrameType.Credit, (await stream.ReadAsync()).Type);
        Assert.True(stream.HasNoMore());
    }

    [Fact]
    public async Task A_reader_that_waits_for_messages_takes_the_confirmations()
    {
        var (consumer, stream) = await OpenAsync(s_confirmed);
        using var batch = await DeliverAsync(consumer, stream, 1);
        var read = consumer.ReadBatchAsync().AsTask();
        var settling = batch[0].AckAsync().AsTask();
        await stream.SettledAsync(new SequenceRange(1, 1));
        await Within.TimeAsync(settling, "the confirmation");
        Assert.False(read.IsCompleted);
        await stream.DeliverAsync(2, "b");
        Assert.Equal(2ul, (await Within.TimeAsync(read, "the delivery"))![0].Tag);
    }

    [Fact]
    public async Task Settlers_read_on_when_the_reader_has_what_it_wants()
    {
        var (consumer, stream) = await OpenAsync(s_confirmed);
        using var batch = await DeliverAsync(consumer, stream, 1);
        var read = consumer.ReadBatchAsync().AsTask();
        var settling = batch[0].AckAsync().AsTask();
        await stream.DeliverAsync(2, "b");
        await Within.TimeAsync(read, "the delivery");
        await stream.SettledAsync(new SequenceRange(1, 1));
        await Within.TimeAsync(settling, "the confirmation");
    }

    [Fact]
    public async Task Settlers_read_on_when_the_reader_is_cancelled()
    {
        var (consumer, stream) = await OpenAsync(s_confirmed);
        using var batch = await DeliverAsync(consumer, stream, 20);
        for (var i = 0; i < batch.Count; i++)
        {
            using var cancel = new CancellationTokenSource();
            var settling = batch[i].AckAsync().AsTask();
            var read = consumer.ReadBatchAsync(cancel.Token).AsTask();
            await cancel.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Within.TimeAsync(read, "the cancellation"));
            await stream.SettledAsync(new SequenceRange(batch[i].Tag, batch[i].Tag));
            await Within.TimeAsync(settling, "the confirmation");
        }
    }

    [Fact]
    public async Task Messages_that_come_before_a_confirmation_are_kept_for_the_next_read()
    {
        const int Count = 3000;
        var (consumer, stream) = await OpenAsync(s_confirmed with { PrefetchMessages = Count, PrefetchBytes = 1 << 30 });
        using var batch = await DeliverAsync(consumer, stream, 1);
        var settling = batch[0].AckAsync().AsTask();
        var body = new byte[1000];
        for (var tag = 2ul; tag <= Count; tag++)
        {
            BitConverter.TryWriteBytes(body, tag);
            await stream.DeliverAsync(tag, body);
        }

        await stream.SettledAsync(new SequenceRange(1, 1));
        await Within.TimeAsync(settling, "the confirmation");
        for (var tag = 2ul; tag <= Count;)
        {
            using var next = await ReadAsync(consumer);
            foreach (var delivery in next)
            {
                Assert.Equal((tag, tag), (delivery.Tag, BitConverter.ToUInt64(delivery.Body.Span)));
                tag++;
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(100)]
    public async Task A_loop_that_settles_each_message_before_the_next_goes_on(int prefetch)
    {
        const int Count = 500;
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var bodies = new List<string>();
        var loop = Task.Run(async () =>
        {
            await foreach (var delivery in client.ConsumeAsync("orders", s_confirmed with { PrefetchMessages = prefetch }))
            {
                bodies.Add(Encoding.UTF8.GetString(delivery.Body.Span));
                await delivery.AckAsync();
                if (bodies.Count == Count)
                {
                    break;
                }
            }
        });
        await Within.TimeAsync(new ConfirmingPeer(await broker.AcceptConsumerAsync(), prefetch, Count).RunAsync(), "the end of the stream");
        await Within.TimeAsync(loop, "the loop");
        Assert.Equal(Enumerable.Range(1, Count).Select(static tag => $"{tag}"), bodies);
    }

    [Fact]
    public async Task Many_settle_at_the_same_time_while_one_reads()
    {
        const int Count = 20_000;
        const int Prefetch = 64;
        var (consumer, stream) = await OpenAsync(s_confirmed with { PrefetchMessages = Prefetch });
        var serving = new ConfirmingPeer(stream, Prefetch, Count).RunAsync();
        var settling = new List<Task>();
        await foreach (var delivery in consumer.ReadAllAsync())
        {
            settling.Add(Task.Run(() => delivery.AckAsync().AsTask()));
            Assert.Equal((ulong)settling.Count, delivery.Tag);
            if (settling.Count % 7 == 0)
            {
                // The settlers have the stream to themselves for a moment.
                await Within.TimeAsync(settling[^1], $"the confirmation of {delivery.Tag}");
            }

            if (settling.Count == Count)
            {
                break;
            }
        }

        await Within.TimeAsync(Task.WhenAll(settling), "the confirmations");
        await Within.TimeAsync(consumer.DisposeAsync().AsTask(), "the end");
        await Within.TimeAsync(serving, "the end of the stream");
    }

    private static async Task ReadSettlesAsync(PeerStream stream, int count)
    {
        var ranges = new List<SequenceRange>();
        while (count > 0)
        {
            var frame = await stream.ReadAsync();
            if (frame.Type == FrameType.Settle)
            {
                Assert.True(SettleFrame.TryRead(frame.Payload, out _, ranges, out _, out var fault), fault.Reason);
                count -= ranges.Sum(static range => (int)range.Count);
            }
        }
    }

    private static async Task<DeliveryBatch> DeliverAsync(Consumer consumer, PeerStream stream, int count)
    {
        for (var tag = 1ul; tag <= (ulong)count; tag++)
        {
            await stream.DeliverAsync(tag, $"{tag}");
        }

        var batch = await ReadAsync(consumer);
        Assert.Equal(count, batch.Count);
        return batch;
    }

    private static async Task<DeliveryBatch> ReadAsync(Consumer consumer) => (await Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), "a delivery"))!;

    private static async Task<(Consumer Consumer, PeerStream Stream)> OpenAsync(ConsumerOptions options)
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        var subscribing = client.SubscribeAsync("orders", options);
        var stream = await broker.AcceptConsumerAsync();
        return (await Within.TimeAsync(subscribing, "the subscription"), stream);
    }
}
