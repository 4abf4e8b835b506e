using Broker.Storage.Records;
using Broker.Storage.Recovery;
using Broker.Storage.Tests.Recovery;

namespace Broker.Storage.Tests.Log;

/// <summary>Records of replicated shards: what the log itself makes of their numbers.</summary>
public sealed class ShardRecordTests
{
    private const int Shard = 5;
    private static readonly ulong s_shard = ShardEntity.Of(Shard);

    [Theory]
    [InlineData(100, 60, 40)]
    [InlineData(100, 99, 1)]
    [InlineData(100, 100, 1)]
    [InlineData(100, 4000, 1)]
    [InlineData(100, 0, 0)]
    [InlineData(ulong.MaxValue, 1, RecordHeader.UnknownDistance)]
    public void A_record_says_how_far_its_shard_was_committed(ulong shardIndex, ulong committed, uint distance)
    {
        var record = new TestRecord { Client = new TestClient(), Kind = RecordKind.Operations, Entity = 1, Index = 1 };
        record.SetReplicated(shardIndex, 7, committed);
        Assert.Equal((shardIndex, 7U, distance), (record.ShardIndex, record.Epoch, record.CommittedDistance));
    }

    [Fact]
    public void Nothing_is_missed_where_records_were_cut_off()
    {
        var log = new TestLog();
        State(log, last: 0);
        Replicated(log, 1, queue: 11, index: 1);
        Replicated(log, 2, queue: 11, index: 2);
        Replicated(log, 3, queue: 12, index: 1);
        log.Log.CommitMark();
        State(log, last: 1);
        log.Log.CommitMark();
        Replicated(log, 2, queue: 11, index: 2);
        log.Log.CommitMark();
        var found = log.Crash().Found;
        Assert.True(found.IsQuiet, string.Join(' ', found.Story));
        Assert.Equal(6, found.Records.Count);
    }

    [Fact]
    public void Nothing_is_missed_where_a_snapshot_takes_the_place_of_records()
    {
        var log = new TestLog();
        State(log, last: 0);
        Replicated(log, 1, queue: 11, index: 1);
        log.Log.CommitMark();
        State(log, last: 90);
        Local(log, RecordKind.Deleted, queue: 11, index: 1, asOf: 0);
        Local(log, RecordKind.Checkpoint, queue: 11, index: 40, asOf: 90);
        log.Log.CommitMark();
        Local(log, RecordKind.Checkpoint, queue: 11, index: 40, asOf: 90); // has no number of its own
        Replicated(log, 91, queue: 11, index: 41);
        Local(log, RecordKind.Deleted, queue: 11, index: 41, asOf: 0);
        log.Log.CommitMark();
        var found = log.Crash().Found;
        Assert.True(found.IsQuiet, string.Join(' ', found.Story));
    }

    [Fact]
    public void A_record_of_a_shard_that_is_missing_is_missed_whoever_it_is_of()
    {
        var log = new TestLog();
        State(log, last: 7);
        Replicated(log, 8, queue: 11, index: 1);
        var lost = Replicated(log, 9, queue: 12, index: 1);
        Replicated(log, 10, queue: 11, index: 2);
        Assert.Equal([new LostRecords(s_shard, 9, 9, 0, 0)], Without(log, lost).Lost);
    }

    [Fact]
    public void A_mark_shows_that_a_shards_last_record_is_missing()
    {
        var log = new TestLog();
        State(log, last: 7);
        Replicated(log, 8, queue: 11, index: 1);
        var lost = Replicated(log, 9, queue: 12, index: 1);
        log.Log.CommitMark();
        Assert.Equal([new LostRecords(s_shard, 9, 9, 0, 0)], Without(log, lost).Lost);
    }

