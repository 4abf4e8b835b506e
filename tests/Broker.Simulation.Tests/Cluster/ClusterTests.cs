namespace Broker.Simulation.Tests.Cluster;

/// <summary>
/// Nodes of a cluster under everything that goes wrong at once: crashes that leave any part of what was not synced, emptied and full disks, pauses, links that break both ways or one,
/// a metadata store
/// that cannot be reached, answers late or changes its leader, leases that end, clocks that jump, bits that flip, suspicion for no reason, nodes that drain and leave.
/// </summary>
public sealed class ClusterTests
{
    private static readonly string[] s_expected =
    [
        "confirmed", "settled", "redelivered", "crash", "restart", "emptied disk", "full disk", "FirstAssignment", "Election", "LeaderLost", "InSyncRepair", "in-sync set changed by the leader",
        "another life without a start", "log files retired", "copies out of the log", "read of a log", "torn tails", "bit flip in a segment", "bit flip while down", "damage found at a start",
        "slow disk", "late packets", "overtaken between streams", "a stream is reset", "lost lease", "leases that ended while the node ran", "clock jumps backwards", "clock jumps forwards",
        "metadata store changes its leader", "metadata read anew", "pause, or its end", "cut, or mended", "cut one way, or mended", "metadata store out of reach, or back", "requests repeated",
        "dead letters to another shard", "dead letters that were sent again", "refused", "refused again after a later message was taken",
        "purges that were answered", "queues declared anew", "logs that have let go of something", "replicas compared", "later rounds of snapshots",
        "an actor is held back", "a first node by itself", "leaders that gave way",
    ];

    [Fact]
    public void A_cluster_in_which_nothing_fails_serves()
    {
        var seen = new ClusterCoverage();
        Run(Math.Min(20, ClusterSeeds.Count), seed =>
        {
            var history = ClusterWorld.Run(ClusterOptions.Of(seed, faults: 0)).Seen;
            history.Check(["confirmed"]);
            seen.Add(history);
        });
        seen.Check(["settled"]);
    }

    [Fact]
    public void Nothing_confirmed_is_lost_and_all_replicas_have_the_same()
    {
        var seen = new ClusterCoverage();
        Run(ClusterSeeds.Count, seed => seen.Add(ClusterWorld.Run(ClusterOptions.Of(seed), ClusterSeeds.Log).Seen));
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
    [InlineData(100)] // a leader could not read a message of its damaged copy, and took it out of the queue for all replicas
    [InlineData(130)] // the same
    [InlineData(512)] // the same
    [InlineData(895)] // a queue's last checkpoint under an epoch came after its ledger was read anew, and the log let go of what that said to be there
    [InlineData(1209)] // the same; a confirmed message was lost
    [InlineData(1954)] // the same
    [InlineData(113)] // a damaged header in a segment hid messages without being damage, and a leader took them out for all replicas
    [InlineData(2503)] // the same
    [InlineData(500)] // a record that was carried out by reading the ledgers anew kept its place unknown, so that a leader took for sendable what the log had let go of
    [InlineData(3462)] // the same
    [InlineData(550)] // a queue that had begun anew under its number lost its first record with the end of the one before, and the node did not start
    [InlineData(5947)] // all records of a queue that a start had found were cut off, and the log kept them
    [InlineData(343)] // a follower wrote a checkpoint of a queue behind its end, and had the queue again after a restart
    public void Histories_that_went_wrong_once_do_not_again(int seed) => ClusterWorld.Run(ClusterOptions.Of(seed) with { HasSlowActors = false, HasLateNodes = false }); // as there were none then

    /// <summary>Seeds that found something with actors that are held back.</summary>
    [Theory]
    [InlineData(329)] // a queue's actor that did not know yet of the next leader found segments deleted, and took that for damage: the node's log ended
    [InlineData(431)] // the same
    public void Histories_with_slow_actors_that_went_wrong_once_do_not_again(int seed) => ClusterWorld.Run(ClusterOptions.Of(seed));

    /// <summary>Everything that happens, in order and with its time; twelve seeds have each workload, and each fault.</summary>
    [Fact]
    public void The_same_seed_is_the_same_run_byte_for_byte()
    {
        var seen = new ClusterCoverage();
        for (var seed = 1; seed <= 12; seed++)
        {
            var (first, second) = (new List<string>(), new List<string>());
            seen.Add(ClusterWorld.Run(ClusterOptions.Of(seed), first.Add).Seen);
            ClusterWorld.Run(ClusterOptions.Of(seed), second.Add);
            Assert.NotEmpty(first);
            Assert.Equal(first, second);
        }

        TestContext.Current.SendDiagnosticMessage(seen.ToString());
        seen.Check(["crash", "slow disk", "late packets", "lost lease", "clock jumps backwards", "metadata store changes its leader",
            "metadata read anew", "dead letters", "refused", "read of a log"]);
    }

    private static void Run(int count, Action<int> run) => ClusterSeeds.Run(count, run);
}
