using Broker.Storage.Disks;
using Broker.Storage.Quarantines;
using Broker.Storage.Recovery;
using Broker.Storage.Tests.Disks;
using Broker.Storage.Tests.Log;
using Broker.Storage.Tests.Recovery;

namespace Broker.Storage.Tests.Quarantines;

public sealed class QuarantineTests
{
    private const string Folder = "quarantine";
    private static readonly byte[] s_bytes = DiskBytes.Pattern(1, 10_000);

    [Fact]
    public void A_piece_that_was_set_aside_is_there_after_the_next_start()
    {
        var disk = DiskWithFile();
        Assert.Empty(Open(disk).List());
        var damage = Damage(offset: 500) with { Entity = 7, FirstPosition = 12, MessageCount = 3 };
        var entry = Open(disk).Add(damage);
        Assert.Equal((1, 300L, Clock.Now, damage), (entry.Id, entry.KeptBytes, entry.Found, entry.Damage));
        for (var seed = 0; seed < 2; seed++)
        {
            disk = disk.Crash();
            Assert.Equal([entry], Open(disk).List());
            Assert.Equal(s_bytes[500..800], Open(disk).Read(1));
        }

        Assert.Null(Open(disk).Read(2));
        Assert.Equal(["00000001.bin", "00000001.json"], disk.ListFiles(Folder));
    }

    [Fact]
    public void What_lies_where_a_message_was_can_be_looked_at()
    {
        var log = new TestLog();
        log.FillFile(3);
        log.Commit(5, messages: 2, bytes: 40);
        log.Log.CommitMark();
        var image = LogImage.Of(log.Disk);
        var record = image.Find(5, 1);
        var disk = image.ToDisk([(record.File, record.BodyOffset, 0)]);
        var quarantine = Open(disk);
        var entry = quarantine.Add(Assert.Single(new TestLog(disk).Found.Damages));
        var parsed = quarantine.TryParse(entry, quarantine.Read(entry.Id))!;
        Assert.Equal(record.Header, parsed.Header);
        Assert.Equal([Storage.Records.StoredMessageState.Damaged, Storage.Records.StoredMessageState.Intact], parsed.Messages().Select(m => m.State));
    }

    [Fact]
    public void The_same_piece_is_set_aside_once()
    {
        var disk = DiskWithFile();
        var quarantine = Open(disk);
        var first = quarantine.Add(Damage(offset: 500));
        Assert.Same(first, quarantine.Add(Damage(offset: 500) with { Reason = "found again", MessageCount = 9 }));
        Assert.Equal(first, Open(disk).Add(Damage(offset: 500)));
        Assert.Equal(2, quarantine.Add(Damage(offset: 508)).Id);
        Assert.Equal(3, quarantine.Add(Damage(offset: 500) with { File = "log/other.log" }).Id);
        Assert.Equal(4, quarantine.Add(Damage(offset: 500) with { Entity = 8 }).Id);
        Assert.Equal([1, 2, 3, 4], Open(disk).List().Select(e => e.Id));
    }

    [Theory]
    [InlineData(9_900, 300, 100)]
    [InlineData(10_000, 300, 0)]
    [InlineData(20_000, 300, 0)]
    [InlineData(0, 10_000, 10_000)]
    [InlineData(0, long.MaxValue, 10_000)]
    public void As_much_is_kept_as_there_is(long offset, long length, int kept)
    {
        var quarantine = Open(DiskWithFile());
        Assert.Equal(kept, quarantine.Add(Damage(offset) with { Length = length }).KeptBytes);
        Assert.Equal(s_bytes.Skip((int)offset).Take(kept), quarantine.Read(1));
    }

    [Fact]
    public void A_piece_of_a_file_that_is_missing_is_kept_as_a_fact()
    {
        var quarantine = Open(new MemoryDisk());
        Assert.Equal(0, quarantine.Add(Damage(offset: 0)).KeptBytes);
        Assert.Empty(quarantine.Read(1)!);
    }

