using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Cluster.Faults;

/// <summary>Nodes that stand still for longer than their lease, and go on as if nothing had been.</summary>
[Collection(ProcessCollection.Name)]
public sealed class PauseFaultTests(ITestOutputHelper output)
{
    /// <summary>The time of a lease and a second.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(6);

    /// <summary>A second is what is expected.</summary>
    private static readonly TimeSpan s_limitForClients = TimeSpan.FromSeconds(5);

    [Fact]
    public async Task Writes_go_on_without_a_node_that_stands_still_and_nothing_that_it_does_later_counts()
    {
        await using var run = await FaultRun.StartAsync(output);
        for (var round = 0; round < FaultSettings.Rounds; round++)
        {
            await PauseAsync(run, await run.VictimAsync());
            await PauseAsync(run, await run.CoordinatorAsync());
        }

        await run.FinishAsync();
    }

    private static Task PauseAsync(FaultRun run, ClusterNode victim) => run.InjectAsync(
        new Fault("pause of", victim, () => Do(victim.Pause), () => Do(victim.Resume))
        {
            Limit = s_limit, LimitForVictimsClients = s_limitForClients, Lasts = FaultSettings.Pause, SomeWaitForVictim = true,
        });

    private static Task Do(Action action)
    {
        action();
        return Task.CompletedTask;
    }
}
