using Broker.Protocol;

namespace Broker.Actors.Tests.Nodes;

/// <summary>What a queue costs that nobody uses. It measures the heap of the process, so it runs by itself.</summary>
[Collection(nameof(IdleQueueTests))]
[CollectionDefinition(nameof(IdleQueueTests), DisableParallelization = true)]
public sealed class IdleQueueTests
{
    /// <summary>The whole of it counts: machine, ledger, actor, directories, metadata, and what the metadata takes on the disk, which is in memory here.</summary>
    [Theory]
    [InlineData(DeclareQueueFlags.Durable, 3_600)]
    [InlineData(DeclareQueueFlags.None, 3_200)]
    public async Task Queue_that_nobody_uses_takes_little(DeclareQueueFlags flags, long most)
    {
        const int count = 2_000;
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await DeclareAsync(client, "warm-up", 200, flags);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await DeclareAsync(client, "idle", count, flags);
        var growth = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.InRange(growth / count, 0, most);
    }

    private static async Task DeclareAsync(WireConnection client, string prefix, int count, DeclareQueueFlags flags)
    {
        await using var requests = await client.OpenRequestsAsync();
        for (var i = 0; i < count; i++)
        {
            var name = $"{prefix}-{i}";
            await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = name, Flags = flags }.Write(w));
            await requests.ExpectAsync(FrameType.QueueOk);
        }
    }
}
