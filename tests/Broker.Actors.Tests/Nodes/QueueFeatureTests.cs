using Broker.Actors.Tests.Runtime;
using Broker.Protocol;
using Broker.Storage.Disks;

namespace Broker.Actors.Tests.Nodes;

/// <summary>What arguments and operators make of a queue, as its clients see it.</summary>
public sealed class QueueFeatureTests
{
    [Theory]
    [InlineData(DeclareQueueFlags.Durable)]
    [InlineData(DeclareQueueFlags.None)]
    public async Task A_full_queue_refuses_what_it_has_no_room_for_and_takes_the_rest(DeclareQueueFlags flags)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareAsync("short", flags, ("x-max-length", 3), ("x-overflow", "reject-publish"));
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.SendAsync(w =>
        {
            for (var i = 1UL; i <= 5; i++)
            {
                WireStream.WritePublish(w, i, "", "short", [(byte)('0' + i)]);
            }
        });
        var (confirmed, rejected) = await OutcomesAsync(publisher, 5);
        Assert.Equal([1UL, 2, 3], confirmed);
        Assert.Equal([4UL, 5], rejected.Select(r => r.Sequence));
        Assert.All(rejected, r => Assert.Equal(ErrorCode.ResourceExhausted, r.Code));
        Assert.Contains("'short'", rejected[0].Reason, StringComparison.Ordinal);
        var consumer = await client.SubscribeAsync("short");
        Assert.Equal(["1", "2", "3"], await consumer.ExpectBodiesAsync(3));
        await publisher.PublishAsync(6, "", "short", "6");
        await publisher.ExpectConfirmsAsync(1);
        Assert.Equal("6", (await consumer.ExpectDeliveryAsync()).Text);
    }

    [Fact]
    public async Task One_consumer_at_a_time_gets_everything_and_the_next_takes_its_place()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareAsync("work", ("x-single-active-consumer", true));
        await using var first = await broker.ConnectAsync();
        var active = await first.SubscribeAsync("work");
        var waiting = await client.SubscribeAsync("work");
        await client.SendAsync("work", "1", "2");
        Assert.Equal(["1", "2"], await active.ExpectBodiesAsync(2));
        await using var admin = await broker.AdministerAsync();
        var consumers = (await admin.RunAsync("queue show", """{"queue":"work"}"""))[0]["consumerDetails"]!.AsArray();
        Assert.Equal([true, false], consumers.Select(c => (bool)c!["active"]!));
        await first.DisposeAsync();
        Assert.Equal(["1:Redelivered, Durable:1", "2:Redelivered, Durable:1"], await waiting.ExpectDeliveriesAsync(2));
    }

    [Fact]
    public async Task The_consumer_with_the_higher_priority_gets_messages_first()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareAsync("work");
        var low = await client.SubscribeAsync("work", FieldTable.Of(("x-priority", -1)));
        var high = await client.SubscribeAsync("work", FieldTable.Of(("priority", 5)), messages: 2);
        await client.SendAsync("work", "1", "2", "3");
        Assert.Equal(["1", "2"], await high.ExpectBodiesAsync(2));
        Assert.Equal(["3"], await low.ExpectBodiesAsync(1));
    }

    [Fact]
    public async Task A_queue_goes_with_its_last_consumer()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var admin = await broker.AdministerAsync();
        await client.DeclareAsync("temporary", DeclareQueueFlags.AutoDelete | DeclareQueueFlags.Durable);
        await client.SendAsync("temporary", "1");
        Assert.NotNull(await admin.QueueAsync("temporary")); // there was no consumer yet
        var one = await client.SubscribeAsync("temporary");
        var two = await client.SubscribeAsync("temporary");
        await one.SendAsync(w => default(CancelFrame).Write(w));
        while ((await one.ReadAsync())!.Value.Type != FrameType.Cancelled)
        {
            // deliveries may have come before
        }

        Assert.Equal(1, (int)(await admin.QueueAsync("temporary"))!["consumers"]!);
        two.Abandon();
        await admin.ExpectGoneAsync("temporary");
    }

    [Fact]
    public async Task A_queue_goes_when_nobody_has_used_it_for_its_time()
    {
        var time = new ManualTimeProvider();
        time.Advance(TimeSpan.FromDays(10_000));
        await using var broker = await BrokerFixture.StartAsync(time: time);
        await using var client = await broker.ConnectAsync();
        await using var admin = await broker.AdministerAsync();
        await client.DeclareAsync("idle", ("x-expires", 60_000));
        await client.DeclareAsync("used", ("x-expires", 60_000));
        await client.DeclareAsync("consumed", ("x-expires", 60_000));
        var consumer = await client.SubscribeAsync("consumed");
        time.Advance(TimeSpan.FromSeconds(40));
        await client.DeclareAsync("used", ("x-expires", 60_000)); // counts as a use
        time.Advance(TimeSpan.FromSeconds(25));
        await admin.ExpectGoneAsync("idle");
        Assert.NotNull(await admin.QueueAsync("used"));
        Assert.NotNull(await admin.QueueAsync("consumed"));
        time.Advance(TimeSpan.FromSeconds(40));
        await admin.ExpectGoneAsync("used");
        consumer.Abandon();
        await WireAdmin.UntilAsync(() => admin.QueueAsync("consumed"), q => (int)q!["consumers"]! == 0, "the consumer to be gone");
        time.Advance(TimeSpan.FromSeconds(61));
        await admin.ExpectGoneAsync("consumed");
    }

    [Fact]
    public async Task How_long_a_queue_was_not_used_does_not_depend_on_the_wall_clock()
    {
        var time = new ManualTimeProvider();
        time.Advance(TimeSpan.FromDays(10_000));
        await using var broker = await BrokerFixture.StartAsync(time: time);
        await using var client = await broker.ConnectAsync();
        await using var admin = await broker.AdministerAsync();
        await client.DeclareAsync("work", ("x-expires", 60_000));
        time.WallOffset += TimeSpan.FromDays(2);
        await client.SendAsync("work", "1"); // no use, but the queue looks at the time
        time.Advance(TimeSpan.FromSeconds(59));
        await client.SendAsync("work", "2");
        await admin.ExpectQueueAsync("work", ready: 2, unsettled: 0);
        time.WallOffset -= TimeSpan.FromDays(4);
        time.Advance(TimeSpan.FromSeconds(2));
        await admin.ExpectGoneAsync("work");
    }

    [Fact]
    public async Task A_queue_looks_at_the_time_when_something_is_due_also_after_the_wall_clock_was_set_forward()
    {
        var time = new ManualTimeProvider();
        time.Advance(TimeSpan.FromDays(10_000));
        await using var broker = await BrokerFixture.StartAsync(time: time);
        await using var client = await broker.ConnectAsync();
        await using var admin = await broker.AdministerAsync();
        await client.DeclareAsync("work");
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "work", "long", new MessageProperties { Expiration = TimeSpan.FromHours(10) }, PublishFlags.Durable);
        await publisher.ExpectConfirmsAsync(1);
        time.WallOffset += TimeSpan.FromDays(2);
        await publisher.PublishAsync(2, "", "work", "short", new MessageProperties { Expiration = TimeSpan.FromSeconds(10) }, PublishFlags.Durable);
        await publisher.ExpectConfirmsAsync(1);
        await admin.ExpectQueueAsync("work", ready: 1, unsettled: 0);
        time.Advance(TimeSpan.FromSeconds(11));
        await admin.ExpectQueueAsync("work", ready: 0, unsettled: 0);
    }

    [Fact]
    public async Task A_paused_queue_hands_out_nothing_until_it_is_resumed_over_a_restart_as_well()
    {
        var disk = new MemoryDisk();
        await using (var broker = await BrokerFixture.StartAsync(disk: disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.DeclareAsync("work");
            await using var admin = await broker.AdministerAsync();
            Assert.Equal("paused", (string)(await admin.RunAsync("queue pause", """{"queue":"work"}"""))[0]["state"]!);
            await client.SendAsync("work", "1");
            Assert.Equal("paused", (string)(await admin.QueueAsync("work"))!["state"]!);
        }

        await using (var broker = await BrokerFixture.StartAsync(disk: disk))
        {
            await using var client = await broker.ConnectAsync();
            await using var admin = await broker.AdministerAsync();
            Assert.Equal("paused", (string)(await admin.QueueAsync("work"))!["state"]!);
            var consumer = await client.SubscribeAsync("work");
            await using var requests = await client.OpenRequestsAsync();
            await requests.GetAsync("work");
            await requests.ExpectAsync(FrameType.GetEmpty);
            await admin.ExpectQueueAsync("work", ready: 1, unsettled: 0);
            Assert.Equal("running", (string)(await admin.RunAsync("queue resume", """{"queue":"work"}"""))[0]["state"]!);
            Assert.Equal("1", (await consumer.ExpectDeliveryAsync()).Text);
        }
    }

    [Fact]
    public async Task Delayed_messages_are_listed_and_come_in_their_time()
    {
        var time = new ManualTimeProvider();
        time.Advance(TimeSpan.FromDays(10_000));
        await using var broker = await BrokerFixture.StartAsync(time: time);
        await using var client = await broker.ConnectAsync();
        await using var admin = await broker.AdministerAsync();
        await client.DeclareAsync("work");
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "work", "later", new MessageProperties { Delay = TimeSpan.FromSeconds(60), Priority = 3 });
        await publisher.PublishAsync(2, "", "work", "sooner", new MessageProperties { Delay = TimeSpan.FromSeconds(30) });
        await publisher.PublishAsync(3, "", "work", "now");
        await publisher.ExpectConfirmsAsync(3);
        var consumer = await client.SubscribeAsync("work");
        Assert.Equal("now", (await consumer.ExpectDeliveryAsync()).Text);
        var listed = await admin.RunAsync("queue delayed", """{"queue":"work"}""");
        Assert.Equal(["sooner", "later"], listed.Select(m => (string)m["body"]!));
        Assert.Equal(3, (int)listed[1]["priority"]!);
        Assert.Equal(time.GetUtcNow().AddSeconds(30), DateTimeOffset.Parse((string)listed[0]["due"]!, null));
        Assert.Equal(2, (int)(await admin.QueueAsync("work"))!["delayed"]!);
        time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal("sooner", (await consumer.ExpectDeliveryAsync()).Text);
        time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal("later", (await consumer.ExpectDeliveryAsync()).Text);
    }

    [Fact]
    public async Task A_returned_message_waits_before_it_is_delivered_again()
    {
        var time = new ManualTimeProvider();
        time.Advance(TimeSpan.FromDays(10_000));
        await using var broker = await BrokerFixture.StartAsync(time: time);
        await using var client = await broker.ConnectAsync();
        await using var admin = await broker.AdministerAsync();
        await client.DeclareAsync("work", ("x-retry-backoff", "exponential"), ("x-retry-delay", 10_000));
        await client.SendAsync("work", "1");
        var consumer = await client.SubscribeAsync("work");
        foreach (var wait in new[] { 10, 20, 40 })
        {
            var delivery = await consumer.ExpectDeliveryAsync();
            await consumer.SettleAsync(SettleOutcome.Requeue, new SequenceRange(delivery.Tag, delivery.Tag));
            await WireAdmin.UntilAsync(() => admin.QueueAsync("work"), q => (int)q!["delayed"]! == 1, "the message to wait");
            time.Advance(TimeSpan.FromSeconds(wait - 1));
            Assert.Equal(1, (int)(await admin.QueueAsync("work"))!["delayed"]!);
            time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(3UL, (await consumer.ExpectDeliveryAsync()).Count);
    }

    [Fact]
    public async Task A_consumer_that_holds_a_message_too_long_loses_it_and_its_subscription()
    {
        var time = new ManualTimeProvider();
        time.Advance(TimeSpan.FromDays(10_000));
        await using var broker = await BrokerFixture.StartAsync(time: time);
        await using var client = await broker.ConnectAsync();
        await client.DeclareAsync("work", ("x-consumer-timeout", 60_000));
        await client.SendAsync("work", "1");
        var slow = await client.SubscribeAsync("work");
        await slow.ExpectDeliveryAsync();
        time.Advance(TimeSpan.FromSeconds(59));
        var other = await client.SubscribeAsync("work");
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(ErrorCode.PreconditionFailed, (await slow.ExpectCancelledAsync()).Code);
        Assert.Equal("1:Redelivered, Durable:1", (await other.ExpectDeliveryAsync()).ToString());
        await other.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 1));
    }

    [Fact]
    public async Task A_listing_says_what_a_queue_is()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareAsync("work", ("x-max-length", 10), ("x-overflow", "reject-publish"));
        await client.SendAsync("work", "1");
        await using var admin = await broker.AdministerAsync();
        Assert.Equal("x-max-length=10 x-overflow=reject-publish", (string)(await admin.QueueAsync("work"))!["arguments"]!);
        var peeked = (await admin.RunAsync("queue peek", """{"queue":"work"}"""))[0];
        Assert.Equal((0, "1"), ((int)peeked["priority"]!, (string)peeked["body"]!));
        Assert.InRange(DateTimeOffset.Parse((string)peeked["taken"]!, null), DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow);
    }

    internal static async Task<(List<ulong> Confirmed, List<RejectFrame> Rejected)> OutcomesAsync(WireStream publisher, int count)
    {
        var confirmed = new List<ulong>();
        var rejected = new List<RejectFrame>();
        while (confirmed.Count + rejected.Count < count)
        {
            var frame = await publisher.ReadAsync();
            Assert.NotNull(frame);
            if (frame.Value.Type == FrameType.Reject)
            {
                Assert.True(RejectFrame.TryRead(frame.Value.Payload, out var reject, out _));
                rejected.Add(reject);
            }
            else
            {
                Assert.Equal(FrameType.Confirm, frame.Value.Type);
                confirmed.AddRange(WireStream.NumbersOf(frame.Value.Payload));
            }
        }

        return (confirmed, rejected);
    }
}
