using System.Collections.Immutable;
using Broker.Actors.Storage;
using Broker.Machines.Ledgers;
using Broker.Machines.Replication;
using Broker.Storage;
using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Records;
using Broker.Storage.Segments;

namespace Broker.Actors.Tests.Storage;

/// <summary>
/// Writes what a replica writes, in the plainest way, and knows what must be left of it after a crash. A shard's log is a list of records, and what is committed the sum of
/// its beginning.
/// </summary>
internal sealed partial class ShardScript
{
    public const int Shard = 3;
    public static readonly StoreOptions Options = new()
    {
        NodeName = "a",
        Log = new LogOptions { FileBytes = 64 << 10, MaxBytes = 128 << 10, MaxFiles = 4 },
        Segments = new SegmentOptions { SegmentBytes = 8 << 10, BlockBytes = 4 << 10 },
    };

    private readonly List<(LogRecord Record, ScriptState State)> _appended = [];
    private readonly Client _client = new();
    private readonly Dictionary<ulong, long> _ended = []; // queues that the node has let go of, with where the log says so
    private Dictionary<ulong, QueueLedger> _ahead = []; // with what is not committed

    private readonly StoreOptions _options;

    public ShardScript(MemoryDisk? disk = null, StoreOptions? options = null)
    {
        _options = options ?? Options;
        Disk = disk ?? new MemoryDisk();
        Open();
    }

    public MemoryDisk Disk { get; private set; }

    public NodeStore Store { get; private set; } = null!;

    public QueueRecovery Recovery { get; private set; } = null!;

    public RecoveredShard Recovered => Recovery.Shards[Shard];

    public long Epoch { get; private set; }

    public Lineage Log { get; private set; } = new();

    public ulong Committed { get; private set; }

    /// <summary>What was ever committed is never cut off, whether the log says so or not.</summary>
    public ulong Floor { get; private set; }

    public bool IsInstalling { get; private set; }

    public ImmutableList<ScriptRecord> Records { get; private set; } = [];

    /// <summary>The queues as of <see cref="Committed"/>, with where their messages lie.</summary>
    public Dictionary<ulong, QueueLedger> Ledgers { get; private set; } = [];

    /// <summary>The queues with everything that was appended.</summary>
    public IReadOnlyDictionary<ulong, QueueLedger> Ahead => _ahead;

    public ScriptState Expected => _appended.Count > 0 ? _appended[^1].State : new ScriptState(0, "", 0, 0, false, []);

    public void BeginEpoch(bool withStart = true)
    {
        Epoch++;
        if (IsInstalling)
        {
            GiveUpInstall();
        }

        AppendState();
        if (withStart)
        {
            Write(new ScriptRecord(ShardEntity.Of(Shard), RecordKind.Operations, Log.Last + 1, null, [], new EpochStartRecord(_client, Shard, Log.Last + 1, Epoch, Committed)));
        }
    }

    /// <param name="queue">Whose record.</param>
    /// <param name="messages">How many join.</param>
    /// <param name="bytes">Of each of them.</param>
    /// <param name="delivered">Those that are handed out.</param>
    /// <param name="settled">Those that leave.</param>
    /// <param name="also">Says what else the record has.</param>
    public ScriptRecord Append(
        ulong queue,
        int messages = 1,
        int bytes = 20,
        IReadOnlyList<PositionRange>? delivered = null,
        IReadOnlyList<PositionRange>? settled = null,
        Func<QueueRecord, QueueRecord>? also = null)
    {
        GiveUpInstall();
        return Write(Make(queue, messages, bytes, delivered, settled, isVirtual: false, also));
    }

    public void Delete(ulong queue)
    {
        GiveUpInstall();
        var record = new ReplicatedRecord(_client, Shard, RecordKind.Deleted, queue, _ahead[queue].LastIndex + 1, Log.Last + 1, Epoch, Committed, 0, default, []);
        _ahead.Remove(queue);
        Write(new ScriptRecord(queue, RecordKind.Deleted, record.Index, null, [], record));
    }

    /// <summary>All members of the in-sync set have it.</summary>
    public void Commit(ulong? upTo = null)
    {
        CommitAll();
        for (var last = upTo ?? Log.Last; Committed < last;)
        {
            var record = Records[(int)Committed++];
            if (record.Kind == RecordKind.Deleted)
            {
                Ledgers.Remove(record.Entity);
                var end = new QueueLogRecord(default) { Client = _client, Kind = RecordKind.Deleted, Entity = record.Entity, Shard = Shard, Index = record.Index };
                Append(end);
                CommitAll();
                _ended[record.Entity] = end.Position;
                Store.Segments.DeleteAll(record.Entity);
                Store.Log.Forget(record.Entity);
            }
            else if (record.Operations is { } operations && record.Log!.Position > _ended.GetValueOrDefault(record.Entity))
            {
                Ledgers.TryAdd(record.Entity, new QueueLedger());
                Ledgers[record.Entity].Apply(operations, record.Messages.Count);
                Ledgers[record.Entity].Index.Locate(record.Index, record.Log!.Position, record.Log.Length);
            }
        }

        Floor = Math.Max(Floor, Committed);
    }

