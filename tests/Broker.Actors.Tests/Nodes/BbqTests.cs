using System.Buffers;
using System.Text;
using Broker.Actors.Server;
using Broker.Actors.Tests.Nodes.Durable;
using Broker.Machines.Queues;
using Broker.Protocol;
using Broker.Protocol.Bbq;
using Broker.Storage.Disks;
using Broker.Transport;

namespace Broker.Actors.Tests.Nodes;

/// <summary>ALPN <c>bbq</c> (docs/protocol.md, section 15).</summary>
public sealed class BbqTests
{
    private const byte Ack = 0;
    private const byte Nack = 1;
    private const byte Reject = 2;

    [Fact]
    public async Task Message_is_confirmed_delivered_and_acknowledged()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.BindAsync("test-exchange", "direct", "route1", "test-queue1");
        await using var bbq = await broker.ConnectRawAsync("bbq");
        Assert.Equal([0], await PublishAsync(bbq, "test-exchange", "route1", "hello world"));

        var consumer = await ConsumeAsync(bbq, "test-queue1");
        Assert.Equal("hello world", await ReadDeliveryAsync(consumer));
        await consumer.SendBytesAsync(Ack);
        consumer.Finish();
        await consumer.ReadBytesAsync();
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("test-queue1", ready: 0, unsettled: 0);
        Assert.Equal(1, (int)(await admin.QueueAsync("test-queue1"))!["acknowledged"]!);
    }

    [Fact]
    public async Task Consumer_waits_on_an_empty_queue()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        await using var bbq = await broker.ConnectRawAsync("bbq");
        var consumer = await ConsumeAsync(bbq, "orders");
        await using var admin = await broker.AdministerAsync();
        await WireAdmin.UntilAsync(() => admin.QueueAsync("orders"), q => (int)q!["consumers"]! == 1, "the consumer to wait");
        Assert.Equal([0], await PublishAsync(bbq, "", "orders", "at last"));
        Assert.Equal("at last", await ReadDeliveryAsync(consumer));
    }

    [Theory]
    [InlineData(Nack, 1)]
    [InlineData(Reject, 0)]
    public async Task Message_that_is_not_acknowledged_goes_back_or_away(byte answer, int left)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await ConsumeTests.FillAsync(client, "orders", 1);
        await using var bbq = await broker.ConnectRawAsync("bbq");
        var consumer = await ConsumeAsync(bbq, "orders");
        await ReadDeliveryAsync(consumer);
        await consumer.SendBytesAsync(answer);
        consumer.Finish();
        await consumer.ReadBytesAsync();
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: left, unsettled: 0);
        if (left > 0)
        {
            await using var again = await client.SubscribeAsync("orders");
            Assert.Equal(DeliverFlags.Redelivered, (await again.ExpectDeliveryAsync()).Flags);
        }
    }

    [Theory]
    [InlineData("FIN")]
    [InlineData("abandon")]
    [InlineData("close")]
    [InlineData("other byte")]
    public async Task Message_goes_back_when_the_consumer_goes_without_an_answer(string how)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await ConsumeTests.FillAsync(client, "orders", 1);
        await using var bbq = await broker.ConnectRawAsync("bbq");
        var consumer = await ConsumeAsync(bbq, "orders");
        await ReadDeliveryAsync(consumer);
        switch (how)
        {
            case "FIN":
                consumer.Finish();
                break;
            case "abandon":
                consumer.Abandon();
                break;
            case "close":
                await bbq.Quic.CloseAsync(0);
                break;
            default:
                await consumer.SendBytesAsync(3);
                await consumer.ExpectResetAsync(ErrorCode.ProtocolViolation);
                break;
        }

        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 1, unsettled: 0);
    }

    public static TheoryData<string, ErrorCode> Wrong => new()
    {
        { "publish to an unknown exchange", ErrorCode.NotFound },
        { "consume from an unknown queue", ErrorCode.NotFound },
        { "length over the limit", ErrorCode.FrameTooLarge },
        { "unknown request", ErrorCode.ProtocolViolation },
        { "bytes left over", ErrorCode.ProtocolViolation },
        { "end within the request", ErrorCode.ProtocolViolation },
        { "acknowledgement before the delivery", ErrorCode.ProtocolViolation },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task Wrong_request_resets_its_stream_and_no_other(string what, ErrorCode code)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        await using var bbq = await broker.ConnectRawAsync("bbq");
        var stream = new WireStream(await bbq.Quic.OpenStreamAsync());
        switch (what)
        {
            case "publish to an unknown exchange":
                await stream.SendAsync(w => BbqRequest.WritePublish(w, "absent"u8, "k"u8, "body"u8));
                break;
            case "consume from an unknown queue":
                await stream.SendAsync(w => BbqRequest.WriteConsume(w, "absent"u8));
                break;
            case "length over the limit":
                await stream.SendHexAsync("ffffffffffffffff");
                break;
            case "unknown request":
                await stream.SendHexAsync("0100000000000000 02");
                break;
            case "bytes left over":
                await stream.SendHexAsync("0400000000000000 01 01 61 00");
                break;
            case "end within the request":
                await stream.SendHexAsync("0400000000000000 01");
                stream.Finish();
                var reset = await Assert.ThrowsAsync<QuicTransportException>(stream.ReadBytesAsync);
                Assert.Equal((long)code, reset.ErrorCode);
                return;
            default:
                await stream.SendAsync(w => BbqRequest.WriteConsume(w, "orders"u8), w => w.Write(new byte[] { Ack }));
                break;
        }

        await stream.ExpectResetAsync(code);
        Assert.Equal([0], await PublishAsync(bbq, "", "orders", "goes on"));
    }

    [Fact]
    public async Task Largest_message_fits_with_its_names()
    {
        const int Max = 64 << 10;
        await using var broker = await BrokerFixture.StartAsync(new BrokerLimits { MaxMessageBytes = Max });
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        var body = new string('x', Max - MessageWriter.Size("", "orders", null, 0));
        await using var bbq = await broker.ConnectRawAsync("bbq");
        Assert.Equal([0], await PublishAsync(bbq, "", "orders", body));
        var large = new WireStream(await bbq.Quic.OpenStreamAsync());
        await large.SendAsync(w => BbqRequest.WritePublish(w, ""u8, "orders"u8, Encoding.UTF8.GetBytes(body + "x")));
        await large.ExpectResetAsync(ErrorCode.MessageTooLarge);
        var consumer = await ConsumeAsync(bbq, "orders");
        Assert.Equal(body, await ReadDeliveryAsync(consumer));
    }

    [Fact]
    public async Task Queue_that_is_deleted_resets_those_who_wait_for_it()
    {
        await using var broker = await BrokerFixture.StartAsync(new BrokerLimits { Queue = new QueueLimits { MaxMessages = 1 } });
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("empty");
        await ConsumeTests.FillAsync(client, "full", 1);
        await using var bbq = await broker.ConnectRawAsync("bbq");
        var consumer = await ConsumeAsync(bbq, "empty");
        var publisher = new WireStream(await bbq.Quic.OpenStreamAsync());
        await publisher.SendAsync(w => BbqRequest.WritePublish(w, ""u8, "full"u8, "parked"u8));
        await using var admin = await broker.AdministerAsync();
        await WireAdmin.UntilAsync(() => admin.QueueAsync("empty"), q => (int)q!["consumers"]! == 1, "the consumer to wait");
        await WireAdmin.UntilAsync(() => admin.QueueAsync("full"), q => (string)q!["blocked"]! != "", "the publisher to wait");
        await admin.RunAsync("queue delete", """{"queue":"empty"}""");
        await admin.RunAsync("queue delete", """{"queue":"full"}""");
        await consumer.ExpectResetAsync(ErrorCode.QueueDeleted);
        await publisher.ExpectResetAsync(ErrorCode.QueueDeleted);
    }

    [Fact]
    public async Task Publish_to_a_durable_queue_is_confirmed_when_it_is_on_the_disk_and_outlives_the_node()
    {
        var disk = new MemoryDisk();
        await using (var broker = await BrokerFixture.StartAsync(disk: disk, storage: s => s with { CheckInterval = TimeSpan.FromHours(1) }))
        {
            await using var client = await broker.ConnectAsync();
            await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
            await using var bbq = await broker.ConnectRawAsync("bbq");
            Assert.Equal([0], await PublishAsync(bbq, "", "orders", "first"));
            using var hold = DiskHold.OfSyncs(disk);
            var publishing = PublishAsync(bbq, "", "orders", "second");
            await hold.ReachedAsync();
            await using var admin = await broker.AdministerAsync();
            await admin.ExpectQueueAsync("orders", ready: 2, unsettled: 0);
            Assert.False(publishing.IsCompleted, "confirmed before the sync");
            hold.Release();
            Assert.Equal([0], await publishing);
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: disk);
        await using var again = await restarted.ConnectRawAsync("bbq");
        var consumer = await ConsumeAsync(again, "orders");
        Assert.Equal("first", await ReadDeliveryAsync(consumer));
        await using var other = await restarted.ConnectAsync();
        await using var second = await other.SubscribeAsync("orders");
        Assert.Equal("second:Durable:0", (await second.ExpectDeliveryAsync()).ToString());
    }

    [Theory]
    [InlineData(Ack, 0)]
    [InlineData(Nack, 1)]
    [InlineData(Reject, 0)]
    public async Task Settlement_of_a_message_of_a_durable_queue_outlives_the_node(byte answer, int left)
    {
        var disk = new MemoryDisk();
        await using (var broker = await BrokerFixture.StartAsync(disk: disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.FillDurableAsync("orders", "1");
            await using var bbq = await broker.ConnectRawAsync("bbq");
            var consumer = await ConsumeAsync(bbq, "orders");
            await ReadDeliveryAsync(consumer);
            await consumer.SendBytesAsync(answer);
            consumer.Finish();
            await consumer.ReadBytesAsync();
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: disk);
        await using var admin = await restarted.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: left, unsettled: 0);
    }

    internal static async Task<byte[]> PublishAsync(WireConnection bbq, string exchange, string key, string body)
    {
        var stream = new WireStream(await bbq.Quic.OpenStreamAsync());
        await stream.SendAsync(w => BbqRequest.WritePublish(w, Encoding.UTF8.GetBytes(exchange), Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(body)));
        stream.Finish();
        return await stream.ReadBytesAsync();
    }

    internal static async Task<WireStream> ConsumeAsync(WireConnection bbq, string queue)
    {
        var stream = new WireStream(await bbq.Quic.OpenStreamAsync());
        await stream.SendAsync(w => BbqRequest.WriteConsume(w, Encoding.UTF8.GetBytes(queue)));
        return stream;
    }

    internal static async Task<string> ReadDeliveryAsync(WireStream stream)
    {
        using var partial = new PartialFrame();
        while (true)
        {
            var read = await stream.Quic.Input.ReadAsync().AsTask().WaitAsync(WireConnection.Timeout);
            var status = BbqFraming.TryRead(read.Buffer, 32 << 20, partial, out var payload, out var consumed, out _);
            var text = status == FrameReadStatus.Frame && BbqDelivery.TryRead(payload, out var body, out _) ? Encoding.UTF8.GetString(body) : null;
            stream.Quic.Input.AdvanceTo(consumed, text is null ? read.Buffer.End : consumed);
            if (text is not null)
            {
                return text;
            }

            Assert.False(read.IsCompleted, "the stream ended before the delivery");
        }
    }
}
