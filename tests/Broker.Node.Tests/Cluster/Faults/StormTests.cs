using System.Diagnostics;
using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Cluster.Faults;

/// <summary>Faults that do not wait for each other.</summary>
[Collection(ProcessCollection.Name)]
public sealed class StormTests(ITestOutputHelper output)
{
    private static readonly TimeSpan s_longestCalm = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan s_longestFault = TimeSpan.FromSeconds(3);
    private readonly Random _random = new(FaultSettings.Seed);
    private int _faults;

    [Fact]
    public async Task Nothing_is_lost_when_any_nodes_fail_at_any_moment()
    {
        await using var run = await FaultRun.StartAsync(output);
        for (var round = 0; round < FaultSettings.Rounds; round++)
        {
            var start = Stopwatch.GetTimestamp();
            await run.InjectAsync(new Fault("storm", null, () => StormAsync(run, start), () => Task.CompletedTask) { Limit = TimeSpan.FromMinutes(1) });
            output.WriteLine($"{_faults} faults so far");
        }

        await run.FinishAsync();
    }

    private Task StormAsync(FaultRun run, long start) => Task.WhenAll([
        .. run.Cluster.Nodes.Select(node => RepeatAsync(start, () => FailAsync(node))),
        RepeatAsync(start, () => FailAsync(run.Cluster.Etcd)),
    ]);

    private async Task RepeatAsync(long start, Func<Task> failAsync)
    {
        while (Stopwatch.GetElapsedTime(start) < FaultSettings.Storm)
        {
            await Task.Delay(s_longestCalm * Next()); // the moment is what is tested
            await failAsync();
            Interlocked.Increment(ref _faults);
        }
    }

    private async Task FailAsync(ClusterNode node)
    {
        var kind = Next();
        if (kind < 0.3)
        {
            node.Pause();
            await Task.Delay(s_longestFault * Next());
            node.Resume();
            return;
        }

        await (kind < 0.4 ? node.StopAsync() : node.KillAsync());
        await Task.Delay(s_longestFault * Next());
        await node.StartAsync();
    }

    private async Task FailAsync(EtcdGroup etcd)
    {
        var member = (int)(Next() * etcd.Count);
        await etcd.KillAsync(member);
        await Task.Delay(s_longestFault * Next());
        etcd.Start(member);
        await etcd.UntilReadyAsync(member);
    }

    private double Next()
    {
        lock (_random)
        {
            return _random.NextDouble();
        }
    }
}
