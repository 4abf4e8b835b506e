using System.Globalization;
using Broker.Client;
using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Durability;

/// <summary>A few messages that nobody settles do not keep the space of all that were settled around them.</summary>
[Collection(ProcessCollection.Name)]
public sealed class StragglerTests(ITestOutputHelper output)
{
    private const string Queue = "stragglers";
    private const int OneIn = 100;
    private const int AtOnce = 10_000; // published ahead of the consumer
    private const int TimesLogBeforePublishersWait = 4;
    private const int ManyMessages = 10_000_000;
    private const int MaxTimesLive = 3;
    private static readonly TimeSpan s_toTidyUp = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Of_a_long_stream_with_stragglers_the_store_keeps_little_more_than_the_stragglers()
    {
        var messages = DurabilitySettings.StragglerMessages;
        var isLong = messages >= ManyMessages;
        var log = DurabilitySettings.LogBytes(isSmall: !isLong);
        using var folder = new TemporaryFolder();
        var settings = new NodeSettings { Data = folder["data"], Environment = isLong ? [] : DurabilitySettings.SmallStore };
        await using (var node = await NodeProcess.StartAsync(settings))
        {
            await using var client = await node.ConnectDoomedAsync();
            await using var admin = await node.ConnectDoomedAsync("admin");
            await client.DeclareQueueAsync(Queue);
            await using var size = new Peak(() => StoreFolder.SizeOf(node.Data));
            await using var resident = new Peak(() => node.ResidentBytes);
            await using var consumer = await client.SubscribeAsync(Queue, new ConsumerOptions { PrefetchMessages = messages, PrefetchBytes = 1L << 40 });

            for (var first = 0; first < messages; first += AtOnce)
            {
                var count = Math.Min(AtOnce, messages - first);
                var publishing = Task.Run(() => NumberedLoad.PublishAsync(client, Queue, first, count));
                await ConsumeAsync(consumer, first, count);
                await publishing;
            }

            var live = await LiveBytesAsync(admin, messages / OneIn);
            var allowed = (MaxTimesLive * live) + log;
            var end = await Wait.Until(() => Task.FromResult(StoreFolder.SizeOf(node.Data)), bytes => bytes <= allowed, $"the store is down to {allowed >> 10} KiB", s_toTidyUp);
            var show = (await NodeState.RowsAsync(admin, "store show"))[0];
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{messages} messages, 1 in {OneIn} not settled: {live >> 10} KiB live; store KiB at the end {end >> 10} ({(double)end / live:0.00} x live), at its peak {size.Highest >> 10} "
                + $"({(double)size.Highest / live:0.00} x); resident MiB at most {resident.Highest >> 20}; {show}"));
            var allowedOnTheWay = (MaxTimesLive * (live + (AtOnce * NumberedLoad.BodyBytes))) + (TimesLogBeforePublishersWait * log);
            Assert.True(size.Highest <= allowedOnTheWay, $"the store took {size.Highest >> 10} KiB on its way; {allowedOnTheWay >> 10} are allowed");
            if (isLong)
            {
                Assert.True(end <= MaxTimesLive * live, $"the store takes {end >> 10} KiB for {live >> 10} KiB of messages");
            }

            await resident.DisposeAsync();
            await node.KillAsync();
        }

        await using var second = await NodeProcess.StartAsync(settings);
        await using var later = await second.ConnectAsync();
        await using var deliveries = later.ConsumeAsync(Queue).GetAsyncEnumerator();
        for (var number = 0; number < messages; number += OneIn)
        {
            Assert.True(await Wait.For(deliveries.MoveNextAsync(), $"straggler {number}"));
            Assert.Equal((number, true), (NumberedLoad.NumberOf(deliveries.Current.Body.Span), deliveries.Current.Redelivered));
            await deliveries.Current.AckAsync();
        }
    }

    /// <summary>Takes messages in order, and settles all but each hundredth.</summary>
    private static async Task ConsumeAsync(Consumer consumer, int first, int count)
    {
        for (var next = first; next < first + count;)
        {
            using var batch = await Wait.For(consumer.ReadBatchAsync(), $"message {next}");
            foreach (var delivery in batch!)
            {
                Assert.Equal(next, NumberedLoad.NumberOf(delivery.Body.Span));
                if (next++ % OneIn != 0)
                {
                    await delivery.AckAsync();
                }
            }
        }

        consumer.FlushSettlements();
    }

    private static async Task<long> LiveBytesAsync(BrokerClient admin, int stragglers)
    {
        var row = await Wait.Until(
            async () => (await NodeState.RowsAsync(admin, "queue list")).Single(row => row.GetProperty("name").GetString() == Queue),
            row => row.GetProperty("unsettled").GetInt64() == stragglers,
            "all others are settled");
        Assert.Equal(0, row.GetProperty("ready").GetInt64());
        return row.GetProperty("bytes").GetInt64();
    }
}
