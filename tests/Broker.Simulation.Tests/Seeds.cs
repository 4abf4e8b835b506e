using System.Collections.Concurrent;
using System.Globalization;

namespace Broker.Simulation.Tests;

/// <summary>Runs many seeds, on all cores, and says which have failed.</summary>
/// <remarks>Set BROKER_SIMULATION_RUNS for more than a developer waits for (100,000 in a night), BROKER_SIMULATION_SEED to begin elsewhere.</remarks>
internal static class Seeds
{
    private const int MaxShown = 3;

    /// <summary>How many histories the largest test is to run; the others take a share.</summary>
    public static int Count { get; } = Number("BROKER_SIMULATION_RUNS", 2000);

    private static int First { get; } = Number("BROKER_SIMULATION_SEED", 1);

    public static void Run(int count, Action<int> run)
    {
        var failures = new ConcurrentBag<(int Seed, Exception Failure)>();
        Parallel.For(First, First + Math.Max(1, count), (seed, loop) =>
        {
            try
            {
                run(seed);
            }
            catch (Exception e)
            {
                failures.Add((seed, e));
                if (failures.Count >= MaxShown)
                {
                    loop.Stop();
                }
            }
        });
        var shown = failures.OrderBy(f => f.Seed).Take(MaxShown).Select(f => $"BROKER_SIMULATION_SEED={f.Seed} BROKER_SIMULATION_RUNS=1: {f.Failure}");
        Assert.True(failures.IsEmpty, $"of {count} histories from seed {First} on:\n{string.Join("\n\n", shown)}");
    }

    private static int Number(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
