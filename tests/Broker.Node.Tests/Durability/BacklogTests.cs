using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Broker.Client;
using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Durability;

/// <summary>A queue may be many times longer than the memory that the node gives it.</summary>
[Collection(ProcessCollection.Name)]
public sealed class BacklogTests(ITestOutputHelper output)
{
    private const string Queue = "backlog";
    private const string ShortQueue = "short";
    private const int ShortMessages = 8_000; // less than what a queue keeps in memory, at the default
    private const int ManyMessages = 1_000_000; // from here on rates are compared: a run is long enough for that
    private const long RestBytes = 1 << 20; // what is no log: a segment that is not given up yet
    private const long MaxResidentBytes = 512L << 20;
    private static readonly TimeSpan s_toTidyUp = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task A_backlog_that_fits_into_no_memory_is_kept_and_drained_in_order_after_a_kill()
    {
        var messages = DurabilitySettings.BacklogMessages;
        var isLong = messages >= ManyMessages;
        using var folder = new TemporaryFolder();
        var settings = new NodeSettings { Data = folder["data"], Environment = isLong ? [] : [("BROKER_LIMITS__MAXQUEUELOADEDBYTES", $"{1 << 20}"), .. DurabilitySettings.SmallStore] };
        TimeSpan published;
        long residentWhilePublishing, full;
        await using (var node = await NodeProcess.StartAsync(settings))
        {
            await using var client = await node.ConnectDoomedAsync();
            await client.DeclareQueueAsync(Queue);
            await using var resident = new Peak(() => node.ResidentBytes);
            published = await NumberedLoad.PublishAsync(client, Queue, 0, messages);
            (residentWhilePublishing, full) = (resident.Highest, StoreFolder.SizeOf(node.Data));
            await resident.DisposeAsync();
            await node.KillAsync();
        }

        var start = Stopwatch.GetTimestamp();
        await using var second = await NodeProcess.StartAsync(settings);
        var started = Stopwatch.GetElapsedTime(start);
        await using var consuming = await second.ConnectAsync();
        await using var admin = await second.ConnectAsync("admin");
        Assert.Equal(messages, (await RowAsync(admin)).GetProperty("ready").GetInt64());
        await using var residentLater = new Peak(() => second.ResidentBytes);
        var drained = await NumberedLoad.DrainAsync(consuming, Queue, 0, messages);
        var residentWhileDraining = residentLater.Highest;

        await Wait.Until(() => RowAsync(admin), row => row.GetProperty("ready").GetInt64() + row.GetProperty("unsettled").GetInt64() == 0, "everything is settled");
        var most = DurabilitySettings.LogBytes(isSmall: !isLong) + RestBytes;
        var empty = await Wait.Until(() => Task.FromResult(StoreFolder.SizeOf(second.Data)), bytes => bytes <= most, $"the store has given space back, to {most >> 20} MiB", s_toTidyUp);
        var shortRate = await ShortQueueAsync(consuming, Math.Clamp(messages / ShortMessages, 5, 100));

        var residentPeak = Math.Max(residentWhilePublishing, residentLater.Highest);
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{messages} messages of {NumberedLoad.BodyBytes} bytes: published {messages / published.TotalSeconds:0}/s, drained {messages / drained.TotalSeconds:0}/s, a short queue {shortRate:0}/s; "
            + $"start after the kill {started.TotalSeconds:0.00} s; resident MiB while publishing {residentWhilePublishing >> 20}, "
            + $"while draining {residentWhileDraining >> 20}, at most {residentPeak >> 20}; "
            + $"store MiB full {full >> 20}, empty {empty >> 20}"));
        Assert.True(residentPeak <= MaxResidentBytes, $"the node had {residentPeak >> 20} MiB resident; a backlog of {messages} messages may cost no more than {MaxResidentBytes >> 20}");
        if (isLong)
        {
            Assert.True(messages / drained.TotalSeconds >= shortRate / 2, $"a long queue drains {messages / drained.TotalSeconds:0} messages/s, a short one {shortRate:0}");
        }
    }

    /// <summary>Messages a second out of a queue that never has more than fits into memory: filled and drained again and again, and only the draining counts.</summary>
    private static async Task<double> ShortQueueAsync(BrokerClient client, int rounds)
    {
        await client.DeclareQueueAsync(ShortQueue);
        var drained = TimeSpan.Zero;
        for (var round = 0; round < rounds; round++)
        {
            await NumberedLoad.PublishAsync(client, ShortQueue, round * ShortMessages, ShortMessages);
            drained += await NumberedLoad.DrainAsync(client, ShortQueue, round * ShortMessages, ShortMessages);
        }

        return rounds * ShortMessages / drained.TotalSeconds;
    }

    private static async Task<JsonElement> RowAsync(BrokerClient admin) =>
        (await NodeState.RowsAsync(admin, "queue list")).Single(row => row.GetProperty("name").GetString() == Queue);
}
