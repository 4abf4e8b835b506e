using Broker.Storage.Records;
using Broker.Storage.Recovery;
using Broker.Storage.Tests.Log;

namespace Broker.Storage.Tests.Recovery;

/// <summary>Damage to what had been on the disk: reported with its place, and nothing else is lost to it.</summary>
public sealed class DamageTests
{
    [Fact]
    public void A_damaged_message_leaves_its_neighbours_and_its_record()
    {
        var image = ImageOf(log => log.Commit(7, messages: 3, bytes: 50));
        var record = image.Find(7, 1);
        var found = new TestLog(image.ToDisk([(record.File, record.BodyOffset + 75, 4)])).Found;
        Assert.Equal(["damage", "7/1", "7/2"], found.Story);
        var damage = Assert.Single(found.Damages);
        Assert.Equal((TestLog.FirstFile, record.Offset, record.Header.Length), (damage.File, damage.Offset, damage.Length));
        Assert.Equal((7UL, 1UL, 1), (damage.Entity, damage.FirstPosition, damage.MessageCount));
        Assert.Equal([true, false, true], found.Records[0].Messages.Select(m => m.Bytes is not null));
        found.CheckBytes();
    }

    [Fact]
    public void Damaged_operations_cost_their_record_which_the_next_one_shows()
    {
        var image = ImageOf(log => log.Commit(7, messages: 3), log => log.Commit(7, messages: 2), log => log.Commit(8));
        var record = image.Find(7, 2);
        var found = new TestLog(image.ToDisk([(record.File, record.ControlOffset, 0)])).Found;
        Assert.Equal(["7/1", "damage", "8/1", "lost 7/2-2", "7/3"], found.Story);
        Assert.Equal(new LostRecords(7, 2, 2, FirstPosition: 4, EndPosition: 6), found.Lost[0]);
        var damage = Assert.Single(found.Damages);
        Assert.Equal((7UL, 4UL, 2, record.Header.Length), (damage.Entity, damage.FirstPosition, damage.MessageCount, damage.Length));
    }

    [Fact]
    public void A_damaged_header_costs_what_lies_up_to_the_next_one()
    {
        var image = ImageOf(log => log.Commit(7, messages: 3), log => log.Commit(7, messages: 2, bytes: 3000));
        var record = image.Find(7, 2);
        var found = new TestLog(image.ToDisk([(record.File, record.Offset + 16, 0)])).Found;
        Assert.Equal(["7/1", "damage", "lost 7/2-2", "7/3"], found.Story);
        Assert.Equal((record.Offset, record.Header.PaddedLength, null), (found.Damages[0].Offset, found.Damages[0].Length, found.Damages[0].Entity));
    }

    [Fact]
    public void The_record_that_ends_a_file_may_be_damaged_and_all_others_are_still_there_to_be_read()
    {
        var log = new TestLog();
        log.FillFile(7);
        log.Log.CommitMark();
        var image = LogImage.Of(log.Disk);
        var end = image.Records.Single(r => r.Header.Kind == RecordKind.End);
        var next = new TestLog(image.ToDisk([(end.File, end.Offset + 40, 1)]));
        var damage = Assert.Single(next.Found.Damages);
        Assert.Equal((end.File, end.Offset, (long)RecordHeader.Size), (damage.File, damage.Offset, damage.Length));
        Assert.All(next.Found.Records, r => Assert.NotNull(next.Log.Read(r.Header.Position, (int)r.Header.Length)));
        Assert.Equal(image.Files.Count, next.Log.FileCount);
    }

    [Fact]
    public void Damage_far_before_the_record_that_says_it_was_on_the_disk_is_as_exact()
    {
        // Other records of the same write lie between, more of them than are read at a time.
        var options = TestLog.Small with { FileBytes = 8 << 20, MaxBytes = 16 << 20, MaxGroupBytes = 8 << 20 };
        var log = new TestLog(options: options);
        log.Append(7, messages: 3, bytes: 50);
        for (var i = 0; i < 6; i++)
        {
            log.Append(8, bytes: 700 << 10);
        }

        log.CommitAll();
        log.Log.CommitMark();
        var image = LogImage.Of(log.Disk);
        var record = image.Find(7, 1);
        var found = new TestLog(image.ToDisk([(record.File, record.BodyOffset + 75, 4)]), options).Found;
        Assert.Equal(1, Assert.Single(found.Damages).MessageCount);
        Assert.Equal([true, false, true], found.Records[0].Messages.Select(m => m.Bytes is not null));
        Assert.Equal(7, found.Records.Count);
        found.CheckBytes();
    }

