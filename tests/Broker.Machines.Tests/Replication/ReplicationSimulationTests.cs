using System.Globalization;

namespace Broker.Machines.Tests.Replication;

/// <summary>
/// Replicas of one shard, placed by the real coordinator, under everything that goes wrong: crashes, disks that lose what was not synced or all they had, pauses, broken links, a metadata
/// store that cannot be reached, answers that do not come, suspicion for no reason, nodes that are to drain or to leave, coordinators that change.
/// <c>BROKER_REPLICATION_RUNS</c>: how many seeds, default 700; <c>BROKER_REPLICATION_SEED</c>: the first, default 1.
/// </summary>
public class ReplicationSimulationTests
{
    private static readonly int s_runs = Setting("BROKER_REPLICATION_RUNS") ?? 700;
    private static readonly int s_first = Setting("BROKER_REPLICATION_SEED") ?? 1;

    private static readonly string[] s_always =
        ["FirstAssignment", "Election", "LeaderLost", "records were cut off", "a state took the place of a log", "a leader ended"];

    [Theory]
    [InlineData(3)]
    [InlineData(2)]
    [InlineData(5)]
    public void Nothing_committed_is_lost_and_all_replicas_have_the_same(int nodes)
    {
        var confirmed = 0L;
        var seen = new HashSet<string>();
        for (var seed = s_first; seed < s_first + s_runs; seed++)
        {
            var world = new ReplicationWorld(seed, nodes);
            try
            {
                world.Run(faults: 40);
            }
            catch (Exception e)
            {
                Assert.Fail($"BROKER_REPLICATION_SEED={seed} BROKER_REPLICATION_RUNS=1, {nodes} nodes, after {world.Now}: {e}");
            }

            seen.UnionWith(world.Seen);
            confirmed += world.History.ConfirmedCount;
        }

        Assert.True(confirmed > 100L * s_runs, $"only {confirmed} values were confirmed in {s_runs} runs: the simulation shows nothing");
        string[] expected = nodes switch
        {
            2 => s_always,
            3 => [.. s_always, "InSyncRepair", "LeaderDrained"],
            _ => [.. s_always, "a leader gave way", "InSyncRepair", "LeaderDrained", "MoveBegun", "MoveHandedOver", "MoveDone"],
        };
        Assert.True(s_runs < 100 || expected.All(seen.Contains), $"never in {s_runs} runs: {string.Join(", ", expected.Except(seen))}");
    }

    [Fact]
    public void The_same_seed_is_the_same_run()
    {
        var runs = Enumerable.Range(0, 2).Select(_ =>
        {
            var world = new ReplicationWorld(seed: 7, nodes: 3);
            world.Run(faults: 20);
            var logs = string.Join(' ', world.Replicas.Select(r => r.Machine.Log));
            return $"{world.Metadata.Revision} {world.Metadata.Assignment!.Epoch} {world.History.CommittedUpTo} {world.History.ConfirmedCount} {logs}";
        }).ToList();
        Assert.Equal(runs[0], runs[1]);
    }

    private static int? Setting(string name) => int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
}
