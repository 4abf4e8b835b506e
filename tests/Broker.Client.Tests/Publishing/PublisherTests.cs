using Broker.Client.Tests.Scripted;
using Broker.Protocol;

namespace Broker.Client.Tests.Publishing;

public sealed class PublisherTests
{
    [Fact]
    public async Task Publishing_waits_only_while_the_window_is_full()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var (publisher, stream) = await OpenAsync(broker, client, new PublisherOptions { MaxInFlightMessages = 4 });
        for (var i = 1ul; i <= 4; i++)
        {
            var ticket = publisher.PublishAsync("", "orders", default).AsTask();
            Assert.True(ticket.IsCompletedSuccessfully);
            Assert.Equal(i, (await ticket).Sequence);
        }

        var fifth = publisher.PublishAsync("", "orders", default).AsTask();
        var sixth = publisher.PublishAsync("", "orders", default).AsTask();
        await stream.ReadPublishesAsync(4);
        Assert.False(fifth.IsCompleted);
        Assert.True(stream.HasNoMore());

        await stream.ConfirmAsync(new SequenceRange(1, 2));
        Assert.Equal((5ul, 6ul), ((await Within.TimeAsync(fifth, "room")).Sequence, (await Within.TimeAsync(sixth, "room")).Sequence));
        Assert.Equal([5ul, 6ul], await stream.ReadPublishesAsync(2));
        Assert.False(publisher.PublishAsync("", "orders", default).AsTask().IsCompleted);
    }

    [Fact]
    public async Task The_window_counts_bytes_as_well()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var (publisher, stream) = await OpenAsync(broker, client, new PublisherOptions { MaxInFlightBytes = 1000 });
        await publisher.PublishAsync("", "orders", new byte[600]);
        await publisher.PublishAsync("", "orders", new byte[600]);
        var third = publisher.PublishAsync("", "orders", new byte[1]).AsTask();
        await stream.ReadPublishesAsync(2);
        Assert.False(third.IsCompleted);
        await stream.ConfirmAsync(new SequenceRange(1, 1));
        await Within.TimeAsync(third, "room for bytes");
    }

    [Fact]
    public async Task A_wait_for_room_that_is_cancelled_lets_the_next_one_through()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var (publisher, stream) = await OpenAsync(broker, client, new PublisherOptions { MaxInFlightMessages = 1 });
        await publisher.PublishAsync("", "orders", "first"u8.ToArray());
        using var cancel = new CancellationTokenSource();
        var cancelled = publisher.PublishAsync("", "orders", "cancelled"u8.ToArray(), cancellationToken: cancel.Token).AsTask();
        var next = publisher.PublishAsync("", "orders", "next"u8.ToArray()).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Within.TimeAsync(cancelled, "the cancellation"));

        await stream.ReadPublishesAsync(1);
        await stream.ConfirmAsync(new SequenceRange(1, 1));
        Assert.Equal(2ul, (await Within.TimeAsync(next, "room")).Sequence);
        Assert.Equal("next", (await stream.ReadAsync()).AsPublish().Body);
    }

    [Fact]
    public async Task A_wait_that_is_cancelled_just_as_room_comes_does_not_take_the_room_with_it()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var (publisher, stream) = await OpenAsync(broker, client, new PublisherOptions { MaxInFlightMessages = 1 });
        for (var round = 0; round < 2000; round++)
        {
            var first = (await publisher.PublishAsync("", "orders", default)).Sequence;
            using var cancel = new CancellationTokenSource();
            var cancelled = publisher.PublishAsync("", "orders", default, cancellationToken: cancel.Token).AsTask();
            var next = publisher.PublishAsync("", "orders", default).AsTask();
            await stream.ReadPublishesAsync(1);

            var cancelling = Task.Run(cancel.Cancel);
            await stream.ConfirmAsync(new SequenceRange(first, first));
            await Within.TimeAsync(cancelling, "the cancellation");
            if (await Record.ExceptionAsync(() => Within.TimeAsync(cancelled, "the cancelled wait")) is null)
            {
                // The room came first: it was published, and stands before the other.
                await ConfirmNextAsync(stream);
            }

            await Within.TimeAsync(next, $"the next in turn, round {round}");
            await ConfirmNextAsync(stream);
            await Within.TimeAsync(publisher.FlushAsync(), "the flush");
        }

        static async Task ConfirmNextAsync(PeerStream stream)
        {
            var sequence = Assert.Single(await stream.ReadPublishesAsync(1));
            await stream.ConfirmAsync(new SequenceRange(sequence, sequence));
        }
    }

    [Fact]
    public async Task Flush_waits_for_all_outcomes_and_reports_failures_once()
    {
        var reported = new List<PublishFailure>();
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var (publisher, stream) = await OpenAsync(broker, client, new PublisherOptions { OnFailure = reported.Add });
        await publisher.FlushAsync();
        for (var i = 0; i < 5; i++)
        {
            await publisher.PublishAsync("", "orders", default);
        }

        var flush = publisher.FlushAsync();
        await stream.ReadPublishesAsync(5);
        await stream.SendAsync(new RejectFrame(4, ErrorCode.QueueDeleted, "gone").Write, new ReturnFrame(2, ErrorCode.Unroutable, "none").Write);
        await stream.ConfirmAsync(new SequenceRange(1, 1), new SequenceRange(5, 5));
        Assert.False(flush.IsCompleted);
        await stream.ConfirmAsync(new SequenceRange(3, 3));

        var failure = await Assert.ThrowsAsync<PublishRejectedException>(() => Within.TimeAsync(flush, "the flush"));
        Assert.Equal((4ul, ErrorCode.QueueDeleted, 1L), (failure.Sequence, failure.ErrorCode, failure.FurtherFailures));
        Assert.Equal([new(4, false, ErrorCode.QueueDeleted, "gone"), new PublishFailure(2, true, ErrorCode.Unroutable, "none")], reported);
        await publisher.FlushAsync();
    }

    [Fact]
    public async Task A_fault_of_one_publisher_leaves_the_others_alone()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var (bad, badStream) = await OpenAsync(broker, client, new PublisherOptions { MaxInFlightMessages = 1 });
        var (good, goodStream) = await OpenAsync(broker, client, new PublisherOptions());
        await bad.PublishAsync("", "orders", default);
        var waiting = bad.PublishAsync("", "orders", default).AsTask();
        var flush = bad.FlushAsync();
        await badStream.FailAsync(ErrorCode.LimitExceeded, "too many");

        foreach (var task in (Task[])[waiting, flush])
        {
            Assert.Equal(ErrorCode.LimitExceeded, (await Assert.ThrowsAsync<BrokerStreamException>(() => Within.TimeAsync(task, "the fault"))).ErrorCode);
        }

        await Assert.ThrowsAsync<BrokerStreamException>(() => bad.PublishAsync("", "orders", default).AsTask());
        await good.PublishAsync("", "orders", default);
        await goodStream.ReadPublishesAsync(1);
        await goodStream.ConfirmAsync(new SequenceRange(1, 1));
        await Within.TimeAsync(good.FlushAsync(), "the good one");
    }

    [Fact]
    public async Task Disposing_sends_what_was_handed_over_and_waits_for_its_outcome()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var (publisher, stream) = await OpenAsync(broker, client, new PublisherOptions());
        await publisher.PublishAsync("", "orders", default);
        var disposing = publisher.DisposeAsync().AsTask();
        await stream.ReadPublishesAsync(1);
        Assert.Null(await stream.TryReadAsync());
        Assert.False(disposing.IsCompleted);
        await stream.ConfirmAsync(new SequenceRange(1, 1));
        await stream.EndAsync();
        await Within.TimeAsync(disposing, "the end");
        await Assert.ThrowsAsync<ObjectDisposedException>(() => publisher.PublishAsync("", "orders", default).AsTask());
    }

    [Fact]
    public async Task A_producers_numbers_go_on_after_the_last_that_the_broker_knows()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var opening = client.CreatePublisherAsync(new PublisherOptions { ProducerId = "billing-1", FirstSequence = 1 });
        var stream = await broker.AcceptAsync(StreamKind.Publish);
        Assert.Equal("billing-1", (await stream.ReadAsync<PublisherOpenFrame>(FrameType.PublisherOpen, PublisherOpenFrame.TryRead)).ProducerId);
        await stream.SendAsync(new PublisherReadyFrame(41).Write);
        var publisher = await Within.TimeAsync(opening, "the publisher");
        Assert.Equal(42ul, (await publisher.PublishAsync("", "orders", default)).Sequence);
        Assert.Equal([42ul], await stream.ReadPublishesAsync(1));
        await stream.ConfirmAsync(new SequenceRange(42, 42));
        await Within.TimeAsync(publisher.FlushAsync(), "the confirm");
    }

    [Fact]
    public async Task A_producer_that_another_one_takes_over_ends_and_does_not_know_what_became_of_its_messages()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var (publisher, stream) = await OpenAsync(broker, client, new PublisherOptions { ProducerId = "billing-1", FirstSequence = 1 });
        await publisher.PublishAsync("", "orders", default);
        var flush = publisher.FlushAsync();
        await stream.FailAsync(ErrorCode.ResourceLocked, "another stream has opened with the same producer id");
        var locked = await Assert.ThrowsAsync<BrokerStreamException>(() => Within.TimeAsync(flush, "the end"));
        Assert.Equal((ErrorCode.ResourceLocked, false), (locked.ErrorCode, locked.IsRetryable));
        await Assert.ThrowsAsync<BrokerStreamException>(() => publisher.PublishAsync("", "orders", default).AsTask());
    }

    [Fact]
    public async Task The_number_of_a_producers_rejected_message_is_not_used_again()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var (publisher, stream) = await OpenAsync(broker, client, new PublisherOptions { ProducerId = "billing-1", FirstSequence = 1 });
        await publisher.PublishAsync("", "orders", default);
        await stream.SendAsync(new RejectFrame(1, ErrorCode.ResourceExhausted, "disk").Write);
        await Assert.ThrowsAsync<PublishRejectedException>(() => Within.TimeAsync(publisher.FlushAsync(), "the rejection"));
        Assert.Equal(2ul, (await publisher.PublishAsync("", "orders", default)).Sequence);
    }

    [Fact]
    public async Task A_publisher_that_is_refused_says_why()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var opening = client.CreatePublisherAsync();
        var stream = await broker.AcceptAsync(StreamKind.Publish);
        await stream.FailAsync(ErrorCode.AccessRefused, "read only");
        var refusal = await Assert.ThrowsAsync<BrokerStreamException>(() => Within.TimeAsync(opening, "the refusal"));
        Assert.Equal((ErrorCode.AccessRefused, "read only"), (refusal.ErrorCode, refusal.Reason));
    }

    [Fact]
    public async Task Many_threads_publish_through_a_small_window()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var (publisher, stream) = await OpenAsync(broker, client, new PublisherOptions { MaxInFlightMessages = 7 });
        var publishers = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 500; i++)
            {
                await publisher.PublishAsync("", "orders", default);
            }
        })).ToArray();

        for (var sequence = 1ul; sequence <= 2000; sequence++)
        {
            Assert.Equal([sequence], await stream.ReadPublishesAsync(1));
            await stream.ConfirmAsync(new SequenceRange(sequence, sequence));
        }

        await Within.TimeAsync(Task.WhenAll(publishers), "the publishers");
        await Within.TimeAsync(publisher.FlushAsync(), "the flush");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Publishing_allocates_nothing_for_each_message_while_there_is_room(bool keepsMessages)
    {
        const int Count = 1000;
        var (broker, client) = await ScriptedBroker.ConnectAsync(o => o with { RecoverConnection = keepsMessages });
        await using var disposal = broker;
        var (publisher, stream) = await OpenAsync(broker, client, new PublisherOptions());
        var allocated = long.MaxValue;
        for (var round = 0ul; round < 10; round++)
        {
            allocated = Math.Min(allocated, await PublishAsync(publisher, Count));
            await stream.ReadPublishesAsync(Count);
            await stream.ConfirmAsync(new SequenceRange((round * Count) + 1, (round + 1) * Count));
            await Within.TimeAsync(publisher.FlushAsync(), "the flush");
        }

        // Less than the smallest object for each message, in a round in which no buffer grew.
        Assert.InRange(allocated, 0, 16 * Count);

        static async Task<long> PublishAsync(Publisher publisher, int count)
        {
            var body = new byte[10];
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < count; i++)
            {
                await publisher.PublishAsync("", "orders", body);
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Fact]
    public async Task A_message_larger_than_every_window_goes_out()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var (publisher, stream) = await OpenAsync(broker, client, new PublisherOptions { MaxInFlightBytes = 1000 });
        var body = Enumerable.Range(0, 5_000_000).Select(static i => (byte)(i % 251)).ToArray();
        await publisher.PublishAsync("", "orders", body);
        var frame = await stream.ReadAsync();
        Assert.True(frame.Payload.AsSpan().EndsWith(body));
    }

    private static async Task<(Publisher Publisher, PeerStream Stream)> OpenAsync(ScriptedBroker broker, BrokerClient client, PublisherOptions options)
    {
        var opening = client.CreatePublisherAsync(options);
        var stream = await broker.AcceptPublisherAsync();
        return (await Within.TimeAsync(opening, "the publisher"), stream);
    }
}
