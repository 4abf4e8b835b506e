using Broker.Protocol;
using Broker.Storage.Disks;

namespace Broker.Actors.Tests.Nodes.Durable;

/// <summary>Metadata whose disk has failed: nothing is declared any more, and what is declared goes on.</summary>
public sealed class MetadataFailureTests
{
    private readonly MemoryDisk _disk = new();

    [Fact]
    public async Task Failure_of_the_metadata_refuses_declarations_and_leaves_queues_alone()
    {
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.FillDurableAsync("orders", "1");
            await using var requests = await client.OpenRequestsAsync();
            FailMetadata();
            await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = "new", Flags = DeclareQueueFlags.Durable }.Write(w));
            await requests.ExpectRefusalAsync(ErrorCode.Unavailable);
            await requests.SendAsync(w => new BindFrame { RequestId = 1, Exchange = "amq.direct", Destination = "orders", RoutingKey = "k" }.Write(w));
            await requests.ExpectRefusalAsync(ErrorCode.Unavailable);
            await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = "orders", Flags = DeclareQueueFlags.Durable }.Write(w));
            await requests.ExpectQueueOkAsync();
            await client.FillDurableAsync("orders", "2");
        }

        _disk.OnOperation = null;
        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var again = await restarted.ConnectAsync();
        await using var consumer = await again.SubscribeAsync("orders");
        Assert.Equal(["1", "2"], await consumer.ExpectBodiesAsync(2));
    }

    [Fact]
    public async Task Queue_whose_deletion_could_not_be_noted_takes_nothing_that_the_next_start_would_lose()
    {
        await using (var broker = await BrokerFixture.StartAsync(disk: _disk))
        {
            await using var client = await broker.ConnectAsync();
            await client.FillDurableAsync("orders", "1");
            await using var requests = await client.OpenRequestsAsync();
            FailMetadata();
            for (var round = 0; round < 2; round++)
            {
                await requests.SendAsync(w => new DeleteQueueFrame(1, "orders", DeleteQueueFlags.None).Write(w));
                await requests.ExpectRefusalAsync(ErrorCode.Unavailable);
            }

            await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = "orders", Flags = DeclareQueueFlags.Durable }.Write(w));
            await requests.ExpectRefusalAsync(ErrorCode.Unavailable);
            await using var publisher = await client.OpenPublisherAsync();
            await publisher.SendAsync(w => WireStream.WritePublish(w, 1, "", "orders", "lost"u8.ToArray(), PublishFlags.Mandatory));
            await publisher.ExpectAsync(FrameType.Return);
        }

        _disk.OnOperation = null;
        await using var restarted = await BrokerFixture.StartAsync(disk: _disk);
        await using var admin = await restarted.AdministerAsync();
        Assert.Empty(await admin.RunAsync("queue list"));
        await admin.Connection.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
    }

    private void FailMetadata() =>
        _disk.OnOperation = o => o.Kind == DiskOperationKind.Sync && o.Path.StartsWith("metadata/", StringComparison.Ordinal) ? DiskError.Io : null;
}
