using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Records;
using Broker.Storage.Tests.Recovery;

namespace Broker.Storage.Tests.Log;

/// <summary>A log on a disk in memory, without threads: nothing reaches the disk before the test says so.</summary>
internal sealed class TestLog
{
    public const string Folder = "log";
    public const string FirstFile = $"{Folder}/0000000000000000.log";
    public const int FileBytes = 64 << 10;

    /// <summary>As small as a log may be, so that little is needed to fill a file.</summary>
    public static readonly LogOptions Small = new() { FileBytes = FileBytes, MaxBytes = 4 * FileBytes, MaxFiles = 8, MaxGroupBytes = 4 * FileBytes };

    public static readonly Guid Store = new("0190a1b2-0000-7000-8000-000000000001");

    public static readonly StoreKey Key = StoreKey.Of(Store);

    private readonly Dictionary<ulong, (ulong Index, ulong NextPosition)> _tails = [];

    public TestLog(MemoryDisk? disk = null, LogOptions? options = null, Findings? found = null)
    {
        Disk = disk ?? new MemoryDisk();
        Options = options ?? Small;
        Found = found ?? new Findings();
        Log = WriteAheadLog.Open(Disk, Folder, Store, Options, Found, Found.Progress.Add);
        foreach (var record in Found.Records)
        {
            _tails[record.Header.Entity] = (record.Header.Index, Math.Max(NextPosition(record.Header.Entity), record.Header.FirstPosition + (ulong)record.Header.MessageCount));
        }
    }

    public MemoryDisk Disk { get; }

    public LogOptions Options { get; }

    public WriteAheadLog Log { get; }

    /// <summary>What was there when it was opened.</summary>
    public Findings Found { get; }

    public TestClient Client { get; } = new();

    /// <summary>Names of the log's files in order, without spares.</summary>
    public IReadOnlyList<string> Files => [.. Disk.ListFiles(Folder).Where(name => name.EndsWith(".log", StringComparison.Ordinal)).Select(name => $"{Folder}/{name}")];

    public IReadOnlyList<string> Spares => [.. Disk.ListFiles(Folder).Where(name => !name.EndsWith(".log", StringComparison.Ordinal))];

    /// <summary>Takes in a record that is the entity's next one.</summary>
    public TestRecord Append(ulong entity, int messages = 1, int bytes = 100, int operations = 20, RecordKind kind = RecordKind.Operations, TestClient? client = null)
    {
        var (index, next) = (Index(entity) + 1, NextPosition(entity));
        _tails[entity] = (index, next + (ulong)messages);
        var record = new TestRecord
        {
            Client = client ?? Client,
            Kind = kind,
            Entity = entity,
            Index = index,
            FirstPosition = next,
            Operations = TestRecord.OperationsOf(entity, index, operations),
            Messages = [.. Enumerable.Range(0, messages).Select(i => (ReadOnlyMemory<byte>)TestRecord.MessageOf(entity, next + (ulong)i, bytes))],
        };
        Log.Append(record);
        return record;
    }

    /// <summary>Everything that was appended is written.</summary>
    public void CommitAll()
    {
        while (Log.CommitGroup())
        {
        }
    }

    /// <summary>A record that is written then.</summary>
    public TestRecord Commit(ulong entity, int messages = 1, int bytes = 100, int operations = 20, RecordKind kind = RecordKind.Operations)
    {
        var record = Append(entity, messages, bytes, operations, kind);
        CommitAll();
        return record;
    }

    /// <summary>Writes records of an entity until another file begins.</summary>
    public void FillFile(ulong entity, int bytes = 8 << 10)
    {
        for (var files = Math.Max(1, Log.FileCount); Log.FileCount <= files;)
        {
            Commit(entity, bytes: bytes);
        }
    }

    /// <summary>The node goes down, and the next one finds what is left.</summary>
    public TestLog Crash(bool lossless = false) => new(Disk.Crash(lossless), Options);

    /// <summary>The node comes to rest and ends.</summary>
    public TestLog Stop()
    {
        CommitAll();
        Log.CommitMark();
        Log.Dispose();
        return Crash();
    }

    private ulong Index(ulong entity) => _tails.GetValueOrDefault(entity).Index;

    private ulong NextPosition(ulong entity) => Math.Max(1, _tails.GetValueOrDefault(entity).NextPosition);
}
