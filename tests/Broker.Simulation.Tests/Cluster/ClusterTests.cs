namespace Broker.Simulation.Tests.Cluster;

/// <summary>
/// Nodes of a cluster under everything that goes wrong at once: crashes that leave any part of what was not synced, emptied and full disks, pauses, links that break both ways or one, a metadata store
/// that cannot be reached or answers late, suspicion for no reason, nodes that drain and leave.
/// </summary>
public sealed class ClusterTests
{
    private static readonly string[] s_expected =
    [
        "confirmed", "settled", "redelivered", "crash", "restart", "emptied disk", "full disk", "FirstAssignment", "Election", "LeaderLost", "InSyncRepair", "in-sync set changed by the leader",
        "another life without a start", "log files retired", "copies out of the log",
    ];

    [Fact]
    public void A_cluster_in_which_nothing_fails_serves() => Run(1, seed => ClusterWorld.Run(ClusterOptions.Of(seed, faults: 0)));

    [Fact]
    public void Nothing_confirmed_is_lost_and_all_replicas_have_the_same()
    {
        var seen = new ClusterCoverage();
        Run(ClusterSeeds.Count, seed => seen.Add(ClusterWorld.Run(ClusterOptions.Of(seed)).Seen));
        TestContext.Current.SendDiagnosticMessage(seen.ToString());
        if (ClusterSeeds.Count >= 500)
        {
            seen.Check(s_expected);
        }
    }

    [Fact]
    public void The_same_seed_is_the_same_run()
    {
        for (var seed = 1; seed <= 3; seed++)
        {
            Assert.Equal(ClusterWorld.Run(ClusterOptions.Of(seed)).TraceHash, ClusterWorld.Run(ClusterOptions.Of(seed)).TraceHash);
        }
    }

    private static void Run(int count, Action<int> run) => ClusterSeeds.Run(count, run);
}
