using Broker.Storage.Disks;
using Broker.Storage.Records;
using Broker.Storage.Tests.Disks;
using Broker.Storage.Tests.Log;

namespace Broker.Storage.Tests.Recovery;

/// <summary>A record of a <see cref="LogImage"/> and where its parts are.</summary>
internal sealed record ImageRecord(string File, long Offset, RecordHeader Header, IReadOnlyList<int> MessageLengths)
{
    public long ControlOffset => Offset + RecordHeader.Size;

    public long BodyOffset => ControlOffset + Header.ControlBytes;

    /// <summary>Which message a byte of the file belongs to; -1 if none.</summary>
    public int MessageAt(long offset)
    {
        var at = BodyOffset;
        for (var i = 0; i < MessageLengths.Count; i++)
        {
            at += MessageLengths[i];
            if (offset >= BodyOffset && offset < at)
            {
                return i;
            }
        }

        return -1;
    }
}

/// <summary>The files of a log as bytes, to be changed at will and given to a recovery.</summary>
internal sealed class LogImage
{
    private LogImage(IReadOnlyDictionary<string, byte[]> files, IReadOnlyList<ImageRecord> records)
    {
        Files = files;
        Records = records;
    }

    public IReadOnlyDictionary<string, byte[]> Files { get; }

    /// <summary>Every record in order, marks and ends of files included.</summary>
    public IReadOnlyList<ImageRecord> Records { get; }

    public static LogImage Of(IDisk disk, string folder = TestLog.Folder)
    {
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var name in disk.ListFiles(folder).Where(name => name.EndsWith(".log", StringComparison.Ordinal)))
        {
            files.Add($"{folder}/{name}", disk.AllOf($"{folder}/{name}"));
        }

        return new LogImage(files, [.. files.SelectMany(file => RecordsOf(file.Key, file.Value))]);
    }

    /// <summary>One file of records, not necessarily of a log.</summary>
    public static LogImage Of(string path, byte[] bytes) => new(new Dictionary<string, byte[]> { [path] = bytes }, [.. RecordsOf(path, bytes)]);

    public ImageRecord Find(ulong entity, ulong index) => Records.Single(r => r.Header.Entity == entity && r.Header.Index == index && r.Header.Kind is not (RecordKind.Mark or RecordKind.End));

    /// <summary>The same, with only so much of what lies behind the last record of each file.</summary>
    public LogImage Trimmed(int keep) => new(
        Files.ToDictionary(f => f.Key, f => f.Value[..(int)Math.Min(f.Value.Length, Records.Where(r => r.File == f.Key).Max(r => r.Offset + r.Header.PaddedLength) + keep)]), Records);

    /// <summary>A disk with these files, all of it synced.</summary>
    /// <param name="change">Gets a copy of the bytes of each file before it is written; <c>null</c> leaves the file out.</param>
    /// <param name="options">How the disk behaves.</param>
    public MemoryDisk ToDisk(Func<string, byte[], byte[]?>? change = null, MemoryDiskOptions? options = null)
    {
        var disk = new MemoryDisk(options);
        disk.CreateFolder(TestLog.Folder);
        foreach (var (path, bytes) in Files)
        {
            if ((change is null ? bytes : change(path, [.. bytes])) is { } changed)
            {
                disk.CreateSynced(path, changed).Dispose();
            }
        }

        return disk;
    }

    /// <summary>A disk with one bit of each place turned over.</summary>
    public MemoryDisk ToDisk(IEnumerable<(string File, long Offset, int Bit)> flips)
    {
        var disk = ToDisk();
        foreach (var (file, offset, bit) in flips)
        {
            disk.FlipBit(file, offset, bit);
        }

        return disk;
    }

    private static IEnumerable<ImageRecord> RecordsOf(string file, byte[] bytes)
    {
        Assert.True(FileHeader.TryRead(bytes, out var header), $"'{file}' has no header");
        var key = StoreKey.Of(header.Store);
        for (long offset = FileHeader.Size; RecordHeader.TryRead(bytes.AsSpan((int)offset), key, header.BasePosition + offset, out var record);)
        {
            var lengths = Enumerable.Range(0, record.MessageCount)
                .Select(i => MessageTableEntry.Read(bytes.AsSpan((int)offset + RecordHeader.Size + (i * MessageTableEntry.Size))).Bytes);
            yield return new ImageRecord(file, offset, record, [.. lengths]);
            offset += record.PaddedLength;
        }
    }
}
