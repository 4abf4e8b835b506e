using Broker.Actors.Server;
using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Actors.Tests.Nodes;

/// <summary>A queue, a node or a client that cannot keep up stops its own streams and nothing else.</summary>
public sealed class PressureTests
{
    [Fact]
    public async Task Full_queue_blocks_its_publisher_says_so_and_lets_it_go_on_when_it_drains()
    {
        await using var broker = await BrokerFixture.StartAsync(new BrokerLimits { Queue = new QueueLimits { MaxMessages = 3 } });
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        await using var publisher = await client.OpenPublisherAsync();
        for (var i = 1; i <= 3; i++)
        {
            await publisher.PublishAsync((ulong)i, "", "orders", $"{i}");
            await publisher.ExpectConfirmsAsync(1);
        }

        await publisher.PublishAsync(4, "", "orders", "4");
        Assert.True(BlockedFrame.TryRead(await publisher.ExpectAsync(FrameType.Blocked), out var blocked, out _));
        Assert.Contains("orders", blocked.Reason, StringComparison.Ordinal);
        await using var admin = await broker.AdministerAsync();
        Assert.Equal("publishers wait", (string)(await admin.QueueAsync("orders"))!["blocked"]!);
        Assert.Contains(await admin.RunAsync("connection list"), c => ((string)c["blocked"]!).Contains("orders", StringComparison.Ordinal));
        await admin.ExpectQueueAsync("orders", ready: 3, unsettled: 0);

        await using var consumer = await client.SubscribeAsync("orders", messages: 1);
        await consumer.ExpectBodiesAsync(1);
        await admin.ExpectQueueAsync("orders", ready: 2, unsettled: 1); // delivered and not settled still counts
        await consumer.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 1));
        Assert.Equal([4UL], await publisher.ExpectConfirmsAsync(1));
        await publisher.ExpectAsync(FrameType.Unblocked);
    }

    [Fact]
    public async Task Blocked_publisher_does_not_slow_down_another_on_the_same_connection()
    {
        const int Count = 20_000;
        await using var broker = await BrokerFixture.StartAsync(new BrokerLimits { Queue = new QueueLimits { MaxBytes = 24 << 20 } });
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("full");
        await client.DeclareQueueAsync("flowing");
        var blocked = await client.OpenPublisherAsync();
        var flooding = FloodAsync(blocked, "full", new byte[64 << 10]);
        await using var admin = await broker.AdministerAsync();
        await WireAdmin.UntilAsync(() => admin.QueueAsync("full"), q => (string)q!["blocked"]! != "", "the queue to be full");

        await using var publisher = await client.OpenPublisherAsync();
        await using var consumer = await client.SubscribeAsync("flowing", messages: Count, bytes: 1 << 30, flags: SubscribeFlags.NoAck);
        var publishing = Task.Run(async () =>
        {
            for (var i = 1; i <= Count; i += 50)
            {
                var first = i;
                await publisher.SendAsync(w =>
                {
                    for (var s = first; s < first + 50; s++)
                    {
                        WireStream.WritePublish(w, (ulong)s, "", "flowing", new byte[1024]);
                    }
                });
            }
        });
        var confirming = publisher.ExpectConfirmsAsync(Count);
        await consumer.ExpectBodiesAsync(Count);
        await publishing;
        await confirming;
        Assert.False(flooding.IsCompleted, "the other publisher is blocked all the while");
        await ExpectStableAsync(admin, "blocked publish stream", "full");
        await client.Quic.CloseAsync(0);
        await Assert.ThrowsAnyAsync<Exception>(() => flooding);
    }

    [Fact]
    public async Task Many_blocked_publishers_leave_the_connection_usable()
    {
        const int Blocked = 40; // with a window of 1 MiB each, more than twice the connection's own window of 16 MiB
        await using var broker = await BrokerFixture.StartAsync(new BrokerLimits { Queue = new QueueLimits { MaxMessages = 1 } });
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("full");
        await client.DeclareQueueAsync("flowing");
        var flooding = new List<Task>();
        for (var i = 0; i < Blocked; i++)
        {
            flooding.Add(FloodAsync(await client.OpenPublisherAsync(), "full", new byte[64 << 10]));
        }

        await using var admin = await broker.AdministerAsync();
        await WireAdmin.UntilAsync(
            () => admin.RunAsync("connection list"),
            rows => rows.SelectMany(r => r["streamDetails"]!.AsArray()).Count(s => (string?)s!["blocked"] is not null) == Blocked,
            "all of them to be blocked");
        await ExpectStableAsync(admin, "blocked publish stream", "full");

        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "flowing", "through");
        Assert.Equal([1UL], await publisher.ExpectConfirmsAsync(1));
        Assert.DoesNotContain(flooding, f => f.IsCompleted);
        await client.Quic.CloseAsync(0);
        await Assert.ThrowsAnyAsync<Exception>(() => Task.WhenAll(flooding));
    }

    [Fact]
    public async Task Node_at_its_memory_limit_blocks_publishers_until_there_is_room()
    {
        await using var broker = await BrokerFixture.StartAsync(new BrokerLimits { MaxMessageBytes = 16 << 10, MaxMemoryBytes = 64 << 10 });
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        await client.DeclareQueueAsync("other");
        await using var publisher = await client.OpenPublisherAsync();
        var sent = 0;
        await using var admin = await broker.AdministerAsync();
        while (!(bool)(await admin.RunAsync("cluster show"))[0]["publishersBlocked"]!)
        {
            await publisher.SendAsync(w => WireStream.WritePublish(w, (ulong)++sent, "", "orders", new byte[8 << 10]));
            await publisher.ExpectConfirmsAsync(1);
            Assert.InRange(sent, 1, 8);
        }

        // Publishers to any queue wait, whichever of them has filled the memory.
        await using var second = await client.OpenPublisherAsync();
        foreach (var stream in new[] { publisher, second })
        {
            await stream.PublishAsync(1000, "", "other", "late");
            Assert.True(BlockedFrame.TryRead(await stream.ExpectAsync(FrameType.Blocked), out var blocked, out _));
            Assert.Contains("memory", blocked.Reason, StringComparison.Ordinal);
        }

        await admin.ExpectQueueAsync("other", ready: 0, unsettled: 0);
        await using var requests = await client.OpenRequestsAsync();
        await requests.SendAsync(w => new PurgeQueueFrame(1, "orders").Write(w));
        Assert.Equal((ulong)sent, await requests.ExpectCountAsync());
        foreach (var stream in new[] { publisher, second })
        {
            var frames = new HashSet<FrameType> { (await stream.ReadAsync())!.Value.Type, (await stream.ReadAsync())!.Value.Type };
            Assert.Equal([FrameType.Confirm, FrameType.Unblocked], frames.Order());
        }

        await admin.ExpectQueueAsync("other", ready: 2, unsettled: 0);
    }

    [Fact]
    public async Task Consumer_that_does_not_read_costs_its_window_and_holds_up_nobody()
    {
        const int Count = 400;
        const int MessageBytes = 8 << 10;
        var limits = new BrokerLimits { ConsumerWindowBytes = 64 << 10 };
        await using var broker = await BrokerFixture.StartAsync(limits, listener: l => l with { SendBufferSize = 64 << 10 });
        await using var idleClient = await broker.ConnectAsync(client: c => c with { StreamReceiveWindow = 64 << 10 });
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        var idle = await idleClient.SubscribeAsync("orders", messages: 1UL << 40, bytes: 1UL << 40);
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.SendAsync(w =>
        {
            for (var i = 1; i <= Count; i++)
            {
                WireStream.WritePublish(w, (ulong)i, "", "orders", new byte[MessageBytes]);
            }
        });
        await publisher.ExpectConfirmsAsync(Count);

        // The node's window, its send buffer and the client's window, each overshot by one message at most.
        const int Bound = (3 * (64 << 10) / MessageBytes) + 3;
        await using var busy = await client.SubscribeAsync("orders", messages: Count, bytes: 1 << 30);
        for (var i = 1; i <= Count - Bound; i++)
        {
            await busy.ExpectDeliveryAsync();
            await busy.SettleAsync(SettleOutcome.Ack, new SequenceRange((ulong)i, (ulong)i));
        }

        // What the idle one held goes to the other as soon as it is gone.
        await idleClient.DisposeAsync();
        for (var i = Count - Bound + 1; i <= Count; i++)
        {
            await busy.ExpectDeliveryAsync();
            await busy.SettleAsync(SettleOutcome.Ack, new SequenceRange((ulong)i, (ulong)i));
        }

        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 0, unsettled: 0);
    }

    [Fact]
    public async Task Publisher_that_does_not_read_its_outcomes_is_not_read_any_more()
    {
        await using var broker = await BrokerFixture.StartAsync(listener: l => l with { SendBufferSize = 16 << 10, StreamReceiveWindow = 64 << 10 });
        await using var client = await broker.ConnectAsync(client: c => c with { StreamReceiveWindow = 16 << 10, SendBufferSize = 16 << 10 });
        await client.DeclareQueueAsync("orders");
        var publisher = await client.OpenPublisherAsync();
        var flooding = FloodAsync(publisher, "nowhere", new byte[100], exchange: "no such exchange");
        await using var admin = await broker.AdministerAsync();
        var seen = await ExpectStableAsync(admin, "publish stream that gets no answers through", "");
        Assert.InRange(seen, 1, 5000);
        Assert.False(flooding.IsCompleted);

        // Reading sets it going again.
        for (var i = 1; i <= 3 * seen; i++)
        {
            Assert.Equal((ulong)i, (await publisher.ExpectRejectAsync()).Sequence);
        }

        publisher.Abandon();
        await Assert.ThrowsAnyAsync<Exception>(() => flooding);
    }

    [Fact]
    public async Task Abandoned_publisher_of_a_full_queue_goes_although_nobody_reads_it()
    {
        await using var broker = await BrokerFixture.StartAsync(
            new BrokerLimits { Queue = new QueueLimits { MaxMessages = 1 }, Publisher = new() { MaxOutstandingBytes = 1 } },
            listener: l => l with { MaxInboundStreams = 4 });
        await using var client = await broker.ConnectAsync();
        await ConsumeTests.FillAsync(client, "orders", 1);
        for (var i = 0; i < 10; i++)
        {
            var publisher = await client.OpenPublisherAsync().WaitAsync(WireConnection.Timeout);
            await publisher.PublishAsync(1, "", "orders", "waits");
            await publisher.ExpectAsync(FrameType.Blocked);
            publisher.Abandon();
        }

        await using var admin = await broker.AdministerAsync();
        await WireAdmin.UntilAsync(() => admin.QueueAsync("orders"), q => (string)q!["blocked"]! == "", "the batches of the abandoned publishers to be dropped");
        await admin.ExpectQueueAsync("orders", ready: 1, unsettled: 0);
    }

    /// <summary>Publishes until the stream fails.</summary>
    private static Task FloodAsync(WireStream stream, string key, byte[] body, string exchange = "") => Task.Run(async () =>
    {
        for (var i = 1UL; ; i++)
        {
            WireStream.WritePublish(stream.Quic.Output, i, exchange, key, body);
            await stream.Quic.Output.FlushAsync();
        }
    });

    /// <summary>Waits for the node to have stopped reading a publish stream, and says how many messages it has read.</summary>
    private static async Task<int> ExpectStableAsync(WireAdmin admin, string what, string blockedBy)
    {
        var last = -1;
        var same = 0;
        await WireAdmin.UntilAsync(
            () => admin.RunAsync("connection list"),
            rows =>
            {
                var read = rows.SelectMany(r => r["streamDetails"]!.AsArray())
                    .Where(s => (string)s!["kind"]! == "publish" && ((string?)s["blocked"] ?? "").Contains(blockedBy, StringComparison.Ordinal))
                    .Select(s => (int)s!["messages"]!).DefaultIfEmpty(-1).Max();
                same = read == last && read > 0 ? same + 1 : 0;
                last = read;
                return same == 200;
            },
            $"a {what} to come to rest");
        return last;
    }
}
