using Broker.Protocol;

namespace Broker.Actors.Tests.Nodes;

/// <summary>Single messages by request (docs/protocol.md, section 9.3).</summary>
public sealed class GetTests
{
    [Fact]
    public async Task Get_tells_what_remains_and_empty_when_nothing_does()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await ConsumeTests.FillAsync(client, "orders", 2);
        await using var requests = await client.OpenRequestsAsync();
        await requests.GetAsync("orders", requestId: 8);
        Assert.Equal(new WireGet(8, 1, DeliverFlags.None, 0, 1, "1"), await requests.ExpectGotAsync());
        await requests.GetAsync("orders", noAck: true, requestId: 9);
        Assert.Equal(new WireGet(9, 2, DeliverFlags.None, 0, 0, "2"), await requests.ExpectGotAsync());
        await requests.GetAsync("orders");
        await requests.ExpectAsync(FrameType.GetEmpty);
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 0, unsettled: 1);
    }

    [Fact]
    public async Task Gets_from_several_queues_are_settled_by_the_tags_of_their_stream()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await ConsumeTests.FillAsync(client, "a", 3);
        await ConsumeTests.FillAsync(client, "b", 3);
        await using var requests = await client.OpenRequestsAsync();
        foreach (var queue in new[] { "a", "b", "a", "b" })
        {
            await requests.GetAsync(queue);
            await requests.ExpectGotAsync();
        }

        await requests.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 2));
        await requests.SettleAsync(SettleOutcome.Requeue, new SequenceRange(3, 3));
        await requests.SettleAsync(SettleOutcome.Reject, new SequenceRange(4, 4));
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("a", ready: 2, unsettled: 0);
        await admin.ExpectQueueAsync("b", ready: 1, unsettled: 0);
        await requests.GetAsync("a");
        Assert.Equal(("2", DeliverFlags.Redelivered, 1UL), await requests.ExpectGotAsync() is var got ? (got.Text, got.Flags, got.Count) : default);
    }

    [Theory]
    [InlineData(2UL, false)]
    [InlineData(1UL, true)]
    public async Task Tag_that_needs_no_settlement_is_unknown(ulong tag, bool noAck)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await ConsumeTests.FillAsync(client, "orders", 1);
        var requests = await client.OpenRequestsAsync();
        await requests.GetAsync("orders", noAck);
        await requests.ExpectGotAsync();
        await requests.SettleAsync(SettleOutcome.Ack, new SequenceRange(tag, tag));
        await requests.ExpectFaultAsync(ErrorCode.UnknownDeliveryTag);
    }

    [Fact]
    public async Task Unsettled_get_goes_back_when_the_stream_ends()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await ConsumeTests.FillAsync(client, "orders", 2);
        var requests = await client.OpenRequestsAsync();
        await requests.GetAsync("orders");
        await requests.ExpectGotAsync();
        requests.Finish();
        await requests.ExpectEndAsync();
        await using var consumer = await client.SubscribeAsync("orders", messages: 1);
        await using var admin = await broker.AdministerAsync();
        await admin.ExpectQueueAsync("orders", ready: 1, unsettled: 1);
    }

    [Fact]
    public async Task Settlement_of_a_message_whose_queue_is_gone_is_accepted()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await ConsumeTests.FillAsync(client, "orders", 1);
        await using var requests = await client.OpenRequestsAsync();
        await requests.GetAsync("orders");
        await requests.ExpectGotAsync();
        await requests.SendAsync(w => new DeleteQueueFrame(2, "orders", DeleteQueueFlags.None).Write(w));
        await requests.ExpectCountAsync();
        await using var admin = await broker.AdministerAsync();
        await WireAdmin.UntilAsync(admin.HierarchyAsync, paths => !paths.Any(p => p.EndsWith("/orders", StringComparison.Ordinal)), "the queue's actor to be gone");
        await requests.SettleAsync(SettleOutcome.Ack, new SequenceRange(1, 1));
        await requests.GetAsync("orders");
        await requests.ExpectRefusalAsync(ErrorCode.NotFound);
    }
}