    [Fact]
    public void The_last_record_of_a_file_is_vouched_for_by_the_next_file()
    {
        var log = new TestLog();
        var records = 0;
        for (; log.Log.FileCount < 2; records++)
        {
            log.Commit(7, messages: 3, bytes: 1000);
        }

        var image = LogImage.Of(log.Disk);
        var last = image.Records.Last(r => r.File == TestLog.FirstFile && r.Header.Kind == RecordKind.Operations);
        var found = new TestLog(image.ToDisk([(last.File, last.BodyOffset + 1500, 0)])).Found;
        Assert.Equal(records, found.Records.Count);
        Assert.Equal(1, Assert.Single(found.Damages).MessageCount);
        found.CheckBytes();
    }

    [Fact]
    public void A_missing_file_in_the_middle_is_reported_and_the_others_are_read()
    {
        var log = new TestLog();
        while (log.Log.FileCount < 3)
        {
            log.Commit(7, bytes: 9000);
        }

        log.Log.CommitMark();
        var image = LogImage.Of(log.Disk);
        var missing = image.Files.Keys.ElementAt(1);
        var found = new TestLog(image.ToDisk((path, bytes) => path == missing ? null : bytes)).Found;
        var damage = Assert.Single(found.Damages);
        var content = image.Records.Where(r => r.File == missing).Sum(r => r.Header.PaddedLength) + FileHeader.Size;
        Assert.Equal((missing, 0L, content, null), (damage.File, damage.Offset, damage.Length, damage.Entity));
        var gone = image.Records.Where(r => r.File == missing && r.Header.Entity == 7).Select(r => r.Header.Index).ToList();
        Assert.Equal((gone[0], gone[^1]), (Assert.Single(found.Lost).FirstIndex, found.Lost[0].LastIndex));
        Assert.Equal(image.Records.Count(r => r.Header.Entity == 7) - gone.Count, found.Records.Count);
        found.CheckBytes();
    }

    [Fact]
    public void A_file_that_was_cut_short_costs_its_end_alone()
    {
        var log = new TestLog();
        while (log.Log.FileCount < 3)
        {
            log.Commit(7, bytes: 9000);
        }

        log.Log.CommitMark();
        var image = LogImage.Of(log.Disk);
        var cut = image.Files.Keys.ElementAt(1);
        var records = image.Records.Where(r => r.File == cut && r.Header.Entity == 7).ToList();
        var next = new TestLog(image.ToDisk((path, bytes) => path == cut ? bytes[..(int)(records[2].Offset + 200)] : bytes));
        Assert.Equal(image.Records.Count(r => r.Header.Entity == 7) - records.Count + 2, next.Found.Records.Count);
        Assert.NotEmpty(next.Found.Damages);
        Assert.Equal(records[2].Header.Index, Assert.Single(next.Found.Lost).FirstIndex);
        Assert.All(next.Found.Records, r => Assert.NotNull(next.Log.Read(r.Header.Position, (int)r.Header.Length)));
        next.Found.CheckBytes();
    }

    [Fact]
    public void A_damaged_header_of_a_file_is_no_obstacle()
    {
        var image = ImageOf(log => log.Commit(7));
        for (var offset = 0; offset < FileHeader.Size; offset++)
        {
            var found = new TestLog(image.ToDisk([(TestLog.FirstFile, offset, 2)])).Found;
            Assert.Equal(["7/1", "7/2"], found.Story);
        }
    }

    [Fact]
    public void Damage_is_reported_again_at_each_start_until_its_file_goes()
    {
        var image = ImageOf(log => log.Commit(7, messages: 3, bytes: 50));
        var record = image.Find(7, 1);
        var log = new TestLog(image.ToDisk([(record.File, record.BodyOffset + 75, 4)]));
        for (var i = 0; i < 3; i++)
        {
            log.Commit(8);
            log = log.Stop();
            Assert.Equal((record.Offset, 1), (Assert.Single(log.Found.Damages).Offset, log.Found.Damages[0].MessageCount));
            Assert.Empty(log.Found.Lost);
        }
    }

    /// <summary>A log with these records, one more of entity 7, and a mark.</summary>
    private static LogImage ImageOf(params ReadOnlySpan<Action<TestLog>> appends)
    {
        var log = new TestLog();
        foreach (var append in appends)
        {
            append(log);
        }

        log.Commit(7);
        log.Log.CommitMark();
        return LogImage.Of(log.Disk);
    }
}
