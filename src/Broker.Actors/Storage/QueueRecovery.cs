using Broker.Machines.Ledgers;
using Broker.Storage;
using Broker.Storage.Disks;
using Broker.Storage.Records;
using Broker.Storage.Recovery;
using Broker.Storage.Segments;

namespace Broker.Actors.Storage;

/// <summary>Makes the ledgers of all queues out of the log, and keeps account of what was found damaged.</summary>
/// <param name="store">The store.</param>
/// <param name="isClustered">Whether the node is one of a cluster: then its peers have what is missing here, and definitions are not its own to delete.</param>
internal sealed class QueueRecovery(NodeStore store, bool isClustered = false) : ILogRecoveryHandler
{
    private readonly Dictionary<ulong, LedgerReplay> _replays = []; // of queues whose shards are not replicated
    private readonly SortedDictionary<int, ShardReplay> _shardReplays = [];
    private readonly Dictionary<int, RecoveredShard> _shards = [];
    private readonly Dictionary<ulong, QueueLedger> _ledgers = [];
    private readonly List<StoreDamage> _damages = [];
    private readonly HashSet<StoreDamage> _notSetAside = [];
    private readonly List<LostRecords> _lost = [];
    private readonly List<TornTail> _tornTails = [];
    private readonly List<(ulong, IReadOnlyList<PositionRange>)> _unplaced = [];
    private readonly List<RebuiltQueue> _rebuilt = [];

    /// <summary>The ledgers of all queues that have one and whose shards are not replicated, by the queue's number. Each is taken by its queue.</summary>
    public Dictionary<ulong, QueueLedger> Ledgers => _ledgers;

    /// <summary>What there is of each replicated shard, by its number. Its replica takes it.</summary>
    public IReadOnlyDictionary<int, RecoveredShard> Shards => _shards;

    /// <summary>Whether the log has records of replicated shards.</summary>
    public bool HasReplicated => _shardReplays.Count > 0 || _shards.Count > 0;

    /// <summary>Whether the log has records of queues whose shards are not replicated.</summary>
    public bool HasLocal { get; private set; }

    /// <summary>Queues that were being deleted: their records are to be forgotten, and their definitions to go. Always empty in a cluster.</summary>
    public HashSet<ulong> Deleted { get; } = [];

    /// <summary>Queues of replicated shards of which the node is to have nothing any more: their segments are to go.</summary>
    public HashSet<ulong> Dropped { get; } = [];

    public IReadOnlyList<StoreDamage> Damages => _damages;

    /// <summary>Those of them for which the quarantine had no room.</summary>
    public IReadOnlySet<StoreDamage> NotSetAside => _notSetAside;

    public IReadOnlyList<LostRecords> Lost => _lost;

    public IReadOnlyList<TornTail> TornTails => _tornTails;

    /// <summary>Messages that queues had by their records, and that lie nowhere. Their queues take them out when it is their turn.</summary>
    public IReadOnlyList<(ulong Queue, IReadOnlyList<PositionRange> Positions)> Unplaced => _unplaced;

    /// <summary>Queues of which the log has lost the beginning.</summary>
    public IReadOnlyList<RebuiltQueue> Rebuilt => _rebuilt;

    public void OnRecord(StoredRecord record)
    {
        try
        {
            Apply(record);
        }
        catch (LedgerFormatException e)
        {
            throw new StoreException(StoreProblem.NewerFormat, $"the log has a record at {record.Header.Position} that this version of the broker cannot read: {e.Message}. Start the newer version");
        }
    }

    public void OnDamage(StoreDamage damage)
    {
        _damages.Add(damage);
        SetAside(damage);
        if (damage.Entity is { } entity && entity != 0)
        {
            if (ShardOf(entity) is { } shard)
            {
                shard.OnDamage(damage);
            }
            else if (!isClustered)
            {
                ReplayOf(entity).OnLost(lastIndex: 0, damage.FirstPosition + (ulong)damage.MessageCount);
            }
        }
    }

    public void OnLost(LostRecords lost)
    {
        _lost.Add(lost);
        if (ShardOf(lost.Entity) is { } shard)
        {
            shard.OnLost(lost);
        }
        else if (!isClustered)
        {
            ReplayOf(lost.Entity).OnLost(lost.LastIndex, lost.EndPosition);
        }
    }

    public void OnTornTail(TornTail tail) => _tornTails.Add(tail);

    public IEnumerable<(ulong Entity, long NeededFrom)> Complete()
    {
        var needed = new List<(ulong, long)>();
        var stored = store.Segments.Queues().ToHashSet();
        CompleteShards(needed);
        foreach (var queue in stored)
        {
            if (!HasReplicated)
            {
                ReplayOf(queue); // the log keeps something of every queue that has segments: if there is nothing, it is lost
            }
            else if (!_shards.Values.Any(s => s.Ledgers.ContainsKey(queue)))
            {
                Dropped.Add(queue); // of a snapshot that was not installed to its end, or of a queue that is gone
            }
        }

        foreach (var (entity, replay) in _replays)
        {
            if (replay.IsDeleted)
            {
                Deleted.Add(entity);
                continue;
            }

            var ledger = replay.Complete(() => Rebuild(entity, replay.UnknownBefore));
            _ledgers.Add(entity, ledger);
            if (stored.Contains(entity) && IsWhole(entity))
            {
                ledger.DropUnlisted(store.Segments.Segments(entity)); // a crash came before their deletion, or before the checkpoint that would have listed them
            }

            if ((_damages.Count > 0 || _lost.Count > 0) && ledger.Unplaced() is { Count: > 0 } unplaced)
            {
                _unplaced.Add((entity, unplaced));
            }

            needed.Add((entity, replay.NeededFrom));
        }

        _replays.Clear();
        return needed;
    }

