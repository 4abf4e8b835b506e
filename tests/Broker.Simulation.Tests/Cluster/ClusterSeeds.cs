using System.Collections.Concurrent;
using System.Globalization;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>Runs many histories of clusters, on all cores, and says how to run again those that have failed.</summary>
/// <remarks>
/// <c>BROKER_CLUSTER_SIM_RUNS</c>: how many, default 1,000, or <c>forever</c>, until one fails. <c>BROKER_CLUSTER_SIM_SEED</c>: the first, default 1. <c>BROKER_CLUSTER_SIM_LOG</c>: with
/// one run, the file that is to say all that has happened. <c>./test.sh simulate</c> sets them.
/// </remarks>
internal static class ClusterSeeds
{
    private const int MaxShown = 3;
    private static readonly string s_runs = Environment.GetEnvironmentVariable("BROKER_CLUSTER_SIM_RUNS") ?? "";

    /// <summary>How many histories to run.</summary>
    public static int Count { get; } = s_runs == "forever" ? int.MaxValue - First : int.TryParse(s_runs, NumberStyles.None, CultureInfo.InvariantCulture, out var runs) ? runs : 1000;

    private static int First => int.TryParse(Environment.GetEnvironmentVariable("BROKER_CLUSTER_SIM_SEED"), NumberStyles.None, CultureInfo.InvariantCulture, out var seed) ? seed : 1;

    /// <summary>Takes all that happens, if there is one run and somebody wants to know.</summary>
    public static Action<string>? Log { get; private set; }

    public static void Run(int count, Action<int> run)
    {
        var first = First;
        var failures = new ConcurrentBag<(int Seed, Exception Failure)>();
        using var log = count == 1 && Environment.GetEnvironmentVariable("BROKER_CLUSTER_SIM_LOG") is { Length: > 0 } path ? new StreamWriter(path) : null;
        Log = log is null ? null : log.WriteLine;
        Parallel.For(first, first + Math.Max(1, count), new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, (seed, loop) =>
        {
            try
            {
                run(seed);
            }
            catch (Exception e)
            {
                failures.Add((seed, e));
                if (failures.Count >= (s_runs == "forever" ? 1 : MaxShown))
                {
                    loop.Stop();
                }
            }
        });
        var shown = failures.OrderBy(f => f.Seed).Take(MaxShown).Select(f => $"./test.sh simulate --seed {f.Seed}\n{f.Failure}");
        Assert.True(failures.IsEmpty, $"of {count} histories from seed {first} on:\n{string.Join("\n\n", shown)}");
    }
}
