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
        "another life without a start", "log files retired", "copies out of the log", "read of a log",
        "later rounds of snapshots",
    ];

    [Fact]
    public void A_cluster_in_which_nothing_fails_serves() => Run(Math.Min(20, ClusterSeeds.Count), seed => ClusterWorld.Run(ClusterOptions.Of(seed, faults: 0)).Seen.Check(["confirmed", "settled"]));

    [Fact]
    public void Nothing_confirmed_is_lost_and_all_replicas_have_the_same()
    {
        var seen = new ClusterCoverage();
        Run(ClusterSeeds.Count, seed => seen.Add(ClusterWorld.Run(ClusterOptions.Of(seed) with { HasLog = seed % 3 == 0 }).Seen));
        TestContext.Current.SendDiagnosticMessage(seen.ToString());
        if (ClusterSeeds.Count >= 500)
        {
            seen.Check(s_expected);
        }
    }

    /// <summary>Seeds that found something.</summary>
    [Theory]
    [InlineData(1)] // a queue's old checkpoint lay behind the beginning of the log, and what came between the two and a later one did not: the copy was taken for damaged
    [InlineData(4)] // records were gone before a follower was sent them, and it waited for them for ever
    [InlineData(12)] // a snapshot was installed under another lineage than it had begun with, and the next start refused the store
    [InlineData(41)] // the replica had a queue's ledger for a checkpoint when the queue's actor came: the queue refused everything
    [InlineData(107)] // a stream was opened between the end of one and a new beginning, and forgotten
    [InlineData(116)] // records of a shard that the node was not to have any more kept its log from being given up
    [InlineData(175)] // the link from leader to follower broke and the other one did not: nobody sent again what was lost
    [InlineData(794)] // a follower did not know whose records had been cut off, and the log kept them
    [InlineData(310)] // a disk was full while a snapshot came, and the node's log failed
    public void Histories_that_went_wrong_once_do_not_again(int seed) => ClusterWorld.Run(ClusterOptions.Of(seed));

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
