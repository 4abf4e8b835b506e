using System.Text;
using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Quarantines;
using Broker.Storage.Records;
using Broker.Storage.Recovery;
using Broker.Storage.Segments;
using Broker.Storage.Tests.Log;
using Broker.Storage.Tests.Recovery;

namespace Broker.Storage.Tests.Golden;

/// <summary>What the golden files hold, written by the code of this version from the same inputs each time.</summary>
internal static class GoldenStore
{
    public const string Node = "node-1";
    private const ulong Queue = 3;
    private const ulong DeletedQueue = 4;

    // Operations as Broker.Machines encodes them. To the store they are bytes; docs/storage.md explains these.
    private static readonly byte[] s_published = Convert.FromHexString("011210636c69656e740a62696c6c696e672d312a");
    private static readonly byte[] s_delivered = Convert.FromHexString("02040101010003030f0100");
    private static readonly byte[] s_checkpoint = Convert.FromHexString("1006030f070740b8110302000112080740b8020001010f011210636c69656e740a62696c6c696e672d312a");

    private static readonly byte[] s_features = Convert.FromHexString("0403070105" + "05080880030d400a0167" + "060703020a02410000" + "090101");

    private static readonly byte[] s_refused = Convert.FromHexString("011210636c69656e740a62696c6c696e672d312e" + "0b050000012b02");

    private static readonly byte[] s_state = Convert.FromHexString("20050204000105210401010204");

    // Messages as they are on the wire: exchange, routing key, properties, body.
    private static readonly byte[] s_message = [0, 6, .. "orders"u8, 0, .. "hello!"u8];
    private static readonly byte[] s_other = [0, 6, .. "orders"u8, 0, .. "again!"u8];

    public static Guid Store { get; } = new("0190a1b2-c3d4-7e5f-8081-828384858687");

    public static IReadOnlyList<string> Names { get; } = ["features", "identity", "log", "mark", "quarantine", "segment", "shard"];

    public static IReadOnlyList<GoldenPiece> Make(string name) => name switch
    {
        "features" => [.. FeaturesFile()],
        "identity" => [new("a store of a node", "JSON", Identity())],
        "log" => [.. LogFile()],
        "mark" => [.. Marks()],
        "quarantine" => [new("a record of which two messages are damaged", "JSON", Entry())],
        "segment" => [.. Segment()],
        "shard" => [.. ShardFile()],
        _ => throw new ArgumentException($"no golden file '{name}'", nameof(name)),
    };

    /// <summary>The first file of a log: a record of each kind, and the one that ends it.</summary>
    private static IEnumerable<GoldenPiece> LogFile()
    {
        var disk = new MemoryDisk();
        var log = WriteAheadLog.Open(disk, TestLog.Folder, Store, TestLog.Small, new Findings(), time: new Clock());
        var first = Record(RecordKind.Operations, Queue, 1, 1, s_published, s_message, s_other);
        Commit(log, first);
        Commit(log, Record(RecordKind.Operations, Queue, 2, 3, s_delivered), new GoldenRecord { Client = new TestClient(), Kind = RecordKind.Deleted, Entity = DeletedQueue, Index = 1 });
        Commit(log, Record(RecordKind.Checkpoint, Queue, 3, 3, s_checkpoint));
        log.CommitMark();
        Commit(log, Record(RecordKind.Operations, Queue, 4, 3, new byte[TestLog.FileBytes])); // goes into the next file
        string[] names = ["two messages", "deliveries and settlements", "a queue that is gone", "the whole state of a queue", "the log at rest", "the end of the file"];
        return PiecesOf(LogImage.Of(disk), names);
    }

    /// <summary>The first file of a log with what only queues with features have.</summary>
    private static IEnumerable<GoldenPiece> FeaturesFile()
    {
        var disk = new MemoryDisk();
        var log = WriteAheadLog.Open(disk, TestLog.Folder, Store, TestLog.Small, new Findings(), time: new Clock());
        Commit(log, Record(RecordKind.Operations, Queue, 1, 7, s_features, s_message, s_other));
        Commit(log, Record(RecordKind.Operations, Queue, 2, 9, s_refused, s_message));
        log.CommitMark();
        return PiecesOf(LogImage.Of(disk), ["priorities, a delay, a dead message and a pause", "a message after others were refused", "the log at rest"]);
    }

