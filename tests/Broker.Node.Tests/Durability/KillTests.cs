using System.Diagnostics;
using Broker.Node.Tests.Durability.Kills;
using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Durability;

/// <summary>What was confirmed outlives the node's violent end, in order, and what was settled stays away.</summary>
[Collection(ProcessCollection.Name)]
public sealed class KillTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Whatever_was_confirmed_outlives_a_node_that_is_killed_again_and_again()
    {
        using var folder = new TemporaryFolder();
        var (kills, seed) = (DurabilitySettings.Kills, DurabilitySettings.KillSeed);
        var run = new KillRun(folder["data"], seed);
        var start = Stopwatch.GetTimestamp();
        try
        {
            await run.DeclareAsync();
            while (run.Kills < kills)
            {
                await run.LiveAsync();
            }

            await run.FinishAsync();
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"after {run.Kills} of {kills} kills with BROKER_KILL_SEED={seed}: {e.Message}", e);
        }

        var kept = run.History.Queues.Sum(queue => queue.CheckNothingLost());
        Assert.True(run.History.Violations.Count == 0, $"BROKER_KILL_SEED={seed}: {run.History.Violations.Count} violations:\n{string.Join('\n', run.History.Violations.Take(20))}");
        Assert.True(run.Segments > 0, "no segment was ever written: everything stayed in the log, and half of the store was not tested");
        output.WriteLine(
            $"{run.Kills} kills under load and {run.KilledWhileStarting} during the start, {run.Stops} orderly stops, seed {seed}, in {Stopwatch.GetElapsedTime(start).TotalSeconds:0} s; "
            + $"{run.ConfirmedCount} messages confirmed, {kept} with copies in two queues; {run.History.Queues.Sum(q => q.Settled)} settlements confirmed, "
            + $"{run.History.Queues.Sum(q => q.Redelivered)} redeliveries, {run.History.Queues.Sum(q => q.Drained)} left at the end; up to {run.Segments} segments");
    }
}