    [Fact]
    public void Only_the_beginning_of_a_very_long_piece_is_kept()
    {
        var disk = new MemoryDisk(new MemoryDiskOptions { SectorBytes = 65_536 });
        disk.CreateFolder("log");
        using (var file = disk.Create("log/a.log"))
        {
            file.SetLength(Quarantine.MaxKeptBytes + (10L << 20));
        }

        Assert.Equal(Quarantine.MaxKeptBytes, Open(disk).Add(Damage(offset: 0) with { Length = 1L << 40 }).KeptBytes);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("\0\0\0\0")]
    [InlineData("{ \"id\": 2, \"found\": \"2026-")]
    public void An_entry_that_was_cut_short_is_ignored_and_its_number_taken_again(string json)
    {
        var disk = DiskWithFile();
        Open(disk).Add(Damage(offset: 0));
        disk.CreateSynced($"{Folder}/00000002.bin", [1, 2, 3]).Dispose();
        disk.CreateSynced($"{Folder}/00000002.json", System.Text.Encoding.UTF8.GetBytes(json)).Dispose();
        var quarantine = Open(disk);
        Assert.Equal([1], quarantine.List().Select(e => e.Id));
        Assert.Null(quarantine.Read(2));
        Assert.Equal(2, quarantine.Add(Damage(offset: 500)).Id);
        Assert.Equal(s_bytes[500..800], Open(disk).Read(2));
    }

    [Fact]
    public void A_crash_while_a_piece_is_set_aside_leaves_the_others_and_no_half_of_it()
    {
        for (var at = 1; at <= 9; at++)
        {
            for (var seed = 0; seed < 6; seed++)
            {
                var disk = DiskWithFile(seed);
                var first = Open(disk).Add(Damage(offset: 0));
                disk.CrashAt(disk.OperationCount + at);
                try
                {
                    Open(disk).Add(Damage(offset: 500));
                }
                catch (DiskCrashedException)
                {
                    // The next process finds what is left.
                }

                disk = disk.Crash();
                var quarantine = Open(disk);
                Assert.Equal(first, quarantine.List()[0]);
                Assert.Equal(2, quarantine.Add(Damage(offset: 500)).Id);
                Assert.Equal(s_bytes[500..800], quarantine.Read(2));
                Assert.Equal(s_bytes[..300], quarantine.Read(1));
            }
        }
    }

    [Fact]
    public void A_disk_that_fails_once_while_the_list_is_read_costs_no_entry()
    {
        var disk = DiskWithFile();
        for (var i = 0; i < 3; i++)
        {
            Open(disk).Add(Damage(offset: i * 1000));
        }

        var quarantine = Open(disk);
        var reads = 0;
        disk.OnOperation = operation => operation.Kind == DiskOperationKind.Read && ++reads == 2 ? DiskError.Io : null;
        Assert.Throws<DiskException>(quarantine.List);
        Assert.Equal([1, 2, 3], quarantine.List().Select(e => e.Id));
        Assert.Equal(4, quarantine.Add(Damage(offset: 3000)).Id);
        Assert.Equal([1, 2, 3, 4], Open(disk).List().Select(e => e.Id));
    }

    [Fact]
    public void A_piece_that_could_not_be_written_is_not_listed()
    {
        var disk = DiskWithFile();
        var quarantine = Open(disk);
        disk.OnOperation = operation => operation.Kind == DiskOperationKind.Write ? DiskError.Full : null;
        Assert.Equal(DiskError.Full, DiskBytes.Error(() => quarantine.Add(Damage(offset: 0))));
        disk.OnOperation = null;
        Assert.Empty(quarantine.List());
        Assert.Equal(1, quarantine.Add(Damage(offset: 0)).Id);
        Assert.Equal(s_bytes[..300], Open(disk).Read(1));
    }

