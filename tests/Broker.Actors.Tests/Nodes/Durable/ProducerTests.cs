using System.Text;
using Broker.Protocol;
using Broker.Storage.Disks;
using Broker.Transport.Tests;

namespace Broker.Actors.Tests.Nodes.Durable;

/// <summary>Publishers with a lasting name: what comes a second time is confirmed and not taken again (docs/protocol.md, section 7.1).</summary>
public sealed class ProducerTests
{
    private readonly MemoryDisk _disk = new();

    [Theory]
    [InlineData(DeclareQueueFlags.Durable)]
    [InlineData(DeclareQueueFlags.None)]
    public async Task What_is_sent_again_after_a_reconnection_is_confirmed_and_not_taken_twice(DeclareQueueFlags flags)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await admin.Connection.DeclareQueueAsync("orders", flags);
        for (var round = 0; round < 3; round++)
        {
            await using var client = await broker.ConnectAsync();
            var (publisher, last) = await client.OpenProducerAsync("p");
            Assert.Equal(round == 0 ? 0UL : 3UL, last);
            await PublishAsync(publisher, "orders", 1, 2, 3);
            await ExpectConfirmedAsync(publisher, 1UL, 2, 3);
        }

        await ExpectBodiesAsync(admin, "orders", "1", "2", "3");
    }

    [Fact]
    public async Task What_is_sent_again_after_a_restart_is_confirmed_and_not_taken_twice()
    {
        for (var run = 0; run < 3; run++)
        {
            await using var broker = await BrokerFixture.StartAsync(disk: _disk);
            await using var client = await broker.ConnectAsync();
            await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
            var (publisher, last) = await client.OpenProducerAsync("p");
            Assert.Equal(run == 0 ? 0UL : 30UL, last);
            await PublishAsync(publisher, "orders", 10, 20, 30);
            await ExpectConfirmedAsync(publisher, 10UL, 20, 30);
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var admin = await restarted.AdministerAsync();
        await ExpectBodiesAsync(admin, "orders", "10", "20", "30");
    }

    [Fact]
    public async Task Of_a_batch_that_is_partly_a_repetition_the_rest_is_taken()
    {
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
            var (publisher, _) = await client.OpenProducerAsync("p");
            await PublishAsync(publisher, "orders", 1, 2, 3);
            await publisher.ExpectConfirmsAsync(3);
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var admin = await restarted.AdministerAsync();
        await using var again = await restarted.ConnectAsync();
        var (repeating, _) = await again.OpenProducerAsync("p");
        await PublishAsync(repeating, "orders", 2, 3, 4, 6);
        await ExpectConfirmedAsync(repeating, 2UL, 3, 4, 6);
        await ExpectBodiesAsync(admin, "orders", "1", "2", "3", "4", "6");
    }

    /// <summary>On its second connection the producer sends again what it has not heard of on the first.</summary>
    [Theory]
    [InlineData(DeclareQueueFlags.Durable)]
    [InlineData(DeclareQueueFlags.None)]
    public async Task What_was_refused_is_refused_again_although_a_later_message_was_taken_since(DeclareQueueFlags flags)
    {
        await using var broker = await BrokerFixture.StartAsync(disk: _disk);
        await using var admin = await broker.AdministerAsync();
        await admin.Connection.DeclareAsync("short", flags, ("x-max-length", 2), ("x-overflow", "reject-publish"));
        await using (var client = await broker.ConnectAsync())
        {
            var (publisher, _) = await client.OpenProducerAsync("p");
            await PublishAsync(publisher, "short", 1, 2, 3, 4);
            Assert.Equal("+1 +2 -3 -4", await OutcomesAsync(publisher, 4));
            await ExpectBodiesAsync(admin, "short", "1", "2");
            await using var requests = await admin.Connection.OpenRequestsAsync();
            await requests.SendAsync(w => new PurgeQueueFrame(1, "short").Write(w));
            Assert.Equal(2UL, await requests.ExpectCountAsync());
            await PublishAsync(publisher, "short", 5);
            Assert.Equal("+5", await OutcomesAsync(publisher, 1));
        }

        await using var second = await broker.ConnectAsync();
        var (repeating, _) = await second.OpenProducerAsync("p");
        await PublishAsync(repeating, "short", 1, 2, 3, 4, 5, 6, 7);
        Assert.Equal("+1 +2 -3 -4 +5 +6 -7", await OutcomesAsync(repeating, 7));
        await ExpectBodiesAsync(admin, "short", "5", "6");
    }

    [Fact]
    public async Task A_restart_does_not_change_that()
    {
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.DeclareAsync("short", DeclareQueueFlags.Durable, ("x-max-length", 1), ("x-overflow", "reject-publish"));
            var (publisher, _) = await client.OpenProducerAsync("p");
            await PublishAsync(publisher, "short", 1, 2);
            Assert.Equal("+1 -2", await OutcomesAsync(publisher, 2));
            await using var requests = await client.OpenRequestsAsync();
            await requests.SendAsync(w => new PurgeQueueFrame(1, "short").Write(w));
            await requests.ExpectCountAsync();
            await PublishAsync(publisher, "short", 3, 4);
            Assert.Equal("+3 -4", await OutcomesAsync(publisher, 2));
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var admin = await restarted.AdministerAsync();
        await using var again = await restarted.ConnectAsync();
        await using var consumer = await again.SubscribeAsync("short");
        Assert.Equal("3", (await consumer.ExpectDeliveryAsync()).Text);
        var (repeating, _) = await again.OpenProducerAsync("p");
        await PublishAsync(repeating, "short", 2, 3, 4);
        Assert.Equal("-2 +3 +4", await OutcomesAsync(repeating, 3)); // nothing above 4 was taken, so it is looked at anew
        Assert.Equal("4", (await consumer.ExpectDeliveryAsync()).Text);
    }

    [Fact]
    public async Task Ready_tells_the_last_sequence_whatever_became_of_its_message()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
        var (publisher, _) = await client.OpenProducerAsync("p");
        await PublishAsync(publisher, "orders", 5);
        await publisher.ExpectConfirmsAsync(1);
        await publisher.PublishAsync(7, "", "nowhere", "returned", PublishFlags.Mandatory);
        await publisher.ExpectAsync(FrameType.Return);
        await publisher.PublishAsync(9, "no such exchange", "", "rejected");
        await publisher.ExpectRejectAsync();
        var (_, last) = await client.OpenProducerAsync("p");
        Assert.Equal(9UL, last);
        var (_, other) = await client.OpenProducerAsync("q");
        Assert.Equal(0UL, other);
        var nameless = await client.OpenAsync(StreamKind.Publish);
        await nameless.SendAsync(w => new PublisherOpenFrame("").Write(w));
        Assert.True(PublisherReadyFrame.TryRead(await nameless.ExpectAsync(FrameType.PublisherReady), out var ready, out _));
        Assert.Equal(0UL, ready.LastSequence);
    }

    [Fact]
    public async Task Publisher_without_a_name_may_repeat_itself()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await admin.Connection.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
        for (var round = 0; round < 2; round++)
        {
            await using var publisher = await admin.Connection.OpenPublisherAsync();
            await PublishAsync(publisher, "orders", 1, 2);
            await publisher.ExpectConfirmsAsync(2);
        }

        await ExpectBodiesAsync(admin, "orders", "1", "2", "1", "2");
    }

    [Fact]
    public async Task Users_with_the_same_producer_id_do_not_meet()
    {
        for (var run = 0; run < 2; run++)
        {
            await using var broker = await BrokerFixture.StartAsync(disk: _disk);
            await using var one = await broker.ConnectAsync();
            await using var two = await broker.ConnectAsync(TestCertificates.AdminClient);
            await one.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
            var (first, firstLast) = await one.OpenProducerAsync("p");
            var (second, secondLast) = await two.OpenProducerAsync("p");
            Assert.Equal(run == 0 ? (0UL, 0UL) : (2UL, 1UL), (firstLast, secondLast));
            await PublishAsync(first, "orders", 1, 2);
            await first.ExpectConfirmsAsync(2);
            await PublishAsync(second, "orders", 1);
            await second.ExpectConfirmsAsync(1);
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var admin = await restarted.AdministerAsync();
        await ExpectBodiesAsync(admin, "orders", "1", "2", "1");
    }

    [Fact]
    public async Task Second_stream_takes_over_and_the_first_ends()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await using var client = await broker.ConnectAsync();
        await using var other = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
        var (first, _) = await client.OpenProducerAsync("p");
        await PublishAsync(first, "orders", 1, 2);
        await first.ExpectConfirmsAsync(2);
        var (second, last) = await other.OpenProducerAsync("p");
        Assert.Equal(2UL, last);
        await first.ExpectFaultAsync(ErrorCode.ResourceLocked);
        await PublishAsync(second, "orders", 2, 3);
        await second.ExpectConfirmsAsync(2);
        await ExpectBodiesAsync(admin, "orders", "1", "2", "3");
    }

    [Fact]
    public async Task Streams_that_take_over_from_one_another_lose_nothing_and_take_nothing_twice()
    {
        const int Streams = 30;
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
        var streams = new List<WireStream>();
        for (var i = 0; i < Streams; i++)
        {
            var stream = await client.OpenAsync(StreamKind.Publish);
            await stream.SendAsync(w =>
            {
                new PublisherOpenFrame("p").Write(w);
                for (var sequence = 1UL; sequence <= 50; sequence++)
                {
                    WireStream.WritePublish(w, sequence, "", "orders", Encoding.UTF8.GetBytes($"{sequence}"));
                }
            });
            streams.Add(stream);
        }

        var complete = 0;
        foreach (var stream in streams)
        {
            complete += await CountConfirmedAsync(stream) == 50 ? 1 : 0;
        }

        Assert.True(complete > 0, "nobody was left to speak for the producer");
        await ExpectBodiesAsync(admin, "orders", [.. Enumerable.Range(1, 50).Select(i => $"{i}")]);
    }

    [Fact]
    public async Task Stream_that_ends_at_once_is_still_told_that_it_was_ready()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        var (first, _) = await client.OpenProducerAsync("p");
        var second = await client.OpenAsync(StreamKind.Publish);
        new PublisherOpenFrame("p").Write(second.Quic.Output);
        second.Finish();
        await second.ExpectAsync(FrameType.PublisherReady);
        await second.ExpectEndAsync();
        await first.ExpectFaultAsync(ErrorCode.ResourceLocked);
    }

    [Fact]
    public async Task Successor_begins_when_nothing_of_any_stream_before_it_can_follow()
    {
        var time = new HeldClock();
        await using var broker = await BrokerFixture.StartAsync(time: time);
        using var held = time; // released before the node ends
        await using var admin = await broker.AdministerAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
        var (first, _) = await client.OpenProducerAsync("p");
        time.Hold();
        await first.SendAsync(w => WireStream.WritePublish(w, 5, "", "orders", "5"u8.ToArray()), w => default(CancelFrame).Write(w)); // its end takes a timer, before anything has left for the queue
        await time.HeldAsync();
        var second = await client.OpenAsync(StreamKind.Publish);
        await second.SendAsync(w => new PublisherOpenFrame("p").Write(w));
        await UntilClaimedAsync(admin, claims => claims == 2);
        var third = await client.OpenAsync(StreamKind.Publish);
        await third.SendAsync(w => new PublisherOpenFrame("p").Write(w), w => WireStream.WritePublish(w, 6, "", "orders", "6"u8.ToArray()));
        var ready = third.ExpectAsync(FrameType.PublisherReady);
        await UntilClaimedAsync(admin, claims => claims == 3 || ready.IsCompleted);
        await admin.ExpectQueueAsync("orders", ready: 0, unsettled: 0);
        Assert.False(ready.IsCompleted, "the first stream had not fallen silent");
        time.Release();
        await ready;
        await third.ExpectConfirmsAsync(1);
        await first.ExpectFaultAsync(ErrorCode.UnknownFrame);
        await second.ExpectAsync(FrameType.PublisherReady);
        await second.ExpectFaultAsync(ErrorCode.ResourceLocked);
        await ExpectBodiesAsync(admin, "orders", "5", "6");
    }

    [Fact]
    public async Task Queue_that_has_a_message_already_does_not_keep_another_from_taking_it()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("one", DeclareQueueFlags.Durable);
        await client.DeclareQueueAsync("two", DeclareQueueFlags.Durable);
        await admin.RunAsync("binding declare", """{"exchange":"amq.fanout","destination":"one"}""");
        var (publisher, _) = await client.OpenProducerAsync("p");
        await publisher.PublishAsync(1, "amq.fanout", "", "1");
        await publisher.ExpectConfirmsAsync(1);
        await admin.RunAsync("binding declare", """{"exchange":"amq.fanout","destination":"two"}""");
        var (again, _) = await client.OpenProducerAsync("p");
        await again.PublishAsync(1, "amq.fanout", "", "1");
        Assert.Equal([1UL], await again.ExpectConfirmsAsync(1));
        await ExpectBodiesAsync(admin, "one", "1");
        await ExpectBodiesAsync(admin, "two", "1");
    }

    [Fact]
    public async Task Queue_remembers_a_producer_whose_messages_are_all_gone()
    {
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk, storage: s => s with { CheckInterval = TimeSpan.FromMilliseconds(10) }))
        {
            await using var client = await broker.ConnectAsync();
            await using var admin = await broker.AdministerAsync();
            await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
            await client.DeclareQueueAsync("other", DeclareQueueFlags.Durable);
            var (publisher, _) = await client.OpenProducerAsync("p");
            await PublishAsync(publisher, "orders", 1, 2, 3);
            await publisher.ExpectConfirmsAsync(3);
            await admin.RunAsync("queue purge", """{"queue":"orders"}""");
            await using var filler = await client.OpenPublisherAsync();
            for (var i = 1UL; i <= 100; i++)
            {
                await filler.SendAsync(w => WireStream.WritePublish(w, i, "", "other", new byte[64 << 10]));
                await filler.ExpectConfirmsAsync(1);
            }

            await WireAdmin.UntilAsync(
                async () => (await admin.RunAsync("store show"))[0], s => (int)s["checkpoints"]! > 1 && (long)s["logBytes"]! <= 5 << 20, "the log that had the messages to be given up");
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var again = await restarted.ConnectAsync();
        await using var after = await restarted.AdministerAsync();
        var (repeating, last) = await again.OpenProducerAsync("p");
        Assert.Equal(3UL, last);
        await PublishAsync(repeating, "orders", 2, 3, 4);
        await repeating.ExpectConfirmsAsync(3);
        await ExpectBodiesAsync(after, "orders", "4");
    }

    private static Task PublishAsync(WireStream publisher, string queue, params ulong[] sequences) => publisher.SendAsync(w =>
    {
        foreach (var sequence in sequences)
        {
            WireStream.WritePublish(w, sequence, "", queue, Encoding.UTF8.GetBytes($"{sequence}"), PublishFlags.Durable);
        }
    });

    private static Task<int> UntilClaimedAsync(WireAdmin admin, Func<int, bool> condition) => WireAdmin.UntilAsync(
        async () => (await admin.RunAsync("connection list")).SelectMany(r => r["streamDetails"]!.AsArray()).Count(s => (string?)s!["subject"] == "p"),
        condition,
        "a stream to have claimed the name");

    /// <summary>Reads until all 50 messages are confirmed, or the stream has ended because another took over.</summary>
    private static async Task<int> CountConfirmedAsync(WireStream stream)
    {
        var confirmed = 0;
        while (confirmed < 50 && await stream.ReadAsync() is { } frame)
        {
            switch (frame.Type)
            {
                case FrameType.PublisherReady:
                    break;
                case FrameType.Error:
                    Assert.True(ErrorFrame.TryRead(frame.Payload, out var error, out _) && error.Code == ErrorCode.ResourceLocked, error.Reason);
                    break;
                default:
                    Assert.Equal(FrameType.Confirm, frame.Type);
                    confirmed += WireStream.NumbersOf(frame.Payload).Count;
                    break;
            }
        }

        return confirmed;
    }

    private static async Task ExpectConfirmedAsync(WireStream publisher, params ulong[] sequences) =>
        Assert.Equal(sequences, (await publisher.ExpectConfirmsAsync(sequences.Length)).Order());

    private static async Task ExpectBodiesAsync(WireAdmin admin, string queue, params string[] bodies) =>
        Assert.Equal(bodies, (await admin.RunAsync("queue peek", $$"""{"queue":"{{queue}}","count":1000}""")).Select(r => (string)r["body"]!));

    /// <returns>Each sequence with + for confirmed or - for refused because the queue is or was full, in order.</returns>
    internal static async Task<string> OutcomesAsync(WireStream publisher, int count)
    {
        var (confirmed, rejected) = await QueueFeatureTests.OutcomesAsync(publisher, count);
        Assert.All(rejected, r => Assert.Equal(ErrorCode.ResourceExhausted, r.Code));
        return string.Join(' ', confirmed.Select(s => (Sequence: s, Text: $"+{s}")).Concat(rejected.Select(r => (r.Sequence, Text: $"-{r.Sequence}"))).OrderBy(o => o.Sequence).Select(o => o.Text));
    }
}
