using System.Diagnostics;
using Broker.Client;

namespace Broker.Bench;

/// <summary>What many queues cost that nobody uses.</summary>
/// <param name="DeclaresPerSecond">Queues declared in a second, each a request with its answer.</param>
/// <param name="KiBPerQueue">Growth of the node's resident memory for one.</param>
/// <param name="LastPerSecond">The rate of the last tenth: whether it falls as queues get more.</param>
internal sealed record QueueCountResult(double DeclaresPerSecond, double LastPerSecond, double KiBPerQueue);

/// <summary>Declares many queues and looks at the node.</summary>
internal static class QueueCountBench
{
    private const int Concurrency = 256;

    /// <summary>Declares that many queues, so many requests under way at a time, as set-up programs of many clients would.</summary>
    public static async Task<QueueCountResult> RunAsync(BrokerClientOptions options, ChildProcess node, int queues, bool durable)
    {
        await using var client = await BrokerClient.ConnectAsync(options);
        await DeclareAsync(client, "warm-up", 0, 1_000, durable);
        await Task.Delay(TimeSpan.FromSeconds(2)); // what is measured is rest
        var before = node.ResidentKiB;
        var clock = Stopwatch.StartNew();
        await DeclareAsync(client, "idle", 0, queues - (queues / 10), durable);
        var most = clock.Elapsed;
        await DeclareAsync(client, "idle", queues - (queues / 10), queues, durable);
        var all = clock.Elapsed;
        await Task.Delay(TimeSpan.FromSeconds(5));
        return new QueueCountResult(queues / all.TotalSeconds, queues / 10 / (all - most).TotalSeconds, (node.ResidentKiB - before) / (double)queues);
    }

    private static async Task DeclareAsync(BrokerClient client, string prefix, int from, int to, bool durable)
    {
        var next = from - 1;
        await Task.WhenAll(Enumerable.Range(0, Concurrency).Select(async _ =>
        {
            while (Interlocked.Increment(ref next) is var i && i < to)
            {
                await client.DeclareQueueAsync($"{prefix}-{i}", new QueueOptions { Durable = durable });
            }
        }));
    }
}