    /// <summary>What is behind a record was never committed.</summary>
    public void Cut(ulong last)
    {
        Log.CutFrom(last + 1);
        Records = Records.RemoveRange((int)last, Records.Count - (int)last);
        _ahead = LedgersAt(last);
        AppendState();
    }

    public void AppendState() => Append(new ShardStateRecord(_client, Shard, new ShardState(Epoch, Copy(Log), Committed, IsInstalling: false)) { NeededFrom = FirstOpen(_ => true) });

    /// <summary>The queue as of what is committed.</summary>
    /// <returns>Appends it.</returns>
    public Action Checkpoint(ulong queue)
    {
        var ledger = Ledgers[queue];
        var placed = long.MaxValue;
        foreach (var run in ledger.Index.Runs)
        {
            placed = Math.Min(placed, run.LogPosition);
        }

        var record = new QueueLogRecord(default)
        {
            Client = _client,
            Kind = RecordKind.Checkpoint,
            Entity = queue,
            Shard = Shard,
            Index = ledger.LastIndex,
            ShardIndex = Committed,
            FirstPosition = ledger.NextPosition,
            Operations = ledger.Checkpoint(),
            NeededFrom = Math.Min(Math.Min(placed, Store.Log.SyncedPosition), FirstOpen(r => r.Entity == queue)),
        };
        var dropped = ledger.DroppedSegments.Count;
        return () =>
        {
            Append(record);
            CommitAll();
            foreach (var segment in ledger.TakeDropped(dropped))
            {
                Store.Segments.Delete(queue, segment);
            }
        };
    }

    /// <summary>Copies messages out of the first records of the log. A checkpoint must follow.</summary>
    public void Move(ulong queue, int records)
    {
        var ledger = Ledgers[queue];
        var runs = ledger.Index.Runs.ToArray().Take(records).ToList();
        var needed = runs.SelectMany(r => ledger.Live.Ranges(r.First, r.Last)).Select(r => (r.First, r.Last)).ToList();
        var cursor = new SegmentCursor(ledger.OpenSegment.Number, ledger.OpenSegment.Length, ledger.LastSegment);
        var result = Store.Copy.Run(queue, runs.Select(r => MessageSource.InLog(r.LogPosition, r.LogLength)), needed, cursor);
        Assert.Empty(result.Unreadable);
        ledger.Moved(runs.Count > 0 ? runs[^1].Index : 0, QueueCheckpoints.EntriesOf(result), (result.Cursor.Segment, result.Cursor.Length));
    }

    /// <summary>What the keeper of the store does.</summary>
    public void Retire()
    {
        CommitAll();
        var goal = Store.Log.RetirementGoal();
        foreach (var entity in Store.Log.EntitiesNeeding(goal))
        {
            if (ShardEntity.Is(entity))
            {
                AppendState();
            }
            else if (Ledgers.TryGetValue(entity, out var ledger))
            {
                Move(entity, ledger.Index.Runs.Length);
                Checkpoint(entity)();
            }
            else if (!Records.Skip((int)Committed).Any(r => r.Entity == entity))
            {
                Store.Log.Forget(entity);
            }
        }

        CommitAll();
        Store.Log.Retire(goal);
    }

    public void CommitAll()
    {
        while (Store.Log.CommitGroup())
        {
        }
    }

    /// <summary>The node goes down and starts again. What was not written is lost.</summary>
    public void Crash()
    {
        _appended.RemoveAll(a => a.Record.Position < 0);
        Disk = Disk.Crash();
        Open();
        if (_appended.Count == 0)
        {
            return;
        }

        var (expected, found) = (Expected, Recovered);
        Epoch = expected.Epoch;
        IsInstalling = expected.IsInstalling;
        Records = expected.Records;
        Log = Copy(found.Log);
        Committed = found.Committed;
        Floor = IsInstalling ? 0 : Math.Max(Floor, Committed);
        Ledgers = found.Ledgers;
        _ahead = LedgersAt(Log.Last);
    }

    public Dictionary<ulong, QueueLedger> LedgersAt(ulong last) => LedgersAt(Records, last);

    public byte[] BytesOf(ulong queue, ulong position) => BytesOf(Records, Committed, queue, position);

    public byte[] BytesAt(ulong last, ulong queue, ulong position) => BytesOf(Records, last, queue, position);

    internal static IEnumerable<ulong> Positions(ulong first, ulong last) => Enumerable.Range(0, (int)(last - first) + 1).Select(i => first + (ulong)i);

