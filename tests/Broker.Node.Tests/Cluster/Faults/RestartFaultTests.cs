using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Cluster.Faults;

/// <summary>What operators do to a cluster that is in use.</summary>
[Collection(ProcessCollection.Name)]
public sealed class RestartFaultTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Nodes_are_restarted_in_order_one_after_the_other_under_load()
    {
        await using var run = await FaultRun.StartAsync(output);
        for (var round = 0; round < FaultSettings.Rounds; round++)
        {
            foreach (var node in run.Cluster.Nodes)
            {
                await run.InjectAsync(new Fault("orderly stop of", node, node.StopAsync, node.StartAsync) { Limit = TimeSpan.FromSeconds(5) });
            }
        }

        await run.FinishAsync();
    }
}
