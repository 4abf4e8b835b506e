using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Cluster.Faults;

/// <summary>Nodes that are gone at once, under load.</summary>
[Collection(ProcessCollection.Name)]
public sealed class KillFaultTests(ITestOutputHelper output)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan s_promise = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan s_limitOfStart = TimeSpan.FromSeconds(40);

    [Fact]
    public async Task Writes_go_on_soon_after_a_node_was_killed_and_one_that_lost_its_disk_gets_everything_from_the_others()
    {
        await using var run = await FaultRun.StartAsync(output);
        for (var round = 0; round < FaultSettings.Rounds; round++)
        {
            var victim = await run.VictimAsync();
            await run.InjectAsync(Kill("kill -9 of", victim, victim.StartAsync));

            var replaced = await run.VictimAsync();
            await run.InjectAsync(Kill("kill -9 and loss of the disk of", replaced, () => StartEmptyAsync(replaced)));

            var other = await run.CoordinatorAsync(); // from here on what was copied counts
            await run.InjectAsync(Kill("kill -9 of", other, other.StartAsync));
        }

        await run.InjectAsync(new Fault("kill -9 of all nodes, and their start", null, () => RestartAllAsync(run.Cluster), () => Task.CompletedTask) { Limit = s_limitOfStart });
        await run.FinishAsync();
    }

    private static Fault Kill(string what, ClusterNode victim, Func<Task> start) =>
        new(what, victim, victim.KillAsync, start) { Limit = s_limit, LimitForVictimsClients = s_limit, Promise = s_promise };

    private static async Task RestartAllAsync(ClusterProcess cluster)
    {
        await Task.WhenAll(cluster.Nodes.Select(node => node.KillAsync()));
        await Task.WhenAll(cluster.Nodes.Select(node => node.StartAsync()));
    }

    private static Task StartEmptyAsync(ClusterNode node)
    {
        Directory.Delete(node.Settings.Data!, recursive: true);
        return node.StartAsync();
    }
}