    private static byte[] BytesOf(ImmutableList<ScriptRecord> all, ulong last, ulong queue, ulong position)
    {
        var records = all.GetRange(0, (int)last);
        var from = records.FindLastIndex(r => r.Entity == queue && r.Kind == RecordKind.Deleted) + 1;
        var record = records.Skip(from).Single(r => r.Entity == queue && r.Operations is { } o && o.FirstPosition <= position && position < o.FirstPosition + (ulong)r.Messages.Count);
        return record.Messages[(int)(position - record.Operations!.FirstPosition)];
    }

    private static Dictionary<ulong, QueueLedger> LedgersAt(ImmutableList<ScriptRecord> records, ulong last)
    {
        var ledgers = new Dictionary<ulong, QueueLedger>();
        foreach (var record in records.Take((int)last))
        {
            if (record.Kind == RecordKind.Deleted)
            {
                ledgers.Remove(record.Entity);
            }
            else if (record.Operations is { } operations)
            {
                ledgers.TryAdd(record.Entity, new QueueLedger());
                ledgers[record.Entity].Apply(operations, record.Messages.Count);
            }
        }

        return ledgers;
    }

    private static Lineage Copy(Lineage log) => new(log.First, log.Eras, log.Last);

    private void GiveUpInstall()
    {
        if (IsInstalling)
        {
            (IsInstalling, Records, Log, Committed, Floor, Ledgers, _ahead) = (false, [], new Lineage(), 0, 0, [], []);
        }
    }

    private ScriptRecord Make(
        ulong queue,
        int messages,
        int bytes,
        IReadOnlyList<PositionRange>? delivered,
        IReadOnlyList<PositionRange>? settled,
        bool isVirtual,
        Func<QueueRecord, QueueRecord>? also = null)
    {
        _ahead.TryAdd(queue, new QueueLedger());
        var ledger = _ahead[queue];
        var contents = Enumerable.Range(0, messages).Select(i => Pattern(queue, ledger.NextPosition + (ulong)i, Epoch, Log.Last, bytes)).ToList();
        var operations = new QueueRecord
        {
            FirstPosition = ledger.NextPosition,
            MessageBytes = messages * bytes,
            Delivered = delivered ?? [],
            Settled = settled ?? [],
            SettledBytes = (long)(settled ?? []).Sum(r => (decimal)r.Count),
        };
        operations = also?.Invoke(operations) ?? operations;
        ledger.Apply(operations, messages);
        var record = isVirtual ? null : new ReplicatedRecord(
            _client,
            Shard,
            RecordKind.Operations,
            queue,
            ledger.LastIndex,
            Log.Last + 1,
            Epoch,
            Committed,
            operations.FirstPosition,
            QueueRecordCodec.Encode(operations),
            [.. contents.Select((c, i) => new ReplicatedMessage(c, operations.FirstPosition + (ulong)i))]);
        return new ScriptRecord(queue, RecordKind.Operations, ledger.LastIndex, operations, contents, record);
    }

    private static byte[] Pattern(ulong queue, ulong position, long epoch, ulong last, int length)
    {
        var bytes = new byte[length];
        new Random(HashCode.Combine(queue, position, epoch, last)).NextBytes(bytes);
        return bytes;
    }

    private ScriptRecord Write(ScriptRecord record)
    {
        Records = Records.Add(record);
        Log.Append(Epoch, 1);
        Append(record.Log!);
        return record;
    }

    private void Append(LogRecord record)
    {
        var noted = record.Kind == RecordKind.Checkpoint ? record.ShardIndex
            : record is { Kind: RecordKind.Deleted, ShardIndex: 0 } ? Committed
            : record.CommittedDistance == 0 ? 0 : record.ShardIndex - record.CommittedDistance;
        var before = Expected.IsInstalling ? 0 : Expected.Noted;
        _appended.Add((record, IsInstalling
            ? new ScriptState(Epoch, "", 0, 0, true, [])
            : new ScriptState(Epoch, string.Join(' ', Log.Eras), Log.Last, Math.Max(noted, before), false, Records)));
        Store.Log.Append(record);
    }

    private long FirstOpen(Func<ScriptRecord, bool> isOf)
    {
        var first = Records.Skip((int)Committed).FirstOrDefault(r => r.Log is not null && isOf(r));
        return first is null ? long.MaxValue : first.PositionIn(Store.Log);
    }

    private void Open()
    {
        Store = NodeStore.Open(Disk, _options);
        Recovery = new QueueRecovery(Store, isClustered: true);
        Store.Recover(Recovery);
        foreach (var queue in Recovery.Dropped)
        {
            Store.Segments.DeleteAll(queue);
        }
    }

    private sealed class Client : LogClient
    {
        public override void OnCommitted(LogRecord last)
        {
        }

        public override void OnFailed(LogFailure failure) => throw new InvalidOperationException(failure.Reason);
    }
}
