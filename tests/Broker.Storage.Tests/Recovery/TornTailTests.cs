using Broker.Storage.Disks;
using Broker.Storage.Records;
using Broker.Storage.Tests.Disks;
using Broker.Storage.Tests.Log;

namespace Broker.Storage.Tests.Recovery;

/// <summary>What was under way when the node went down was promised to nobody: it is cut off, and never taken for damage.</summary>
public sealed class TornTailTests
{
    private enum Behind
    {
        Zeros,
        Nothing,
        OldBytes,
    }

    [Fact]
    public void A_record_that_is_torn_at_any_byte_is_cut_off()
    {
        var log = new TestLog();
        log.Commit(1, messages: 2, bytes: 30);
        log.Commit(2);
        log.Commit(1, messages: 3, bytes: 41, operations: 7);
        var image = LogImage.Of(log.Disk).Trimmed(keep: 200);
        var last = image.Find(1, 2);
        foreach (var behind in Enum.GetValues<Behind>())
        {
            for (var cut = last.Offset; cut < last.Offset + last.Header.Length; cut++)
            {
                var next = new TestLog(image.ToDisk((_, bytes) => Torn(bytes, (int)cut, behind)));
                Assert.Equal(["1/1", "2/1"], next.Found.Story.Where(line => line != "torn"));

                // The position stands in the third eight bytes of a header; when it is there, the record was begun.
                var begun = last.Offset + (behind == Behind.Nothing ? RecordHeader.Size : 24);
                Assert.True(next.Found.TornTails.Count == (cut >= begun ? 1 : 0) || (cut > last.Offset + 16 && cut < begun), $"{next.Found.TornTails.Count} torn tails at {cut}");
                Assert.Equal(last.Offset, next.Disk.ReadAll(TestLog.FirstFile).Length);
                if (cut % 16 == 0)
                {
                    next.Commit(1);
                    Assert.Equal(["1/1", "2/1", "1/2"], next.Crash().Found.Story);
                }
            }
        }
    }

    [Fact]
    public void The_place_where_it_was_cut_off_is_reported()
    {
        var log = new TestLog();
        log.Commit(1);
        log.Commit(1, messages: 1, bytes: 5000);
        var image = LogImage.Of(log.Disk);
        var last = image.Find(1, 2);
        var found = new TestLog(image.ToDisk((_, bytes) => Torn(bytes, (int)last.BodyOffset + 600, Behind.Zeros))).Found;
        var tail = Assert.Single(found.TornTails);
        Assert.Equal((TestLog.FirstFile, last.Offset), (tail.File, tail.Offset));
    }

    [Fact]
    public void A_group_that_was_torn_and_reordered_leaves_its_beginning()
    {
        var met = new HashSet<int>();
        for (var seed = 0; seed < 600; seed++)
        {
            var log = new TestLog(new MemoryDisk(new MemoryDiskOptions { Seed = seed }));
            log.Commit(1, messages: 2);
            for (var i = 0; i < 8; i++)
            {
                log.Append(1 + ((ulong)i % 3), messages: i % 3, bytes: 100 + (i * 97));
            }

            log.Disk.CrashAt(log.Disk.OperationCount + 2); // the write is done, and the sync is under way
            Assert.Throws<DiskCrashedException>(() => log.Log.CommitGroup());
            log = log.Crash();
            string[] all = ["1/1", "1/2", "2/1", "3/1", "1/3", "2/2", "3/2", "1/4", "2/3"];
            var found = log.Found.Story.Where(line => line != "torn").ToList();
            Assert.Equal(all[..found.Count], found);
            Assert.NotEmpty(found);
            log.Found.CheckBytes();
            met.Add(found.Count);
        }

        Assert.True(met.Count >= 5 && met.Contains(1) && met.Contains(9), $"only so many records were ever left: {string.Join(", ", met.Order())}");
    }

    [Fact]
    public void A_crash_at_any_operation_leaves_all_that_was_committed_and_nothing_to_complain_of()
    {
        var torn = 0;
        var operations = Grow(new TestLog()).Disk.OperationCount;
        for (var seed = 0; seed < 4; seed++)
        {
            for (var at = 1L; at <= operations; at++)
            {
                torn += CrashAt(at, seed);
            }
        }

        Assert.True(torn > 20, $"only {torn} torn tails");
    }

    [Fact]
    public void Files_behind_a_torn_tail_go_with_it()
    {
        // The next file is there, and nothing in it: whatever it held had not reached the disk when this one was torn.
        var log = new TestLog();
        log.Commit(1);
        log.Commit(1, messages: 4);
        var image = LogImage.Of(log.Disk);
        var last = image.Find(1, 2);
        var disk = image.ToDisk((_, bytes) => Torn(bytes, (int)last.BodyOffset, Behind.Zeros));
        disk.CreateSynced($"{TestLog.Folder}/{TestLog.FileBytes:x16}.log", new byte[TestLog.FileBytes]).Dispose();
        var next = new TestLog(disk);
        Assert.Equal(["1/1", "torn"], next.Found.Story);
        Assert.Equal([TestLog.FirstFile], next.Files);
        next.Commit(1);
        Assert.Equal(["1/1", "1/2"], next.Crash().Found.Story);
    }

