using Broker.Storage.Disks;
using Broker.Storage.Records;
using Broker.Storage.Tests.Log;

namespace Broker.Storage.Tests.Recovery;

/// <summary>What this version must not touch it refuses, leaves as it is, and says what to do.</summary>
public sealed class RefusalTests
{
    [Fact]
    public void A_record_of_a_newer_version_is_refused()
    {
        var log = new TestLog();
        log.Commit(1);
        log.Commit(2, messages: 2);
        log.Commit(1);
        var image = LogImage.Of(log.Disk);
        var record = image.Find(2, 1);
        var refused = Refused(image, (_, bytes) => With(bytes, record, record.Header with { Version = 2 }));
        Assert.Equal(StoreProblem.NewerFormat, refused.Problem);
        Assert.Contains($"'{TestLog.FirstFile}' has a record of version 2 at {record.Offset}", refused.Message, StringComparison.Ordinal);
        Assert.Contains("Start the newer version", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_of_a_newer_format_is_refused()
    {
        var image = Filled();
        var refused = Refused(image, (path, bytes) => path == TestLog.FirstFile ? bytes : With(bytes, header => header with { Format = 2 }));
        Assert.Equal(StoreProblem.NewerFormat, refused.Problem);
        Assert.Contains($"'{image.Files.Keys.Last()}' has format 2", refused.Message, StringComparison.Ordinal);
        Assert.Contains("Start the newer version", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_of_another_store_is_refused()
    {
        var other = new Guid("0190a1b2-0000-7000-8000-00000000000f");
        var image = Filled();
        var refused = Refused(image, (path, bytes) => path == TestLog.FirstFile ? bytes : With(bytes, header => header with { Store = other }));
        Assert.Equal(StoreProblem.OtherNode, refused.Problem);
        Assert.Contains($"'{image.Files.Keys.Last()}' belongs to store {other}", refused.Message, StringComparison.Ordinal);
        Assert.Contains("put the file back", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Files_of_a_log_that_was_refused_are_closed()
    {
        var disk = Filled().ToDisk((path, bytes) => path == TestLog.FirstFile ? bytes : With(bytes, header => header with { Format = 2 }), new MemoryDiskOptions { CapacityBytes = 1 << 20 });
        Assert.Throws<StoreException>(() => new TestLog(disk));
        foreach (var name in disk.ListFiles(TestLog.Folder))
        {
            disk.Delete($"{TestLog.Folder}/{name}");
        }

        Assert.Equal(1 << 20, disk.FreeBytes); // a file that is open keeps its place
    }

    private static LogImage Filled()
    {
        var log = new TestLog();
        log.FillFile(1);
        log.Log.CommitMark();
        return LogImage.Of(log.Disk);
    }

    private static StoreException Refused(LogImage image, Func<string, byte[], byte[]> change)
    {
        var disk = image.ToDisk(change);
        var before = LogImage.Of(disk);
        var refused = Assert.Throws<StoreException>(() => new TestLog(disk));
        Assert.Equal(before.Files, LogImage.Of(disk).Files);
        return refused;
    }

    private static byte[] With(byte[] bytes, ImageRecord record, RecordHeader header)
    {
        header.Write(bytes.AsSpan((int)record.Offset), TestLog.Key);
        return bytes;
    }

    private static byte[] With(byte[] bytes, Func<FileHeader, FileHeader> change)
    {
        Assert.True(FileHeader.TryRead(bytes, out var header));
        change(header).Write(bytes);
        return bytes;
    }
}
