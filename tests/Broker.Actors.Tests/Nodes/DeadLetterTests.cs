using Broker.Actors.Tests.Runtime;
using Broker.Protocol;
using Broker.Storage.Disks;

namespace Broker.Actors.Tests.Nodes;

/// <summary>Messages that die in one queue and come to another (docs/queues.md, "Dead letters").</summary>
public sealed class DeadLetterTests
{
    [Theory]
    [InlineData(DeclareQueueFlags.Durable)]
    [InlineData(DeclareQueueFlags.None)]
    public async Task What_is_rejected_comes_to_the_dead_letter_queue_and_says_why(DeclareQueueFlags flags)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareAsync("dead", flags);
        await client.DeclareAsync("work", flags, Features.DeadLettersTo("dead"));
        await client.SendAsync("work", "1", "2", "3");
        var worker = await client.SubscribeAsync("work");
        await worker.ExpectBodiesAsync(3);
        await worker.RejectAsync(2, "no such customer");
        await worker.RejectAsync(1);
        await worker.SettleAsync(SettleOutcome.Ack, new SequenceRange(3, 3));
        var dead = await client.SubscribeAsync("dead");
        var first = await dead.ExpectDeliveryAsync();
        Assert.Equal(("2", "", "dead", 0UL), (first.Text, first.Exchange, first.Key, first.Count));
        Assert.Equal(["work:rejected:1:no such customer"], first.DeathsOf());
        var second = await dead.ExpectDeliveryAsync();
        Assert.Equal(("1", "work:rejected:1:"), (second.Text, second.DeathsOf().Single()));
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("work", ready: 0, unsettled: 0);
    }

    [Fact]
    public async Task An_exchange_routes_them_by_the_keys_that_they_had()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.BindAsync("graveyard", "direct", "work", "dead", "also dead");
        await client.DeclareAsync("work", ("x-dead-letter-exchange", "graveyard"));
        await client.SendAsync("work", "1");
        var worker = await client.SubscribeAsync("work");
        await worker.ExpectDeliveryAsync();
        await worker.RejectAsync(1, "both");
        foreach (var queue in new[] { "dead", "also dead" })
        {
            var letter = await (await client.SubscribeAsync(queue)).ExpectDeliveryAsync();
            Assert.Equal(("graveyard", "work", "work:rejected:1:both"), (letter.Exchange, letter.Key, letter.DeathsOf().Single()));
        }
    }

    [Fact]
    public async Task What_has_waited_too_long_comes_there_when_its_time_is_over()
    {
        var time = new ManualTimeProvider();
        time.Advance(TimeSpan.FromDays(10_000));
        await using var broker = await BrokerFixture.StartAsync(time: time);
        await using var client = await broker.ConnectAsync();
        await client.DeclareAsync("dead");
        await client.DeclareAsync("work", [("x-message-ttl", 60_000), .. Features.DeadLettersTo("dead")]);
        await client.SendAsync("work", "1", "2");
        await using (var publisher = await client.OpenPublisherAsync())
        {
            await publisher.PublishAsync(1, "", "work", "short", new MessageProperties { Expiration = TimeSpan.FromSeconds(30) }, PublishFlags.Durable);
            await publisher.ExpectConfirmsAsync(1);
        }

        var dead = await client.SubscribeAsync("dead");
        await using var admin = await broker.AdministerAsync();
        time.Advance(TimeSpan.FromSeconds(59));
        await admin.ExpectQueueAsync("work", ready: 3, unsettled: 0); // the one with the short time is behind two others
        time.Advance(TimeSpan.FromSeconds(2));
        var letters = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            var letter = await dead.ExpectDeliveryAsync();
            letters.Add($"{letter.Text} {letter.DeathsOf().Single()}");
        }

        Assert.Equal(["1 work:expired:1:", "2 work:expired:1:", "short work:expired:1:"], letters);
        await admin.ExpectQueueAsync("work", ready: 0, unsettled: 0);
    }

    [Fact]
    public async Task What_falls_out_of_a_full_queue_and_what_comes_back_too_often_comes_there()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareAsync("dead");
        await client.DeclareAsync("short", [("x-max-length", 2), .. Features.DeadLettersTo("dead")]);
        await client.DeclareAsync("work", [("x-delivery-limit", 1), .. Features.DeadLettersTo("dead")]);
        await client.SendAsync("short", "1", "2", "3");
        var dead = await client.SubscribeAsync("dead");
        var letter = await dead.ExpectDeliveryAsync();
        Assert.Equal(("1", "short:maxlen:1:"), (letter.Text, letter.DeathsOf().Single()));
        await client.SendAsync("work", "poison");
        var worker = await client.SubscribeAsync("work");
        for (var i = 1UL; i <= 2; i++)
        {
            Assert.Equal(i - 1, (await worker.ExpectDeliveryAsync()).Count);
            await worker.SettleAsync(SettleOutcome.Requeue, new SequenceRange(i, i));
        }

        letter = await dead.ExpectDeliveryAsync();
        Assert.Equal(("poison", "work:delivery_limit:1:"), (letter.Text, letter.DeathsOf().Single()));
    }

    [Fact]
    public async Task A_message_goes_round_through_a_retry_queue_and_counts_its_rounds()
    {
        var time = new ManualTimeProvider();
        time.Advance(TimeSpan.FromDays(10_000));
        await using var broker = await BrokerFixture.StartAsync(time: time);
        await using var client = await broker.ConnectAsync();
        await client.DeclareAsync("work", Features.DeadLettersTo("retry"));
        await client.DeclareAsync("retry", [("x-message-ttl", 1000), .. Features.DeadLettersTo("work")]);
        await client.SendAsync("work", "again");
        var worker = await client.SubscribeAsync("work");
        await using var admin = await broker.AdministerAsync();
        for (var i = 1UL; i <= 3; i++)
        {
            var delivery = await worker.ExpectDeliveryAsync();
            Assert.Equal("again", delivery.Text);
            if (i == 3)
            {
                Assert.Equal(["retry:expired:2:", "work:rejected:2:later"], delivery.DeathsOf());
                break;
            }

            await worker.RejectAsync(i, "later");
            await admin.ExpectQueueAsync("retry", ready: 1, unsettled: 0);
            time.Advance(TimeSpan.FromSeconds(2));
        }
    }

    [Fact]
    public async Task A_rejected_message_may_come_back_to_its_own_queue()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareAsync("work", Features.DeadLettersTo("work"));
        await client.SendAsync("work", "1", "2");
        var worker = await client.SubscribeAsync("work");
        await worker.ExpectBodiesAsync(2);
        await worker.RejectAsync(1, "not now");
        var again = await worker.ExpectDeliveryAsync();
        Assert.Equal(("1", "work:rejected:1:not now", 0UL), (again.Text, again.DeathsOf().Single(), again.Count));
        await worker.SettleAsync(SettleOutcome.Ack, new SequenceRange(2, 3));
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("work", ready: 0, unsettled: 0);
        await admin.RunAsync("queue delete", """{"queue":"work"}""");
        await admin.ExpectGoneAsync("work");
    }

    [Fact]
    public async Task What_a_full_queue_refuses_may_come_there_too()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareAsync("dead");
        await client.DeclareAsync("short", [("x-max-length", 1), ("x-overflow", "reject-publish-dlx"), .. Features.DeadLettersTo("dead")]);
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "short", "1");
        await publisher.ExpectConfirmsAsync(1);
        await publisher.PublishAsync(2, "", "short", "2");
        Assert.Equal((2UL, ErrorCode.ResourceExhausted), (await publisher.ExpectRejectAsync()) is var reject ? (reject.Sequence, reject.Code) : default);
        var letter = await (await client.SubscribeAsync("dead")).ExpectDeliveryAsync();
        Assert.Equal(("2", "short:maxlen:1:"), (letter.Text, letter.DeathsOf().Single()));
    }

    [Fact]
    public async Task A_policy_that_comes_later_gives_a_queue_a_place_for_its_dead_letters()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var admin = await broker.AdministerAsync();
        await client.DeclareAsync("dead");
        await client.DeclareAsync("work");
        await client.SendAsync("work", "1", "2");
        var worker = await client.SubscribeAsync("work");
        await worker.ExpectBodiesAsync(2);
        await worker.RejectAsync(1, "lost");
        await admin.RunAsync("policy set", """{"name":"letters","pattern":"^work$","definition":"{\"dead-letter-exchange\":\"\",\"dead-letter-routing-key\":\"dead\"}"}""");
        await WireAdmin.UntilAsync(() => admin.QueueAsync("work"), q => (string)q!["policy"]! == "letters", "the policy to be in force");
        await worker.RejectAsync(2, "kept");
        var letter = await (await client.SubscribeAsync("dead")).ExpectDeliveryAsync();
        Assert.Equal(("2", "work:rejected:1:kept"), (letter.Text, letter.DeathsOf().Single()));
    }

    [Fact]
    public async Task A_message_that_would_go_round_by_itself_is_dropped()
    {
        var time = new ManualTimeProvider();
        time.Advance(TimeSpan.FromDays(10_000));
        await using var broker = await BrokerFixture.StartAsync(time: time);
        await using var client = await broker.ConnectAsync();
        await client.DeclareAsync("loop", [("x-message-ttl", 1000), .. Features.DeadLettersTo("loop")]);
        await client.SendAsync("loop", "1", "2");
        time.Advance(TimeSpan.FromSeconds(2));
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("loop", ready: 0, unsettled: 0);
        await WireAdmin.UntilAsync(async () => (long)(await admin.RunAsync("cluster show"))[0]["deadLettersDropped"]!, dropped => dropped == 2, "both to be counted");
    }

    [Fact]
    public async Task Without_an_exchange_of_that_name_they_are_dropped_and_counted()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareAsync("work", ("x-dead-letter-exchange", "nowhere"));
        await client.SendAsync("work", "1");
        var worker = await client.SubscribeAsync("work");
        await worker.ExpectDeliveryAsync();
        await worker.RejectAsync(1);
        await using var admin = await broker.AdministerAsync();
        await WireAdmin.UntilAsync(async () => (long)(await admin.RunAsync("cluster show"))[0]["deadLettersDropped"]!, dropped => dropped == 1, "it to be counted");
        await admin.ExpectQueueAsync("work", ready: 0, unsettled: 0);
    }

    [Fact]
    public async Task What_waits_for_a_full_target_comes_there_once_there_is_room_and_in_order()
    {
        var time = new ManualTimeProvider();
        time.Advance(TimeSpan.FromDays(10_000));
        await using var broker = await BrokerFixture.StartAsync(time: time);
        await using var client = await broker.ConnectAsync();
        await client.DeclareAsync("dead", ("x-max-length", 2), ("x-overflow", "reject-publish"));
        await client.DeclareAsync("work", Features.DeadLettersTo("dead"));
        await client.SendAsync("work", "1", "2", "3", "4", "5");
        var worker = await client.SubscribeAsync("work");
        await worker.ExpectBodiesAsync(5);
        await worker.SendAsync(w => SettleFrame.Write(w, SettleOutcome.Reject, [new SequenceRange(1, 5)]));
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("dead", ready: 2, unsettled: 0);
        var dead = await client.SubscribeAsync("dead");
        var bodies = dead.ExpectBodiesAsync(5);
        while (!bodies.IsCompleted)
        {
            time.Advance(TimeSpan.FromMilliseconds(50)); // the queue tries again
            await Task.WhenAny(bodies, Task.Delay(2));
        }

        Assert.Equal(["1", "2", "3", "4", "5"], await bodies);
    }

    [Fact]
    public async Task What_waits_for_a_full_target_waits_no_longer_when_the_wall_clock_is_set_back()
    {
        var time = new ManualTimeProvider();
        time.Advance(TimeSpan.FromDays(10_000));
        await using var broker = await BrokerFixture.StartAsync(time: time);
        await using var client = await broker.ConnectAsync();
        await client.DeclareAsync("dead", ("x-max-length", 1), ("x-overflow", "reject-publish"));
        await client.DeclareAsync("work", Features.DeadLettersTo("dead"));
        await client.SendAsync("work", "1", "2");
        var worker = await client.SubscribeAsync("work");
        await worker.ExpectBodiesAsync(2);
        await worker.SendAsync(w => SettleFrame.Write(w, SettleOutcome.Reject, [new SequenceRange(1, 2)]));
        await using var admin = await broker.AdministerAsync();
        await WireAdmin.UntilAsync(() => admin.QueueAsync("dead"), q => (long)q!["refused"]! == 1, "the second to be refused");
        var dead = await client.SubscribeAsync("dead");
        var bodies = dead.ExpectBodiesAsync(2);
        while (!bodies.IsCompleted)
        {
            time.WallOffset -= TimeSpan.FromHours(1);
            time.Advance(TimeSpan.FromMilliseconds(50)); // the queue tries again
            await Task.WhenAny(bodies, Task.Delay(2));
        }

        Assert.Equal(["1", "2"], await bodies);
    }

    [Fact]
    public async Task What_is_under_way_when_the_node_stops_arrives_once_after_its_next_start()
    {
        var disk = new MemoryDisk();
        await using (var broker = await BrokerFixture.StartAsync(disk: disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.DeclareAsync("dead", ("x-max-length", 3), ("x-overflow", "reject-publish"));
            await client.DeclareAsync("work", Features.DeadLettersTo("dead"));
            await client.SendAsync("work", "1", "2", "3", "4", "5");
            var worker = await client.SubscribeAsync("work", flags: SubscribeFlags.ConfirmSettles);
            await worker.ExpectBodiesAsync(5);
            await worker.SendAsync(w => SettleFrame.Write(w, SettleOutcome.Reject, [new SequenceRange(1, 5)], "all"));
            await worker.ExpectSettledAsync(5);
            await using var admin = await broker.AdministerAsync();
            await admin.ExpectQueueAsync("dead", ready: 3, unsettled: 0); // the others are under way
        }

        await using (var broker = await BrokerFixture.StartAsync(disk: disk))
        {
            await using var client = await broker.ConnectAsync();
            var worker = await client.SubscribeAsync("work");
            var dead = await client.SubscribeAsync("dead");
            Assert.Equal(["1", "2", "3", "4", "5"], await dead.ExpectBodiesAsync(5));
            await using var admin = await broker.AdministerAsync();
            await admin.ExpectQueueAsync("work", ready: 0, unsettled: 0);
            await admin.ExpectQueueAsync("dead", ready: 0, unsettled: 5);
            worker.Finish();
            await worker.ExpectEndAsync(); // nothing came back to it
        }
    }
}