    [Fact]
    public void A_file_without_any_record_is_begun_again()
    {
        var log = new TestLog();
        log.FillFile(1);
        var image = LogImage.Of(log.Disk);
        var (second, records) = (image.Files.Keys.Last(), log.Files.Count);
        var next = new TestLog(image.ToDisk((path, bytes) => path == second ? new byte[TestLog.FileBytes] : bytes));
        Assert.Equal((2, 1), (records, next.Files.Count));
        Assert.True(next.Found.IsQuiet);
        next.Commit(1);
        Assert.Equal(image.Files.Keys, next.Files);
        Assert.True(next.Crash().Found.IsQuiet);
    }

    [Fact]
    public void Nothing_vouches_for_the_last_group_before_the_mark()
    {
        // The price of one sync a group: until the next record or the mark is on the disk, damage to the last group looks like a torn tail.
        var log = new TestLog();
        log.Commit(1);
        log.Append(1, messages: 2);
        log.Commit(2);
        var before = LogImage.Of(log.Disk);
        var record = before.Find(1, 2);
        Assert.Equal(["1/1", "torn"], new TestLog(before.ToDisk([(record.File, record.BodyOffset, 0)])).Found.Story);

        log.Log.CommitMark();
        var after = LogImage.Of(log.Disk);
        Assert.Equal(["1/1", "damage", "1/2", "2/1"], new TestLog(after.ToDisk([(record.File, record.BodyOffset, 0)])).Found.Story);
    }

    [Fact]
    public void A_message_that_looks_like_a_record_vouches_for_nothing()
    {
        // Somebody publishes what would be a record if it stood by itself, and the power fails while it is written.
        var log = new TestLog();
        log.Commit(1, messages: 0);
        var forged = DiskBytes.Pattern(5, 5 * RecordHeader.Size);
        var position = log.Log.SyncedPosition + RecordHeader.Size + MessageTableEntry.Size + 8;
        new RecordHeader { Kind = RecordKind.Deleted, Version = 1, Position = position, Entity = 1, Index = 2 }.Write(forged, TestLog.Key);
        log.Log.Append(new TestRecord { Client = log.Client, Kind = RecordKind.Operations, Entity = 2, Index = 1, FirstPosition = 1, Operations = new byte[8], Messages = [forged] });
        log.CommitAll();
        var image = LogImage.Of(log.Disk);
        var record = image.Find(2, 1);
        Assert.Equal(position, record.BodyOffset);
        Assert.Equal(["1/1", "torn"], new TestLog(image.ToDisk((_, bytes) => Torn(bytes, (int)record.BodyOffset + RecordHeader.Size + 3, Behind.Zeros))).Found.Story);
    }

    private static byte[] Torn(byte[] bytes, int cut, Behind behind)
    {
        switch (behind)
        {
            case Behind.Nothing:
                return bytes[..cut];
            case Behind.OldBytes:
                DiskBytes.Pattern(9, bytes.Length - cut).CopyTo(bytes, cut);
                return bytes;
            default:
                bytes.AsSpan(cut).Clear();
                return bytes;
        }
    }

    private static int CrashAt(long at, int seed)
    {
        var disk = new MemoryDisk(new MemoryDiskOptions { Seed = (seed * 100_003) + (int)at });
        disk.CrashAt(at);
        TestLog? log = null;
        try
        {
            log = new TestLog(disk);
            Grow(log);
        }
        catch (DiskCrashedException)
        {
            // Now the next process starts.
        }

        var committed = log?.Client.Committed.OfType<TestRecord>().LastOrDefault()?.Position ?? -1;
        var found = new TestLog(disk.Crash(lossless: seed == 0)).Found;
        Assert.True(found.IsQuiet, $"a crash at operation {at} with seed {disk.OperationCount} is taken for damage: {string.Join(' ', found.Story)}");
        Assert.True(committed < 0 || found.Records.Exists(r => r.Header.Position == committed), $"a crash at operation {at} has cost a committed record at {committed}");
        found.CheckBytes();
        return found.TornTails.Count;
    }

    /// <summary>Some groups, marks, a file's end and a retired file.</summary>
    private static TestLog Grow(TestLog log)
    {
        for (var i = 0; i < 5; i++)
        {
            log.Append(1, messages: 3, bytes: 700);
            log.Commit(2, messages: 2, bytes: 9000);
            log.Commit(1, kind: RecordKind.Checkpoint, messages: 0);
            log.Commit(2, kind: RecordKind.Checkpoint, messages: 0);
            log.Log.CommitMark();
            log.Log.Retire(log.Log.SyncedPosition);
        }

        return log;
    }
}
