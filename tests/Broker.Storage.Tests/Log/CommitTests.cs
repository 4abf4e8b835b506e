using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Records;
using Broker.Storage.Tests.Recovery;

namespace Broker.Storage.Tests.Log;

public sealed class CommitTests
{
    [Fact]
    public void A_record_is_told_as_committed_when_it_is_on_the_disk_and_not_before()
    {
        var log = new TestLog();
        var record = log.Append(1, messages: 2);
        Assert.Equal(-1, record.Position);
        Assert.Empty(log.Client.Committed);
        Assert.True(log.Log.CommitGroup());
        Assert.Equal(FileHeader.Size, record.Position);
        Assert.Same(record, Assert.Single(log.Client.Committed));
        Assert.False(log.Log.CommitGroup());
        Assert.Equal(["1/1"], log.Crash().Found.Story);
    }

    [Fact]
    public void A_record_reads_back_as_it_was_appended()
    {
        var log = new TestLog();
        var clock = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        var record = new TestRecord
        {
            Client = log.Client,
            Kind = RecordKind.Operations,
            Entity = ulong.MaxValue,
            Index = 7,
            Shard = 4095,
            Epoch = 3,
            ShardIndex = 99,
            CommittedDistance = 9,
            FirstPosition = 1_000_000_000_000,
            Operations = new byte[] { 1, 2, 3 },
            Messages = [new byte[] { 4 }, ReadOnlyMemory<byte>.Empty, new byte[] { 5, 6 }],
        };
        log.Log.Append(record);
        log.CommitAll();
        var read = log.Log.Read(record.Position, record.Length)!;
        var header = read.Header;
        Assert.Equal(
            (RecordKind.Operations, ulong.MaxValue, 7UL, (ushort)4095, 3U, 99UL, 1_000_000_000_000UL, 1U),
            (header.Kind, header.Entity, header.Index, header.Shard, header.Epoch, header.ShardIndex, header.FirstPosition, header.Run));
        Assert.Equal(90UL, header.CommittedIndex);
        Assert.InRange(header.TimeMs, clock, clock + 600_000);
        Assert.Equal([1, 2, 3], read.Operations.ToArray());
        Assert.Equal(
            [(1_000_000_000_000UL, "04", 1000U), (1_000_000_000_001, "", 1001), (1_000_000_000_002, "0506", 1002)],
            read.Messages().Select(m => (m.Position, Convert.ToHexString(m.Bytes.Span), m.Meta)));
        Assert.Equal(header.Length, record.Length);
        Assert.Null(log.Log.Read(record.Position + 8, record.Length));
        Assert.Null(log.Log.Read(log.Log.SyncedPosition, 88));
    }

    [Fact]
    public void Whatever_was_appended_meanwhile_goes_out_with_one_write_and_one_sync()
    {
        var log = new TestLog();
        log.Commit(1);
        var clients = Enumerable.Range(0, 5).Select(_ => new TestClient()).ToList();
        var (writes, syncs, before) = (0, 0, log.Log.SyncCount);
        log.Disk.OnOperation = operation =>
        {
            writes += operation.Kind == DiskOperationKind.Write ? 1 : 0;
            syncs += operation.Kind == DiskOperationKind.Sync ? 1 : 0;
            return null;
        };
        var records = Enumerable.Range(0, 200).Select(i => log.Append((ulong)(i % 9), client: clients[i % 5])).ToList();
        Assert.True(log.Log.CommitGroup());
        Assert.Equal((1, 1, before + 1, 201L), (writes, syncs, log.Log.SyncCount, log.Log.RecordCount));
        for (var i = 0; i < 5; i++)
        {
            Assert.Same(records.Last(r => r.Client == clients[i]), Assert.Single(clients[i].Committed)); // once a group, with its last
        }
    }

