using Broker.Storage.Records;
using Broker.Storage.Recovery;
using Broker.Storage.Tests.Log;

namespace Broker.Storage.Tests.Recovery;

/// <summary>Records that must have been there are missed, and those that may be gone are not.</summary>
public sealed class LostRecordTests
{
    [Fact]
    public void The_next_record_of_an_entity_shows_that_those_before_it_are_missing()
    {
        var log = new TestLog();
        log.Commit(1, messages: 2);
        log.Commit(1, messages: 3);
        log.Commit(1, messages: 1);
        log.Commit(2);
        log.Commit(1, messages: 2);
        log.Commit(2);
        var found = Without(log, (1, 2), (1, 3));
        Assert.Equal([new LostRecords(1, 2, 3, FirstPosition: 3, EndPosition: 7)], found.Lost);
        Assert.Equal(["1/1", "damage", "2/1", "lost 1/2-3", "1/4", "2/2"], found.Story);
    }

    [Fact]
    public void A_mark_shows_that_an_entitys_last_records_are_missing()
    {
        var log = new TestLog();
        log.Commit(1, messages: 2);
        log.Commit(2, messages: 4);
        log.Commit(1, messages: 3);
        log.Log.CommitMark();
        var found = Without(log, (1, 2));
        Assert.Equal([new LostRecords(1, 2, 2, FirstPosition: 3, EndPosition: 6)], found.Lost);
    }

    [Fact]
    public void A_mark_shows_that_all_records_of_an_entity_are_missing()
    {
        var log = new TestLog();
        log.Commit(1, messages: 2);
        log.Commit(2, messages: 4);
        log.Commit(1, messages: 3);
        log.Log.CommitMark();
        var found = Without(log, (1, 1), (1, 2));
        Assert.Equal([new LostRecords(1, 1, 2, FirstPosition: 0, EndPosition: 6)], found.Lost);
        Assert.Equal(["damage", "2/1", "damage", "lost 1/1-2"], found.Story);
    }

    [Fact]
    public void An_entity_that_is_missed_once_is_not_missed_again()
    {
        var log = new TestLog();
        log.Commit(1);
        log.Commit(1);
        log.Log.CommitMark();
        log.Commit(1);
        log.Log.CommitMark();
        var found = Without(log, (1, 2));
        Assert.Equal(["1/1", "damage", "lost 1/2-2", "1/3"], found.Story);
    }

    [Fact]
    public void A_damaged_mark_costs_nothing_but_itself()
    {
        var log = new TestLog();
        log.Commit(1);
        log.Log.CommitMark();
        log.Commit(1);
        log.Log.CommitMark();
        var image = LogImage.Of(log.Disk);
        var mark = image.Records.First(r => r.Header.Kind == RecordKind.Mark);
        var found = new TestLog(image.ToDisk([(mark.File, mark.ControlOffset + 9, 0)])).Found;
        Assert.Equal(["1/1", "damage", "1/2"], found.Story);
        Assert.Equal(0UL, found.Damages[0].Entity);
    }

    [Fact]
    public void Records_that_were_retired_are_not_missed()
    {
        var log = new TestLog();
        log.Commit(1, messages: 5);
        log.Commit(2, messages: 5);
        log.Log.CommitMark();
        log.FillFile(3);
        log.Log.CommitMark();
        log.Commit(1, messages: 0, kind: RecordKind.Checkpoint);
        log.Commit(2, messages: 0, kind: RecordKind.Checkpoint);
        log.Commit(3, messages: 0, kind: RecordKind.Checkpoint);
        log.Log.CommitMark();
        log.FillFile(1);
        Assert.True(log.Log.Retire(log.Log.SyncedPosition));
        Assert.DoesNotContain(TestLog.FirstFile, log.Files);
        log = log.Stop();
        Assert.True(log.Found.IsQuiet, string.Join(' ', log.Found.Story));
        Assert.Contains("2/2", log.Found.Story);
        Assert.DoesNotContain("2/1", log.Found.Story);
        Assert.True(log.Stop().Found.IsQuiet);
    }