    [Theory]
    [InlineData(DiskError.Full)]
    [InlineData(DiskError.Io)]
    public void A_disk_that_fails_at_any_operation_gets_its_space_back_and_lists_no_half(DiskError error)
    {
        var whole = DiskWithFile();
        Open(whole).Add(Damage(offset: 0));
        for (var at = DiskWithFile().OperationCount + 1; at <= whole.OperationCount; at++)
        {
            var disk = DiskWithFile();
            var (quarantine, operation) = (Open(disk), disk.OperationCount);
            disk.OnOperation = o => o.Kind <= DiskOperationKind.SyncFolder && ++operation == at ? error : null;
            Assert.Equal(error, DiskBytes.Error(() => quarantine.Add(Damage(offset: 0))));
            disk.OnOperation = null;
            Assert.Empty(disk.ListFiles(Folder));
            Assert.Empty(quarantine.List());
            Assert.Empty(Open(disk.Crash(lossless: true)).List());
        }
    }

    [Fact]
    public void A_piece_for_which_there_is_no_room_takes_none()
    {
        // Room for the bytes, and none for what is known of them.
        var disk = DiskWithFile(capacity: 10_240 + (2 * 512));
        disk.CreateSynced("log/b.log", [1]).Dispose();
        var (quarantine, free) = (Open(disk), disk.FreeBytes);
        Assert.Equal(DiskError.Full, DiskBytes.Error(() => quarantine.Add(Damage(offset: 0))));
        Assert.Equal(free, disk.FreeBytes);

        disk.Delete("log/b.log");
        Assert.Equal(1, quarantine.Add(Damage(offset: 0)).Id);
        Assert.Equal([1], Open(disk.Crash()).List().Select(e => e.Id));
    }

    [Fact]
    public void What_a_failure_has_left_is_never_taken_for_another_piece()
    {
        // All of the piece is written, and neither its sync succeeds nor its removal.
        var disk = DiskWithFile();
        var quarantine = Open(disk);
        var hasFailed = false;
        disk.OnOperation = o =>
        {
            hasFailed |= o.Kind == DiskOperationKind.Sync && o.Path.EndsWith(".json", StringComparison.Ordinal);
            return !hasFailed ? null : o.Kind == DiskOperationKind.Delete ? DiskError.Io : DiskError.Full;
        };
        Assert.Equal(DiskError.Full, DiskBytes.Error(() => quarantine.Add(Damage(offset: 0))));
        disk.OnOperation = null;
        Assert.Equal(2, disk.ListFiles(Folder).Count);
        Assert.Empty(quarantine.List());

        // The next piece gets its number, and the process ends before it is complete.
        disk.OnOperation = o => o.Path.EndsWith(".json", StringComparison.Ordinal) && o.Kind == DiskOperationKind.Create ? DiskError.Full : null;
        Assert.Equal(DiskError.Full, DiskBytes.Error(() => quarantine.Add(Damage(offset: 500))));
        disk = disk.Crash(lossless: true);
        Assert.Empty(Open(disk).List());
        Assert.Equal(1, Open(disk).Add(Damage(offset: 500)).Id);
        Assert.Equal(s_bytes[500..800], Open(disk).Read(1));
    }

    private static StoreDamage Damage(long offset) => new() { File = "log/a.log", Offset = offset, Length = 300, Reason = "messages of a record are damaged" };

    private static MemoryDisk DiskWithFile(int seed = 0, long capacity = long.MaxValue)
    {
        var disk = new MemoryDisk(new MemoryDiskOptions { Seed = seed, CapacityBytes = capacity });
        disk.CreateFolder("log");
        disk.CreateSynced("log/a.log", s_bytes).Dispose();
        return disk;
    }

    private static Quarantine Open(MemoryDisk disk) => new(disk, Folder, TestLog.Key, new Clock());

    private sealed class Clock : TimeProvider
    {
        public static DateTimeOffset Now { get; } = new(2026, 11, 28, 12, 30, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
