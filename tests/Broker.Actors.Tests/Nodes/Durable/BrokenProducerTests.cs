using Broker.Protocol;
using Broker.Storage.Disks;

namespace Broker.Actors.Tests.Nodes.Durable;

/// <summary>The stream of a producer ends when a queue cannot take a message for now, so that what has no outcome comes again in order, on another one.</summary>
public sealed class BrokenProducerTests
{
    private readonly MemoryDisk _disk = new();

    [Fact]
    public async Task Producers_stream_answers_what_it_has_sent_and_ends_with_unavailable()
    {
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
            await client.DeclareQueueAsync("passing");
            var (producer, _) = await client.OpenProducerAsync("p");
            using var hold = DiskHold.OfSyncs(_disk);
            await producer.PublishAsync(1, "", "orders", "1", PublishFlags.Durable);
            await hold.ReachedAsync();
            await producer.PublishAsync(2, "", "passing", "2");
            Assert.Equal([2UL], await producer.ExpectConfirmsAsync(1));
            await producer.PublishAsync(3, "", "orders", "3", PublishFlags.Durable);
            hold.Release(DiskError.Io);
            Assert.Equal((1UL, ErrorCode.Unavailable), await RejectAsync(producer));
            var error = await producer.ReadToErrorAsync();
            Assert.Equal(ErrorCode.Unavailable, error.Code);
            Assert.NotEmpty(error.Reason);
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var again = await restarted.ConnectAsync();
        var (stream, _) = await again.OpenProducerAsync("p");
        await stream.PublishAsync(1, "", "orders", "1", PublishFlags.Durable);
        await stream.PublishAsync(3, "", "orders", "3", PublishFlags.Durable);
        await stream.ExpectConfirmsAsync(2);
        await using var consumer = await again.SubscribeAsync("orders");
        Assert.Equal(["1", "3"], await consumer.ExpectBodiesAsync(2));
    }

    private static async Task<(ulong Sequence, ErrorCode Code)> RejectAsync(WireStream producer)
    {
        var reject = await producer.ExpectRejectAsync();
        return (reject.Sequence, reject.Code);
    }
}
