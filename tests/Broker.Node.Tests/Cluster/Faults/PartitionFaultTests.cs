using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Cluster.Faults;

/// <summary>Members of the cluster that do not reach each other, while clients reach all of them.</summary>
[Collection(ProcessCollection.Name)]
public sealed class PartitionFaultTests(ITestOutputHelper output)
{
    private static readonly string[] s_etcd = ["m0", "m1", "m2"];

    /// <summary>The time of a lease and a second.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(6);

    [Fact]
    public async Task Writes_go_on_beside_a_node_that_is_cut_off()
    {
        await using var network = await ClusterNamespaces.CreateAsync(["n1", "n2", "n3", .. s_etcd]);
        await using var run = await FaultRun.StartAsync(output, () => ClusterProcess.StartAsync(network, nodes: 3, etcdMembers: 3));
        for (var round = 0; round < FaultSettings.Rounds; round++)
        {
            var victim = await run.VictimAsync();
            string[] others = [.. run.Cluster.Nodes.Where(node => node != victim).Select(node => node.Name)];
            await CutAsync(run, network, "cut from the other nodes", victim, [victim.Name], others, bothWays: true);

            victim = await run.CoordinatorAsync();
            await CutAsync(run, network, "cut from etcd", victim, [victim.Name], s_etcd, bothWays: true);

            victim = await run.VictimAsync();
            others = [.. run.Cluster.Nodes.Where(node => node != victim).Select(node => node.Name)];
            await CutAsync(run, network, "one-way cut to the other nodes", victim, [victim.Name], others, bothWays: false);
        }

        await run.FinishAsync();
    }

    private static Task CutAsync(
        FaultRun run, ClusterNamespaces network, string what, ClusterNode victim, IReadOnlyList<string> from, IReadOnlyList<string> to, bool bothWays) => run.InjectAsync(
        new Fault(
            $"{what}:",
            victim,
            () => Task.WhenAll(network.CutAsync(from, to), bothWays ? network.CutAsync(to, from) : Task.CompletedTask),
            () => Task.WhenAll(network.HealAsync(from, to), bothWays ? network.HealAsync(to, from) : Task.CompletedTask))
        { Limit = s_limit, Lasts = FaultSettings.Pause, CutsVictimOff = true });
}
