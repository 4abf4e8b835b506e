using Broker.Actors.Storage;
using Broker.Machines.Ledgers;
using Broker.Machines.Replication;
using Broker.Storage;
using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Records;
using Broker.Storage.Scheduling;

namespace Broker.Actors.Tests.Storage;

/// <summary>What a start makes of one replica's records, case by case.</summary>
public sealed class ShardRecoveryTests
{
    private readonly ShardScript _script = new();

    public ShardRecoveryTests()
    {
        _script.BeginEpoch(); // record 1
        _script.Append(7, messages: 2); // 2
        _script.Append(7, settled: [new PositionRange(1, 1)]); // 3
    }

    [Fact]
    public void What_is_not_known_to_be_committed_is_held_back()
    {
        _script.Commit(2);
        _script.Append(8); // 4: says that 2 is committed
        _script.CommitAll();
        var shard = Restart();
        Assert.Equal((1L, 2UL, 4UL, false), (shard.Epoch, shard.Committed, shard.Log.Last, shard.IsInstalling));
        Assert.Equal([(3UL, 7UL, 2UL, 1), (4UL, 8UL, 1UL, 1)], shard.Held.Select(h => (h.ShardIndex, h.Entity, h.Index, h.MessageCount)));
        Assert.Equal([1, 2], shard.Ledgers[7].Live.Ranges().SelectMany(r => ShardScript.Positions(r.First, r.Last)));
        Assert.Equal([1UL, 2, 3, 4], shard.Located.Select(l => l.ShardIndex));
    }

    [Fact]
    public void What_was_cut_off_never_was()
    {
        _script.Commit(2);
        _script.BeginEpoch(withStart: false);
        _script.Cut(2);
        _script.Append(7, messages: 5);
        _script.Commit();
        _script.AppendState();
        _script.CommitAll();
        var shard = Restart();
        Assert.Equal((2L, 3UL, "1..3 [1@1 2@3]"), (shard.Epoch, shard.Committed, $"{shard.Log}"));
        Assert.Equal(7UL, shard.Ledgers[7].Live.Count);
    }

    [Fact]
    public void A_checkpoint_is_as_of_what_it_says_and_later_records_come_on_top()
    {
        _script.Commit(2);
        var early = _script.Checkpoint(7);
        _script.Commit();
        _script.Append(7, messages: 3); // says that 3 is committed
        _script.CommitAll();
        early();
        var shard = Restart();
        Assert.Equal(3UL, shard.Committed);
        Assert.Equal([2, 3], shard.Ledgers[7].Live.Ranges().SelectMany(r => ShardScript.Positions(r.First, r.Last)));
    }

    [Fact]
    public void A_queue_that_was_deleted_is_dropped_and_may_begin_anew()
    {
        _script.Delete(7);
        _script.Commit();
        _script.AppendState();
        _script.CommitAll();
        Assert.Empty(Restart().Ledgers);
        Assert.Contains(7UL, _script.Recovery.Dropped);
        Assert.Empty(_script.Recovery.Deleted);
        _script.Append(7, messages: 4);
        _script.Commit();
        _script.AppendState();
        _script.CommitAll();
        Assert.Equal(4UL, Restart().Ledgers[7].Live.Count);
        Assert.DoesNotContain(7UL, _script.Recovery.Dropped);
    }

    [Fact]
    public void That_a_node_has_let_go_of_a_queue_says_that_its_end_is_committed()
    {
        // A snapshot as of an earlier record would lack the queue, and its records that follow would not fit.
        _script.Append(7, messages: 1);
        _script.Delete(7);
        _script.Append(8, messages: 1);
        _script.Commit(_script.Log.Last - 1);
        var shard = Restart();
        Assert.Empty(shard.Ledgers);
        Assert.Equal(shard.Log.Last - 1, shard.Committed);
    }

    [Fact]
    public void A_copy_that_was_given_up_comes_back_empty_with_its_epoch()
    {
        _script.Commit();
        _script.Move(7, 1);
        _script.Checkpoint(7)();
        Append(new ShardStateRecord(new Nobody(), ShardScript.Shard, new ShardState(4, new Lineage(), 0, IsInstalling: true)));
        var disk = _script.Disk.Crash();
        var (store, recovery) = Recover(disk);
        var shard = recovery.Shards[ShardScript.Shard];
        Assert.Equal((4L, 0UL, 0UL, true, (string?)null), (shard.Epoch, shard.Log.Last, shard.Committed, shard.IsInstalling, shard.Problem));
        Assert.Empty(shard.Ledgers);
        Assert.Contains(7UL, recovery.Dropped);
        store.Dispose();
    }

    [Fact]
    public void What_a_copy_has_written_goes_if_the_node_stops_before_a_checkpoint_tells_of_it()
    {
        for (var i = 0; i < 5; i++)
        {
            _script.Append(7, messages: 3, bytes: 3000);
        }

        _script.Commit();
        _script.Move(7, records: 6);
        var written = _script.Store.Segments.Segments(7);
        Assert.True(written.Count > 1, "one segment is all");
        _script.AppendState();
        _script.CommitAll();
        var ledger = Restart().Ledgers[7];
        Assert.Empty(ledger.Index.Segments);
        Assert.Equal(written, ledger.DroppedSegments);
        _script.Move(7, records: 6);
        _script.Checkpoint(7)();
        var again = written.Select(number => number + written[^1]);
        Assert.Equal(again, _script.Store.Segments.Segments(7));
        Assert.Equal(again, Restart().Ledgers[7].Index.Segments.Select(s => s.Number));
    }