    /// <summary>The first file of the log of a node of a cluster: what there is in a replicated shard.</summary>
    private static IEnumerable<GoldenPiece> ShardFile()
    {
        var disk = new MemoryDisk();
        var log = WriteAheadLog.Open(disk, TestLog.Folder, Store, TestLog.Small, new Findings(), time: new Clock());
        var shard = ShardEntity.Of(17);
        Commit(
            log,
            Replicated(Record(RecordKind.Operations, shard, 4, 0, []), 4, 2, committed: 0),
            Replicated(Record(RecordKind.Operations, Queue, 1, 1, s_published, s_message, s_other), 5, 2, committed: 3));
        var state = Record(RecordKind.Checkpoint, shard, 5, 0, s_state);
        (state.ShardIndex, state.Epoch) = (4, 2);
        var checkpoint = Record(RecordKind.Checkpoint, Queue, 2, 3, s_checkpoint);
        checkpoint.ShardIndex = 6;
        Commit(log, state, Replicated(Record(RecordKind.Operations, Queue, 2, 3, s_delivered), 6, 2, committed: 5), checkpoint);
        Commit(log, Replicated(Record(RecordKind.Deleted, Queue, 3, 0, []), 7, 2, committed: 6));
        log.CommitMark();
        return PiecesOf(
            LogImage.Of(disk),
            ["the first record of an epoch", "two messages", "the state of the shard", "deliveries and settlements", "the whole state of a queue", "a queue that is gone", "the log at rest"]);
    }

    private static GoldenRecord Replicated(GoldenRecord record, ulong shardIndex, long epoch, ulong committed)
    {
        record.SetReplicated(shardIndex, epoch, committed);
        return record;
    }

    private static IEnumerable<GoldenPiece> Segment()
    {
        var disk = new MemoryDisk();
        var store = new SegmentStore(disk, "queues", Store);
        using (var writer = new SegmentWriter(store, Queue, new SegmentCursor(0, 0, 6), new SegmentOptions { MaxBlockMessages = 2 }))
        {
            writer.Add(new StoredRecordMessage(1, s_message, 1, Crc32C.Compute(s_message), StoredMessageState.Intact));
            writer.Add(new StoredRecordMessage(5, s_other, 0, Crc32C.Compute(s_other), StoredMessageState.Intact));
            writer.Add(new StoredRecordMessage((1UL << 62) - 1, s_message, 1, Crc32C.Compute(s_message), StoredMessageState.Intact));
            writer.Finish();
        }

        var path = store.PathOf(Queue, 7);
        return PiecesOf(LogImage.Of(path, disk.ReadAll(path)), ["positions with a gap", "the highest position"]);
    }

    private static IEnumerable<GoldenPiece> Marks()
    {
        EntityTail[] tails = [new(ulong.MaxValue, 900, (1UL << 62) - 1), new(3, 4, 3)];
        yield return new GoldenPiece("nobody but deleted ones has written", "MARK", LogMark.Of(new TestClient(), 1, []).Operations.ToArray());
        yield return new GoldenPiece("two entities, by number", "MARK", LogMark.Of(new TestClient(), 2, tails).Operations.ToArray());
    }

    private static byte[] Identity()
    {
        var disk = new MemoryDisk();
        var made = StoreIdentity.ReadOrCreate(disk, Node);
        return Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(disk.ReadAll("identity.json")).ReplaceLineEndings("\n").Replace($"{made.Store}", $"{Store}", StringComparison.Ordinal));
    }

    private static byte[] Entry()
    {
        var disk = new MemoryDisk();
        new Quarantine(disk, "quarantine", StoreKey.Of(Store), new Clock()).Add(new StoreDamage
        {
            File = TestLog.FirstFile, Offset = 64, Length = 170, Entity = Queue, FirstPosition = 1, MessageCount = 2, Reason = "messages of a record are damaged",
        });
        return Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(disk.ReadAll("quarantine/00000001.json")).ReplaceLineEndings("\n"));
    }

    private static IEnumerable<GoldenPiece> PiecesOf(LogImage image, string[] names)
    {
        var (path, bytes) = image.Files.First();
        yield return new GoldenPiece("the file", "FILE_HEADER", bytes[..FileHeader.Size]);
        foreach (var (record, name) in image.Records.Where(r => r.File == path).Zip(names, (record, name) => (record, name)))
        {
            yield return new GoldenPiece(name, "RECORD", bytes[(int)record.Offset..(int)(record.Offset + record.Header.PaddedLength)]);
        }
    }

    private static GoldenRecord Record(RecordKind kind, ulong entity, ulong index, ulong firstPosition, byte[] operations, params byte[][] messages) => new()
    {
        Client = new TestClient(),
        Kind = kind,
        Entity = entity,
        Index = index,
        Shard = 17,
        FirstPosition = firstPosition,
        Operations = operations,
        Messages = messages,
    };

    private static void Commit(WriteAheadLog log, params GoldenRecord[] records)
    {
        foreach (var record in records)
        {
            log.Append(record);
        }

        while (log.CommitGroup())
        {
        }
    }

    private sealed class GoldenRecord : LogRecord
    {
        public byte[][] Messages { get; init; } = [];

        public override int MessageCount => Messages.Length;

        public override ReadOnlyMemory<byte> GetMessage(int index, out ulong meta)
        {
            meta = index == 0 ? 1U : 0; // the first is durable
            return Messages[index];
        }
    }

    private sealed class Clock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(1_795_000_000_123);
    }
}