    [Fact]
    public void A_group_is_not_larger_than_it_may_be()
    {
        var log = new TestLog(options: TestLog.Small with { MaxGroupBytes = 64 << 10, FileBytes = 256 << 10, MaxBytes = 1 << 20 });
        for (var i = 0; i < 10; i++)
        {
            log.Append(1, bytes: 20 << 10);
        }

        var groups = 0;
        while (log.Log.CommitGroup())
        {
            groups++;
        }

        Assert.Equal((3, 3), (groups, log.Client.Committed.Count));
        Assert.Equal(10, log.Crash().Found.Records.Count);
    }

    [Fact]
    public void Positions_ascend_and_lie_one_behind_the_other()
    {
        var log = new TestLog();
        var records = Enumerable.Range(0, 50).Select(i => log.Append(1, messages: i % 4, bytes: i, operations: i % 7)).ToList();
        log.CommitAll();
        var position = (long)FileHeader.Size;
        foreach (var record in records)
        {
            Assert.Equal((position, 0L), (record.Position, record.Position % RecordHeader.Alignment));
            position += (record.Length + 7) / 8 * 8;
        }

        Assert.Equal(position, log.Log.SyncedPosition);
        Assert.Equal((0L, position), (log.Log.StartPosition, log.Log.SizeBytes));
    }

    [Fact]
    public void Records_go_on_in_the_next_file_in_their_order()
    {
        var log = new TestLog();
        for (var i = 0; i < 60; i++)
        {
            log.Append(1 + ((ulong)i % 2), messages: 2, bytes: 3000);
            if (i % 7 == 0)
            {
                log.CommitAll();
            }
        }

        log.CommitAll();
        Assert.InRange(log.Log.FileCount, 6, 7);
        var found = log.Crash().Found;
        Assert.Equal(Enumerable.Range(0, 60).Select(i => $"{1 + (i % 2)}/{(i / 2) + 1}"), found.Story);
        found.CheckBytes();
    }