    [Theory]
    [InlineData(5, 1, "records 4 to 4 are missing")]
    [InlineData(3, 1, "record 3 comes behind record 3")]
    [InlineData(4, 2, "record 4 is of epoch 2")]
    public void A_record_that_does_not_follow_the_one_before_is_a_problem(ulong shardIndex, long epoch, string problem)
    {
        Append(new EpochStartRecord(new Nobody(), ShardScript.Shard, shardIndex, epoch, 0));
        CheckProblem(problem);
    }

    [Theory]
    [InlineData(1, 4, 0, "records 4 to 4 are missing")]
    [InlineData(0, 3, 0, "its epoch goes back from 1 to 0")]
    [InlineData(1, 1, 2, "records up to 2 were committed, and those from 2 on were cut off")]
    public void A_state_that_contradicts_the_records_is_a_problem(long epoch, ulong last, ulong committed, string problem)
    {
        Append(new ShardStateRecord(new Nobody(), ShardScript.Shard, new ShardState(epoch, new Lineage(1, [new Era(1, 1)], last), committed, IsInstalling: false)));
        CheckProblem(problem);
    }

    [Fact]
    public void A_queue_without_its_beginning_is_a_problem()
    {
        Append(new ReplicatedRecord(new Nobody(), ShardScript.Shard, RecordKind.Operations, 9, 5, 4, 1, 0, 40, default, []));
        Append(new EpochStartRecord(new Nobody(), ShardScript.Shard, 5, 1, 4));
        CheckProblem("the beginning of queue number 9 is missing");
    }

    [Fact]
    public async Task A_store_is_refused_by_a_node_of_the_other_kind()
    {
        _script.CommitAll();
        var e = await Assert.ThrowsAsync<StoreException>(() => RecoverAsync(_script.Disk.Crash(), isClustered: false));
        Assert.Contains("replicated in a cluster", e.Message, StringComparison.Ordinal);
        var (store, _) = Recover(new MemoryDisk());
        store.Log.Append(new QueueLogRecord(default) { Client = new Nobody(), Kind = RecordKind.Operations, Entity = 7, Shard = 1, Index = 1, FirstPosition = 1 });
        store.Log.CommitGroup();
        var disk = ((MemoryDisk)store.Disk).Crash();
        e = await Assert.ThrowsAsync<StoreException>(() => RecoverAsync(disk, isClustered: true));
        Assert.Contains("of a node by itself", e.Message, StringComparison.Ordinal);
        await RecoverAsync(disk.Crash(), isClustered: false);
    }

    [Fact]
    public async Task A_damaged_copy_is_refused_with_what_to_do()
    {
        _script.CommitAll();
        var damaged = _script.Records[1].Log!;
        _script.Store.Log.CommitMark();
        var (path, offset) = _script.Store.Log.FileOf(damaged.Position)!.Value;
        var disk = _script.Disk.Crash();
        await RecoverAsync(disk, isClustered: true);
        disk.FlipBit(path, offset, 1);
        var e = await Assert.ThrowsAsync<StoreException>(() => RecoverAsync(disk.Crash(), isClustered: true));
        Assert.Contains("move the whole store away", e.Message, StringComparison.Ordinal);
        Assert.Contains($"'{path}' is damaged at {offset}", e.Message, StringComparison.Ordinal);
    }

    private RecoveredShard Restart()
    {
        _script.Crash();
        ShardText.AssertIs(_script, _script.Recovered);
        return _script.Recovered;
    }

    private void CheckProblem(string problem)
    {
        var read = ShardLogReader.Read(_script.Store.Log, _script.Store, ShardScript.Shard);
        Assert.Contains(problem, read.Problem, StringComparison.Ordinal);
        var (store, recovery) = Recover(_script.Disk.Crash());
        Assert.Contains(problem, recovery.Shards[ShardScript.Shard].Problem, StringComparison.Ordinal);
        store.Dispose();
    }

    private void Append(LogRecord record)
    {
        _script.Store.Log.Append(record);
        _script.CommitAll();
    }

    private static (NodeStore Store, QueueRecovery Recovery) Recover(MemoryDisk disk)
    {
        var store = NodeStore.Open(disk, ShardScript.Options);
        var recovery = new QueueRecovery(store, isClustered: true);
        store.Recover(recovery);
        return (store, recovery);
    }

    private static async Task RecoverAsync(MemoryDisk disk, bool isClustered)
    {
        using var scheduler = new Inline();
        var options = new BrokerStorageOptions
        {
            Store = NodeStore.Open(disk, ShardScript.Options),
            Metadata = null!,
            Scheduler = scheduler,
            Log = ShardScript.Options.Log,
            SegmentBytes = ShardScript.Options.Segments.SegmentBytes,
        };
        await new NodeStorage(options).RecoverAsync(isClustered);
    }

    private sealed class Inline : IStoreScheduler
    {
        public void Start(WriteAheadLog log)
        {
        }

        public void Run(Action job) => job();

        public void Dispose()
        {
        }
    }

    private sealed class Nobody : LogClient
    {
        public override void OnCommitted(LogRecord last)
        {
        }

        public override void OnFailed(LogFailure failure) => throw new InvalidOperationException(failure.Reason);
    }
}
