using Broker.Coordination.Tests.Contract;
using Broker.Storage;
using Broker.Storage.Disks;
using Broker.Storage.Records;
using static Broker.Coordination.Tests.Contract.Texts;

namespace Broker.Coordination.Tests.Embedded;

/// <summary>What was on the disk and is not any more is never passed over in silence.</summary>
public sealed class DamageTests
{
    private const string FirstFile = $"{SimulatedStore.Folder}/0000000000000000.log";

    [Fact]
    public void A_damaged_folder_is_refused_with_the_place_and_what_to_do()
    {
        var disk = Filled();
        disk.FlipBit(FirstFile, OffsetOf(disk, "b-value"), 3);
        var refused = Assert.Throws<StoreException>(() => new SimulatedStore(disk));
        Assert.Equal(StoreProblem.Unreadable, refused.Problem);
        Assert.Contains($"'{FirstFile}' at offset", refused.Message, StringComparison.Ordinal);
        Assert.Contains("Restore the folder", refused.Message, StringComparison.Ordinal);
        Assert.Contains("AcceptDamage", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_refused_folder_is_refused_again()
    {
        var disk = Filled();
        disk.FlipBit(FirstFile, OffsetOf(disk, "b-value"), 3);
        Assert.Throws<StoreException>(() => new SimulatedStore(disk));
        Assert.Throws<StoreException>(() => new SimulatedStore(disk.Crash()));
    }

    [Fact]
    public void Whoever_accepts_damage_gets_the_rest_and_is_told_what_is_missing()
    {
        var disk = Filled();
        disk.FlipBit(FirstFile, OffsetOf(disk, "b-value"), 3);
        var store = Accepting(disk);
        Assert.Equal("a=a-value c=c-value d=d-value", store.Snapshot.Text());
        Assert.Contains(FirstFile, store.Store.Skipped[0], StringComparison.Ordinal);
        Assert.Equal("records 2 to 2 are missing", store.Store.Skipped[1]);
    }

    [Fact]
    public void Revisions_that_were_lost_do_not_come_again()
    {
        // The last transaction, so that nothing after it tells its revision; the mark tells that it was there.
        var disk = Filled();
        disk.FlipBit(FirstFile, OffsetOf(disk, "d-value"), 3);
        var store = Accepting(disk);
        Assert.Equal("a=a-value b=b-value c=c-value", store.Snapshot.Text());
        Assert.True(store.Commit(Put("a", "2")).Revision > 4);
    }

    [Fact]
    public void Accepted_damage_is_gone_at_the_next_start()
    {
        var disk = Filled();
        disk.FlipBit(FirstFile, OffsetOf(disk, "b-value"), 3);
        var store = Accepting(disk);
        var revision = store.Snapshot.Revision;
        store = new SimulatedStore(store.Disk.Crash());
        Assert.Equal((revision, "a=a-value c=c-value d=d-value"), (store.Snapshot.Revision, store.Snapshot.Text()));
        Assert.Empty(store.Store.Skipped);
        store.Commit(Put("b", "again"));
        Assert.Equal("a=a-value b=again c=c-value d=d-value", new SimulatedStore(store.Stop()).Snapshot.Text());
    }

    [Fact]
    public void Damage_stays_until_what_is_left_is_written_anew()
    {
        for (var operation = 1; ; operation++)
        {
            var disk = Filled();
            disk.FlipBit(FirstFile, OffsetOf(disk, "b-value"), 3);
            disk = disk.Crash();
            disk.CrashAt(operation);
            try
            {
                _ = Accepting(disk);
                return;
            }
            catch (DiskCrashedException)
            {
                Assert.Equal("a=a-value c=c-value d=d-value", Accepting(disk.Crash()).Snapshot.Text());
            }
        }
    }

    [Fact]
    public void A_torn_tail_is_no_damage()
    {
        var disk = Filled(rest: false);
        disk.FlipBit(FirstFile, OffsetOf(disk, "d-value"), 3);
        Assert.Equal("a=a-value b=b-value c=c-value", new SimulatedStore(disk).Snapshot.Text());
    }

    [Fact]
    public void A_beginning_that_is_missing_is_damage()
    {
        var longer = SimulatedStore.SmallLog with { Log = SimulatedStore.SmallLog.Log with { MaxBytes = 1 << 20 } };
        var store = new SimulatedStore(new MemoryDisk(), longer);
        for (var i = 0; store.Store.Log.FileCount < 2; i++)
        {
            store.Commit(MetadataOperation.Put($"k{i}", new byte[10_000]));
        }

        var disk = store.Stop();
        disk.Delete(FirstFile);
        var refused = Assert.Throws<StoreException>(() => new SimulatedStore(disk));
        Assert.Contains("no checkpoint", refused.Message, StringComparison.Ordinal);
        var accepted = Accepting(disk.Crash(lossless: true));
        Assert.NotEmpty(accepted.Snapshot.Values);
        Assert.NotEmpty(accepted.Store.Skipped);
    }

    [Fact]
    public void A_beginning_that_an_earlier_start_has_written_is_missed_too()
    {
        var store = new SimulatedStore(Filled());
        store.Commit(Put("e", "1"));
        var disk = store.Stop();
        disk.Delete(FirstFile);
        Assert.Contains("records 1 to 4 are missing", Assert.Throws<StoreException>(() => new SimulatedStore(disk)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_record_that_cannot_be_understood_is_damage()
    {
        var disk = Filled();
        var bytes = disk.ReadAll(FirstFile);
        var offset = FileHeader.Size;
        var key = StoreKey.Of(SimulatedStore.StoreNumber);
        Assert.True(RecordHeader.TryRead(bytes.AsSpan(offset), key, offset, out var header));

        // The number of its values, with a right checksum.
        var control = bytes.AsSpan(offset + RecordHeader.Size, header.ControlBytes);
        control[13] = 7;
        (header with { ControlChecksum = Crc32C.Compute(control) }).Write(bytes.AsSpan(offset), key);
        disk.Overwrite(FirstFile, offset, bytes.AsSpan(offset, (int)header.Length));
        Assert.Equal(StoreProblem.Unreadable, Assert.Throws<StoreException>(() => new SimulatedStore(disk)).Problem);
        Assert.Equal("b=b-value c=c-value d=d-value", Accepting(disk.Crash(lossless: true)).Snapshot.Text());
    }

    [Fact]
    public void No_single_bit_goes_unnoticed()
    {
        for (var seed = 0; seed < 400; seed++)
        {
            var random = new Random(seed);
            var store = new SimulatedStore(new MemoryDisk(new MemoryDiskOptions { Seed = seed }));
            for (var i = random.Next(1, 60); i > 0; i--)
            {
                store.Commit(MetadataOperation.Put($"k{random.Next(5)}", new byte[random.Next(5000)]), Put($"n{i}", "1"));
            }

            var before = store.Snapshot;
            var disk = store.Stop();
            var path = $"{SimulatedStore.Folder}/{disk.ListFiles(SimulatedStore.Folder).Where(name => name.EndsWith(".log", StringComparison.Ordinal)).MaxBy(_ => random.Next())}";
            disk.FlipBit(path, random.Next(disk.ReadAll(path).Length), random.Next(8));
            string? found = null;
            try
            {
                var after = new SimulatedStore(disk).Snapshot;
                found = $"{after.Revision}: {after.Values.Exactly()}";
            }
            catch (StoreException e)
            {
                Assert.True(e.Problem == StoreProblem.Unreadable, $"seed {seed}: {e}");
                var accepted = Accepting(disk.Crash(lossless: true));
                Assert.True(accepted.Snapshot.Revision >= before.Revision, $"seed {seed}: revision {before.Revision} came down to {accepted.Snapshot.Revision}");
                Assert.True(accepted.Store.Skipped.Count > 0, $"seed {seed}");
            }

            Assert.True(found is null || found == $"{before.Revision}: {before.Values.Exactly()}", $"seed {seed}: {path}");
        }
    }

    private static SimulatedStore Accepting(MemoryDisk disk) => new(disk, SimulatedStore.SmallLog with { AcceptDamage = true });

    /// <summary>A transaction each for a, b, c and d.</summary>
    private static MemoryDisk Filled(bool rest = true)
    {
        var store = new SimulatedStore(new MemoryDisk());
        foreach (var key in new[] { "a", "b", "c", "d" })
        {
            store.Commit(Put(key, $"{key}-value"));
        }

        return rest ? store.Stop() : store.Disk.Crash();
    }

    private static int OffsetOf(MemoryDisk disk, string text) => disk.ReadAll(FirstFile).AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes(text));
}