    /// <summary>A full disk is no reason not to start: only a node that runs lets consumers make room.</summary>
    private void SetAside(StoreDamage damage)
    {
        try
        {
            store.Quarantine.Add(damage);
        }
        catch (DiskException e) when (e.Error == DiskError.Full)
        {
            _notSetAside.Add(damage);
        }
    }

    private void Apply(StoredRecord record)
    {
        var header = record.Header;
        if (ShardReplay.IsOfReplicated(header))
        {
            ReplayOfShard(header.Shard).OnRecord(record);
            return;
        }

        HasLocal |= header.Kind is RecordKind.Operations or RecordKind.Checkpoint;
        switch (header.Kind)
        {
            case RecordKind.Operations:
                var operations = QueueRecordCodec.Decode(record.Operations.Span, header.FirstPosition, header.BodyBytes);
                ReplayOf(header.Entity).OnOperations(header.Index, operations, header.MessageCount, header.Position, (int)header.Length);
                break;
            case RecordKind.Checkpoint:
                ReplayOf(header.Entity).OnCheckpoint(header.Index, record.Operations.Span, header.Position);
                break;
            case RecordKind.Deleted when _shardReplays.TryGetValue(header.Shard, out var shard):
                shard.OnRecord(record);
                break;
            case RecordKind.Deleted when isClustered:
                Dropped.Add(header.Entity); // what the log had of it is given up already
                break;
            case RecordKind.Deleted:
                ReplayOf(header.Entity).OnDeleted();
                break;
            default:
                throw new StoreException(StoreProblem.NewerFormat, $"the log has a record of kind {(int)header.Kind}, which this version of the broker does not know. Start the newer version");
        }
    }

    private void CompleteShards(List<(ulong, long)> needed)
    {
        foreach (var (number, replay) in _shardReplays)
        {
            needed.AddRange(replay.Needed());
            var shard = replay.Complete(store.Segments);
            _shards.Add(number, shard);
            Dropped.UnionWith(shard.Dropped);
        }

        foreach (var shard in _shards.Values)
        {
            Dropped.ExceptWith(shard.Ledgers.Keys);
        }

        _shardReplays.Clear();
    }

    /// <summary>The shard that an entity is, or that has records of it; <c>null</c> if it is a queue of none that is replicated.</summary>
    private ShardReplay? ShardOf(ulong entity)
    {
        if (ShardEntity.Is(entity))
        {
            return ReplayOfShard(ShardEntity.ShardOf(entity));
        }

        return _shardReplays.Values.FirstOrDefault(s => s.Knows(entity));
    }

    private ShardReplay ReplayOfShard(int shard)
    {
        if (!_shardReplays.TryGetValue(shard, out var replay))
        {
            replay = new ShardReplay(shard);
            _shardReplays.Add(shard, replay);
        }

        return replay;
    }

    /// <summary>What is left of a queue whose beginning was lost: all messages in its segments, settled or not.</summary>
    private QueueLedger Rebuild(ulong queue, ulong unknownBefore)
    {
        var found = new List<(BlockLocation Block, List<ulong> Positions)>();
        foreach (var segment in store.Segments.Segments(queue))
        {
            foreach (var block in store.Segments.Blocks(queue, segment, long.MaxValue))
            {
                if (store.Segments.Read(queue, block) is { IsControlIntact: true } record)
                {
                    found.Add((block, [.. record.Messages().Select(m => m.Position)]));
                }
            }
        }

        var ledger = LedgerRebuild.From(found.Select(f => new RebuiltBlock(f.Block.Segment, f.Block.End, f.Positions, f.Block.MessageBytes)));
        _rebuilt.Add(new RebuiltQueue(queue, ledger.Live.Count, Math.Max(unknownBefore, ledger.NextPosition)));
        return ledger;
    }

    /// <summary>Whether nothing of a queue's was ever found damaged: then a segment that its ledger does not name is of no use.</summary>
    private bool IsWhole(ulong queue) => _damages.Count == 0 && _lost.Count == 0 && _rebuilt.TrueForAll(r => r.Queue != queue)
        && !store.Quarantine.List().Any(q => q.Damage.Entity is null || q.Damage.Entity == queue);

    private LedgerReplay ReplayOf(ulong queue)
    {
        if (!_replays.TryGetValue(queue, out var replay))
        {
            replay = new LedgerReplay();
            _replays.Add(queue, replay);
        }

        return replay;
    }
}

/// <summary>A queue whose messages were looked for in its segments, because the log does not have its beginning.</summary>
/// <param name="Queue">Its number.</param>
/// <param name="Found">How many were found.</param>
/// <param name="KnownFrom">Of those before this position, whatever was not found is lost, if it had not been settled.</param>
internal sealed record RebuiltQueue(ulong Queue, ulong Found, ulong KnownFrom);
