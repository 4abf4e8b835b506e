using Broker.Storage.Disks;
using Broker.Storage.Records;
using Broker.Storage.Tests.Disks;
using Broker.Storage.Tests.Log;

namespace Broker.Storage.Tests.Records;

public sealed class RecordWindowTests
{
    private const long Base = 1 << 30;
    private const int Window = 1 << 20; // so much is read at a time

    [Fact]
    public void Records_are_read_one_behind_the_other()
    {
        byte[] bytes = [.. Record(0, 20), .. Record(152, 3000), .. Record(3288, 0)];
        using var file = FileOf(bytes);
        var window = new RecordWindow(file, TestLog.Key, Base, bytes.Length);
        foreach (var (offset, length) in new[] { (0L, 20), (152L, 3000), (3288L, 0) })
        {
            Assert.True(window.TryHeader(offset, out var header));
            Assert.Equal((Base + offset, length), (header.Position, header.BodyBytes));
            Assert.True(window.TryRecord(offset, header)!.Messages().All(m => m.State == StoredMessageState.Intact));
        }

        Assert.False(window.TryHeader(8, out _));
        Assert.False(window.TryHeader(bytes.Length, out _));
        Assert.False(window.TryHeader(bytes.Length - 8, out _));
    }

    [Fact]
    public void The_next_record_behind_damage_is_found_at_any_offset()
    {
        // Around the end of what is read at a time, where a header may lie half in it.
        foreach (var at in new[] { 8L, 88, 4096, Window - 96, Window - 88, Window - 80, Window - 48, Window - 8, Window, Window + 8, Window + 4096, (3 * Window) + 16 })
        {
            byte[] bytes = [.. DiskBytes.Pattern(1, (int)at), .. Record(at, 50), .. new byte[500]];
            using var file = FileOf(bytes);
            for (var from = Math.Max(0, at - 20); from <= at; from++)
            {
                Assert.Equal(at, new RecordWindow(file, TestLog.Key, Base, bytes.Length).FindHeader(from));
            }

            var window = new RecordWindow(file, TestLog.Key, Base, bytes.Length);
            Assert.Equal(at, window.FindHeader(0));
            Assert.Equal(-1, window.FindHeader(at + 1));
            Assert.Equal(at, window.FindHeader(0)); // backwards as well
        }
    }

    [Fact]
    public void A_record_that_says_another_place_is_not_found()
    {
        byte[] bytes = [.. new byte[64], .. Record(72, 50), .. Record(0, 20)];
        using var file = FileOf(bytes);
        Assert.Equal(-1, new RecordWindow(file, TestLog.Key, Base, bytes.Length).FindHeader(0));
        Assert.Equal(-1, new RecordWindow(file, TestLog.Key, Base - 64, bytes.Length).FindHeader(0));
        Assert.Equal(64, new RecordWindow(file, TestLog.Key, Base + 8, bytes.Length).FindHeader(0));
    }

    [Fact]
    public void A_record_larger_than_what_is_read_at_a_time_is_read_whole_and_searching_goes_on_behind_it()
    {
        var large = Record(152, (2 * Window) + 77);
        byte[] bytes = [.. Record(0, 20), .. large, .. Record(152 + large.Length, 5)];
        using var file = FileOf(bytes, shortReads: true);
        var window = new RecordWindow(file, TestLog.Key, Base, bytes.Length);
        Assert.True(window.TryHeader(152, out var header));
        Assert.Equal(StoredMessageState.Intact, Assert.Single(window.TryRecord(152, header)!.Messages()).State);
        Assert.Equal(152 + large.Length, window.FindHeader(160));
        Assert.Equal(0, window.FindHeader(0));
    }

    [Fact]
    public void A_record_that_the_end_cuts_off_is_none()
    {
        byte[] bytes = [.. Record(0, 20), .. Record(152, 3000)];
        using var file = FileOf(bytes);
        var window = new RecordWindow(file, TestLog.Key, Base, 3000);
        Assert.True(window.TryHeader(152, out var header));
        Assert.Null(window.TryRecord(152, header));

        // The file may be shorter than it was said to be.
        window = new RecordWindow(file, TestLog.Key, Base, 1 << 20);
        Assert.False(window.TryHeader(8000, out _));
        Assert.Equal(-1, window.FindHeader(8000));
    }

    [Fact]
    public void The_beginning_of_a_record_is_a_trace_and_so_is_a_record_behind()
    {
        var record = Record(0, 400);
        byte[] bytes = [.. record[..48], .. new byte[300], .. Record(348 + 4, 5)];
        using var file = FileOf(bytes);
        Assert.True(new RecordWindow(file, TestLog.Key, Base, 200).HasTraceAt(0));
        Assert.False(new RecordWindow(file, TestLog.Key, Base, 200).HasTraceAt(8));
        bytes = [.. new byte[352], .. Record(352, 5)];
        using var other = FileOf(bytes);
        Assert.True(new RecordWindow(other, TestLog.Key, Base, bytes.Length).HasTraceAt(0));
        Assert.False(new RecordWindow(other, TestLog.Key, Base, 352).HasTraceAt(0));
    }

    private static byte[] Record(long offset, int message) => RecordBytes.Of(Base + offset, operations: 24, message);

    private static IDiskFile FileOf(byte[] bytes, bool shortReads = false) =>
        new MemoryDisk(new MemoryDiskOptions { SectorBytes = 4096, ShortReads = shortReads }).CreateSynced("a", bytes);
}