    [Fact]
    public void A_queues_end_lets_go_of_nothing_before_it_is_committed()
    {
        var log = new TestLog();
        var first = Replicated(log, 1, queue: 11, index: 1);
        log.FillFile(1);
        Replicated(log, 2, queue: 11, index: 2, RecordKind.Deleted);
        Assert.Equal([11UL], log.Log.EntitiesNeeding(first.Position + 1));
        log.Log.Forget(11);
        Assert.Empty(log.Log.EntitiesNeeding(first.Position + 1));
        var other = Replicated(log, 3, queue: 12, index: 1);
        Local(log, RecordKind.Deleted, queue: 12, index: 1, asOf: 0);
        Assert.DoesNotContain(12UL, log.Log.EntitiesNeeding(other.Position + 1));
    }

    [Fact]
    public void A_shards_state_lets_go_of_what_it_does_not_need()
    {
        var log = new TestLog();
        var first = State(log, last: 0);
        log.FillFile(1);
        var needed = Replicated(log, 1, queue: 11, index: 1);
        var second = State(log, last: 1, neededFrom: needed.Position);
        Assert.Contains(s_shard, log.Log.EntitiesNeeding(needed.Position + 1));
        Assert.DoesNotContain(s_shard, log.Log.EntitiesNeeding(needed.Position));
        State(log, last: 1);
        Assert.DoesNotContain(s_shard, log.Log.EntitiesNeeding(second.Position + 1));
        Assert.True(first.Position < needed.Position);
    }

    [Fact]
    public void A_log_in_use_is_read_by_headers()
    {
        var log = new TestLog();
        var first = Replicated(log, 1, queue: 11, index: 1);
        log.FillFile(1);
        var second = Replicated(log, 2, queue: 12, index: 1);
        var pending = Record(3, queue: 11, index: 2, RecordKind.Operations, log);
        log.Log.Append(pending);
        var (records, damages) = Scan(log);
        Assert.Equal([first.Position, second.Position], records);
        Assert.Empty(damages);
        log.Disk.FlipBit(log.Files[0], first.Position + RecordHeader.Size, 0);
        (records, damages) = Scan(log);
        Assert.Equal([second.Position], records);
        Assert.Equal([(ulong?)11], damages.Select(d => d.Entity));
        log.Disk.FlipBit(log.Files[0], first.Position, 0);
        (records, damages) = Scan(log);
        Assert.Equal([second.Position], records);
        Assert.Equal([null], damages.Select(d => d.Entity));
    }

    private static (List<long> Positions, List<StoreDamage> Damages) Scan(TestLog log)
    {
        var (positions, damages) = (new List<long>(), new List<StoreDamage>());
        Assert.True(log.Log.TryScan(header => header.Shard == Shard, record => positions.Add(record.Header.Position), damages.Add));
        return (positions, damages);
    }

    private static TestRecord State(TestLog log, ulong last, long neededFrom = long.MaxValue) => Commit(log, new TestRecord
    {
        Client = log.Client, Kind = RecordKind.Checkpoint, Entity = s_shard, Shard = Shard, Index = last, NeededFrom = neededFrom,
    });

    private static TestRecord Replicated(TestLog log, ulong shardIndex, ulong queue, ulong index, RecordKind kind = RecordKind.Operations) => Commit(log, Record(shardIndex, queue, index, kind, log));

    private static TestRecord Record(ulong shardIndex, ulong queue, ulong index, RecordKind kind, TestLog log)
    {
        var record = new TestRecord { Client = log.Client, Kind = kind, Entity = queue, Shard = Shard, Index = index, Operations = new byte[] { 1, 2, 3 } };
        record.SetReplicated(shardIndex, 1, 0);
        return record;
    }

    private static TestRecord Local(TestLog log, RecordKind kind, ulong queue, ulong index, ulong asOf) => Commit(log, new TestRecord
    {
        Client = log.Client, Kind = kind, Entity = queue, Shard = Shard, Index = index, ShardIndex = asOf,
    });

    private static TestRecord Commit(TestLog log, TestRecord record)
    {
        log.Log.Append(record);
        log.CommitAll();
        return record;
    }

    private static Findings Without(TestLog log, TestRecord record)
    {
        log.Log.CommitMark();
        log.Disk.FlipBit(log.Files[0], record.Position, 1);
        return log.Crash().Found;
    }
}