    [Fact]
    public void A_deleted_entity_is_not_missed_whatever_marks_are_left()
    {
        var log = new TestLog();
        log.Commit(1, messages: 3);
        log.Log.CommitMark();
        log.Commit(1, messages: 0, kind: RecordKind.Deleted);
        log.Log.Forget(1);
        log.Commit(2);
        log.Log.CommitMark();
        while (log.Log.FileCount < 3)
        {
            log.Commit(2, bytes: 9000);
            log.Commit(2, messages: 0, kind: RecordKind.Checkpoint);
            log.Log.CommitMark();
            Assert.True(new TestLog(LogImage.Of(log.Disk).ToDisk()).Found.IsQuiet);
        }

        Assert.True(log.Log.Retire(log.Log.SyncedPosition));
        Assert.DoesNotContain(TestLog.FirstFile, log.Files);
        log = log.Stop();
        Assert.True(log.Found.IsQuiet, string.Join(' ', log.Found.Story));
    }

    [Fact]
    public void A_mark_that_comes_behind_a_deletion_does_not_name_what_was_deleted()
    {
        // The log is idle and about to write its mark; in this moment the entity's last record is appended, and it takes the file's last room.
        var log = new TestLog();
        log.Commit(1);
        const int LeftRoom = 112 + RecordHeader.Size + 40;
        log.Commit(2, bytes: TestLog.FileBytes - (int)log.Log.SyncedPosition - LeftRoom - RecordHeader.Size - MessageTableEntry.Size - 20);
        Assert.Equal(LeftRoom, TestLog.FileBytes - log.Log.SyncedPosition);
        log.Append(1, messages: 0, kind: RecordKind.Deleted);
        log.Log.CommitMark();
        log.CommitAll();
        log.Log.Forget(1);
        log.Commit(2, messages: 0, kind: RecordKind.Checkpoint);
        log.Log.CommitMark();
        log.FillFile(2);
        log.Log.Retire(log.Log.SyncedPosition);
        Assert.DoesNotContain(TestLog.FirstFile, log.Files);
        log = log.Stop();
        Assert.True(log.Found.IsQuiet, string.Join(' ', log.Found.Story));
    }

    [Fact]
    public void A_deletion_is_marked_like_everything_else()
    {
        var log = new TestLog();
        log.Commit(1, messages: 2);
        log.Log.CommitMark();
        log.Commit(1, messages: 0, kind: RecordKind.Deleted);
        log.Log.CommitMark();
        var image = LogImage.Of(log.Disk);
        var deleted = image.Find(1, 2);
        var found = new TestLog(image.ToDisk([(deleted.File, deleted.ControlOffset, 0)])).Found;
        Assert.Equal(["1/1", "damage"], found.Story);
    }

    [Fact]
    public void What_an_entity_writes_after_all_its_records_were_lost_is_kept()
    {
        // Nothing of the entity is left, so nothing of the log is needed for it. Its next record is needed all the same.
        var lost = new TestLog(found: new Findings { NeededFrom = new() { [1] = long.MaxValue } });
        Assert.Empty(lost.Log.EntitiesNeeding(long.MaxValue - 1));
        var record = lost.Commit(1);
        lost.FillFile(2);
        lost.FillFile(2);
        Assert.Equal([1UL, 2UL], lost.Log.EntitiesNeeding(lost.Log.SyncedPosition));
        Assert.False(lost.Log.Retire(lost.Log.SyncedPosition));
        Assert.NotNull(lost.Log.Read(record.Position, record.Length));
    }

    private static Findings Without(TestLog log, params (ulong Entity, ulong Index)[] records)
    {
        var image = LogImage.Of(log.Disk);
        var flips = new List<(string, long, int)>();
        foreach (var (entity, index) in records)
        {
            var record = image.Find(entity, index);
            flips.Add((record.File, record.Offset + 30, 3));
        }

        return new TestLog(image.ToDisk(flips)).Found;
    }
}