    [Fact]
    public void A_file_ends_with_a_record_that_says_so_and_the_next_begins_behind_it()
    {
        var log = new TestLog();
        log.FillFile(1);
        log.FillFile(1);
        var image = LogImage.Of(log.Disk);
        var bases = image.Files.Keys.Select(path => Convert.ToInt64(Path.GetFileNameWithoutExtension(path), 16)).ToList();
        var ends = image.Records.Where(r => r.Header.Kind == RecordKind.End).ToList();
        Assert.Equal(bases[1..], ends.Select(e => e.Header.Position + e.Header.PaddedLength));
        Assert.All(ends, e => Assert.Equal(e, image.Records.Last(r => r.File == e.File)));
        Assert.All(ends, e => Assert.Equal((0UL, 0UL, 0, 0), (e.Header.Entity, e.Header.Index, e.Header.ControlBytes, e.Header.BodyBytes)));
        Assert.All(image.Files.Values, bytes => Assert.Equal(TestLog.FileBytes, bytes.Length));
        foreach (var (path, bytes) in image.Files)
        {
            Assert.True(FileHeader.TryRead(bytes, out var header));
            Assert.Equal((FileKind.Log, TestLog.Store, path), (header.Kind, header.Store, $"{TestLog.Folder}/{header.BasePosition:x16}.log"));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(RecordHeader.Alignment)]
    [InlineData(RecordHeader.Size)]
    [InlineData(RecordHeader.Size + RecordHeader.Alignment)]
    public void A_file_is_filled_to_the_last_byte_that_its_end_leaves(int left)
    {
        var log = new TestLog();
        log.Commit(1);
        var room = TestLog.FileBytes - (int)log.Log.SyncedPosition;
        var filling = log.Commit(1, bytes: room - left - RecordHeader.Size - MessageTableEntry.Size - 20);
        log.Commit(1);
        Assert.Equal(left >= RecordHeader.Size ? TestLog.FirstFile : log.Files[1], log.Log.FileOf(filling.Position)!.Value.Path);
        Assert.All(log.Files, file => Assert.Equal(TestLog.FileBytes, log.Disk.ReadAll(file).Length));
        Assert.Equal(["1/1", "1/2", "1/3"], log.Crash().Found.Story);
    }

    [Fact]
    public void A_record_that_is_larger_than_a_file_gets_one_of_its_own_size()
    {
        var log = new TestLog();
        log.Commit(1);
        var large = log.Commit(1, messages: 3, bytes: 100_000);
        log.Commit(1, messages: 1, bytes: 60_000);
        log.Commit(1);
        Assert.Equal(3, log.Log.FileCount);
        Assert.Equal(FileHeader.Size + ((large.Length + 7) / 8 * 8) + RecordHeader.Size, log.Disk.ReadAll(log.Files[1]).Length);
        Assert.NotNull(log.Log.Read(large.Position, large.Length));
        var found = log.Crash().Found;
        Assert.Equal(["1/1", "1/2", "1/3", "1/4"], found.Story);
        found.CheckBytes();
    }

    [Fact]
    public void Whoever_appends_to_an_idle_log_is_asked_to_wake_its_thread()
    {
        var log = new TestLog();
        var woken = 0;
        log.Log.Wake = () => woken++;
        log.Append(1);
        log.Append(1);
        Assert.Equal(1, woken);
        log.CommitAll();
        log.Append(1);
        Assert.Equal(2, woken);
    }

    [Fact]
    public void A_file_that_begins_is_told()
    {
        var log = new TestLog();
        var files = new List<int>();
        log.Log.Changed = () => files.Add(log.Log.FileCount);
        log.FillFile(1);
        log.FillFile(1);
        Assert.Equal([1, 2, 3], files);
    }

    [Fact]
    public void A_mark_names_those_that_have_written_since_the_last_one()
    {
        var log = new TestLog();
        log.Log.CommitMark();
        log.Commit(3, messages: 2);
        log.Commit(1, messages: 0);
        log.Commit(3, messages: 1);
        log.Log.CommitMark();
        log.Log.CommitMark();
        log.Commit(2, messages: 5);
        log.Commit(1, messages: 0, kind: RecordKind.Deleted);
        log.Log.CommitMark();
        var image = LogImage.Of(log.Disk);
        var marks = image.Records.Where(r => r.Header.Kind == RecordKind.Mark).ToList();
        Assert.Equal([1UL, 2UL], marks.Select(m => m.Header.Index));
        Assert.All(marks, m => Assert.Equal(m.Header.Position, m.Header.SyncedPosition));
        Assert.Equal([new EntityTail(1, 1, 1), new EntityTail(3, 2, 4)], TailsOf(marks[0]));
        Assert.Equal([new EntityTail(2, 1, 6)], TailsOf(marks[1]));

        List<EntityTail> TailsOf(ImageRecord mark) => [.. LogMark.Tails(image.Files[mark.File].AsMemory((int)mark.ControlOffset, mark.Header.ControlBytes))];
    }

    [Fact]
    public void Options_out_of_range_are_refused_with_what_would_be_right()
    {
        new LogOptions().Validate();
        TestLog.Small.Validate();
        Assert.Contains("64 KiB", Refused(new LogOptions { FileBytes = 1000 }), StringComparison.Ordinal);
        Assert.Contains("multiple of 8", Refused(new LogOptions { FileBytes = (64 << 10) + 4 }), StringComparison.Ordinal);
        Assert.Contains("1 GiB", Refused(new LogOptions { FileBytes = (1L << 30) + 8, MaxBytes = 4L << 30 }), StringComparison.Ordinal);
        Assert.Contains("two files", Refused(new LogOptions { MaxBytes = 33 << 20 }), StringComparison.Ordinal);
        Assert.Contains("at least 2", Refused(new LogOptions { MaxFiles = 1 }), StringComparison.Ordinal);
        Assert.Contains("at least 64 KiB", Refused(new LogOptions { MaxGroupBytes = 1 }), StringComparison.Ordinal);
        Assert.Contains("between 0 and 4", Refused(new LogOptions { SpareFiles = 5 }), StringComparison.Ordinal);

        static string Refused(LogOptions options) => Assert.Throws<ArgumentException>(() => new TestLog(options: options)).Message;
    }
}
