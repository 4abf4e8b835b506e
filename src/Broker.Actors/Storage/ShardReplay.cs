using Broker.Machines.Ledgers;
using Broker.Machines.Replication;
using Broker.Storage.Records;
using Broker.Storage.Recovery;
using Broker.Storage.Segments;

namespace Broker.Actors.Storage;

/// <summary>
/// Makes of the records of one shard, in the order in which they are in the log, what was committed of its queues. What is not known to be committed is held back: it may be cut off later in the log.
/// </summary>
internal sealed class ShardReplay(int shard)
{
    private readonly ulong _self = ShardEntity.Of(shard);
    private readonly Dictionary<ulong, LedgerReplay> _replays = [];
    private readonly Dictionary<ulong, ulong> _deletedAt = []; // queues whose end is committed, by the shard index of it
    private readonly HashSet<ulong> _dropped = [];
    private readonly LinkedList<HeldRecord> _held = new();
    private readonly List<LocatedRecord> _located = []; // without gaps, up to the last
    private Lineage? _log; // as of the last state, and what came after it
    private ulong? _last; // unknown before the first record or state
    private ulong _committed;
    private long _epoch;
    private (uint Run, ulong Last, long Epoch)? _installing; // what the snapshot stands for, and in which run of the node it began
    private long _statePosition = -1;
    private string? _problem;

    /// <summary>Whether a record is one of the shard's part of the log.</summary>
    public static bool IsOf(in RecordHeader header, int shard) => header.Shard == shard && (IsOfReplicated(header) || header.Kind == RecordKind.Deleted);

    /// <summary>Whether a record is of a replicated shard. Of one that says that a queue is deleted on this node alone, that cannot be told.</summary>
    public static bool IsOfReplicated(in RecordHeader header) => header.Kind switch
    {
        RecordKind.Operations => header.ShardIndex > 0,
        RecordKind.Deleted => header.ShardIndex > 0,
        RecordKind.Checkpoint => header.ShardIndex > 0 || ShardEntity.Is(header.Entity),
        _ => false,
    };

    /// <summary>Whether the shard has records of a queue.</summary>
    public bool Knows(ulong queue) => _replays.ContainsKey(queue);

    /// <summary>The next record of the shard.</summary>
    /// <exception cref="LedgerFormatException">This version cannot read it.</exception>
    public void OnRecord(StoredRecord record)
    {
        var header = record.Header;
        if (_problem is not null)
        {
            return; // what follows cannot make it good
        }

        if (header.IsReplicated)
        {
            OnReplicated(record);
        }
        else if (header.Entity == _self)
        {
            _statePosition = header.Position;
            OnState(ShardStateCodec.Decode(record.Operations.Span), header.Run);
        }
        else if (header.Kind == RecordKind.Checkpoint)
        {
            OnCheckpoint(record);
        }
        else
        {
            Drop(header.Entity);
        }
    }

    /// <summary>A piece of the log that may have held records of the shard is damaged.</summary>
    public void OnDamage(StoreDamage damage) => Fail($"'{damage.File}' is damaged at {damage.Offset}: {damage.Reason}");

    /// <summary>Records of the shard are missing.</summary>
    public void OnLost(LostRecords lost) => Fail($"records {lost.FirstIndex} to {lost.LastIndex} are missing");

    /// <summary>From where on the shard and its queues need the log.</summary>
    public IEnumerable<(ulong Entity, long NeededFrom)> Needed()
    {
        yield return (_self, _held.First is { } first && (_statePosition < 0 || first.Value.Position < _statePosition) ? first.Value.Position : Math.Max(0, _statePosition));
        var held = new Dictionary<ulong, long>();
        foreach (var record in _held)
        {
            held.TryAdd(record.Entity, record.Position);
        }

        if (_installing is null)
        {
            foreach (var (queue, replay) in _replays)
            {
                yield return (queue, Math.Min(replay.NeededFrom, held.GetValueOrDefault(queue, long.MaxValue)));
                held.Remove(queue);
            }
        }

        held.Remove(_self);
        foreach (var (queue, position) in held)
        {
            yield return (queue, position); // all that there is of it may be cut off
        }
    }

    /// <summary>All records were seen.</summary>
    public RecoveredShard Complete(SegmentStore segments)
    {
        if (_installing is not null)
        {
            DropAll();
        }

        if (_log is null)
        {
            Fail("the log does not have its state");
        }

        foreach (var (queue, _) in _replays.Where(r => r.Value.HasLostBase).ToList())
        {
            // Its end may have been committed, and acted upon, before the log could say so.
            if (_held.Any(h => h.Kind == RecordKind.Deleted && h.Entity == queue))
            {
                _replays.Remove(queue);
            }
            else
            {
                Fail($"the beginning of queue number {queue} is missing");
            }
        }

        var ledgers = _problem is null ? _replays.ToDictionary(r => r.Key, r => LedgerOf(r.Key, r.Value, segments)) : [];
        _dropped.ExceptWith(ledgers.Keys);
        var log = _problem is null ? _log! : new Lineage();
        log.ForgetBefore(_problem is null && _located.Count > 0 ? _located[0].ShardIndex : log.Last + 1);
        return new RecoveredShard
        {
            Shard = shard,
            Epoch = _epoch,
            Log = log,
            Committed = _problem is null ? _committed : 0,
            IsInstalling = _installing is not null,
            Ledgers = ledgers,
            Held = _problem is null ? [.. _held] : [],
            Located = _problem is null ? [.. _located.SkipWhile(l => l.ShardIndex < log.First)] : [],
            Dropped = _dropped,
            Problem = _problem,
        };
    }

    private static QueueLedger LedgerOf(ulong queue, LedgerReplay replay, SegmentStore segments)
    {
        var ledger = replay.Complete(static () => throw new InvalidOperationException("its beginning is there"));
        ledger.DropUnlisted(segments.Segments(queue)); // a crash came before their deletion, or before the checkpoint that would have listed them
        return ledger;
    }

    private void OnReplicated(StoredRecord record)
    {
        var header = record.Header;
        var (index, length) = (header.ShardIndex, (int)header.Length);
        if (_installing is not null && index == 1)
        {
            DropAll(); // nothing came of the snapshot, and the log begins anew
            _installing = null;
        }

        if (_installing is not null)
        {
            Fail($"there is record {index} while a snapshot is being installed");
            return;
        }

        if (_last is { } last && index != last + 1)
        {
            Fail(index > last ? $"records {last + 1} to {index - 1} are missing" : $"record {index} comes behind record {last}, and nothing was cut off");
            return;
        }

        if (_log is not null && (header.Epoch < _log.LastEpoch || header.Epoch > _epoch))
        {
            Fail($"record {index} is of epoch {header.Epoch}, between {_log.LastEpoch} and {_epoch} is expected");
            return;
        }

        QueueRecord? operations = null;
        if (header.Kind == RecordKind.Operations && header.Entity != _self)
        {
            operations = QueueRecordCodec.Decode(record.Operations.Span, header.FirstPosition, header.BodyBytes);
        }

        _last = index;
        _log?.Append(header.Epoch, 1);
        _located.Add(new LocatedRecord(index, header.Epoch, header.Position, length));
        _held.AddLast(new HeldRecord(index, header.Epoch, header.Kind, header.Entity, header.Index, operations, header.MessageCount, header.Position, length));
        NoteCommitted(header.CommittedIndex);
    }

    private void OnState(ShardState state, uint run)
    {
        if (state.Epoch < _epoch)
        {
            Fail($"its epoch goes back from {_epoch} to {state.Epoch}");
            return;
        }

        _epoch = state.Epoch;
        var target = (run, state.Log.Last, state.Log.LastEpoch);
        if (state.IsInstalling)
        {
            if (_installing != target)
            {
                DropAll(); // also what an attempt before has left
                _installing = target;
            }
        }
        else if (_installing is { } installing)
        {
            _installing = null;
            if (installing == target)
            {
                Take(state);
            }
            else if (state.Log.Last == 0)
            {
                DropAll(); // nothing came of the snapshot
            }
            else
            {
                Fail($"it is to have records up to {state.Log.Last}, and a snapshot of those up to {installing.Last} was being installed");
            }
        }
        else if (_last is { } last && state.Log.Last > last)
        {
            Fail($"records {last + 1} to {state.Log.Last} are missing");
        }
        else
        {
            CutBehind(state.Log.Last);
            Take(state);
        }
    }

    private void Take(ShardState state)
    {
        _last = state.Log.Last;
        _log = new Lineage(state.Log.First, state.Log.Eras, state.Log.Last);
        NoteCommitted(state.Committed);
        if (_committed > _last)
        {
            Fail($"records up to {_committed} were committed, and those from {_last + 1} on were cut off");
        }
    }

    private void CutBehind(ulong last)
    {
        while (_held.Last is { } end && end.Value.ShardIndex > last)
        {
            _held.RemoveLast();
        }

        while (_located.Count > 0 && _located[^1].ShardIndex > last)
        {
            _located.RemoveAt(_located.Count - 1);
        }
    }

    private void DropAll()
    {
        _dropped.UnionWith(_replays.Keys);
        _replays.Clear();
        _deletedAt.Clear();
        _held.Clear();
        _located.Clear();
        _committed = 0;
        _last = 0;
        _log = new Lineage();
    }

    private void OnCheckpoint(StoredRecord record)
    {
        var header = record.Header;
        if (_installing is not null)
        {
            ReplayOf(header.Entity).OnCheckpoint(header.Index, record.Operations.Span, header.Position);
            return;
        }

        if (_last is { } last && header.ShardIndex > last)
        {
            Fail($"queue number {header.Entity} has a checkpoint of record {header.ShardIndex}, and the last one is {last}");
            return;
        }

        NoteCommitted(header.ShardIndex);
        if (_deletedAt.GetValueOrDefault(header.Entity) <= header.ShardIndex)
        {
            ReplayOf(header.Entity).OnCheckpoint(header.Index, record.Operations.Span, header.Position);
        }
    }

    /// <summary>The node has let go of a queue, as its end is committed: what is held back of it is not to bring it back.</summary>
    private void Drop(ulong queue)
    {
        var end = _held.LastOrDefault(h => h.Kind == RecordKind.Deleted && h.Entity == queue);
        NoteCommitted(end?.ShardIndex ?? 0); // a state with an earlier one last would lack the queue, and what follows would not go with it
        _replays.Remove(queue);
        _dropped.Add(queue);
        for (var node = _held.First; node is not null; node = node.Next)
        {
            if (node.Value.Entity == queue)
            {
                node.Value = node.Value with { Operations = null };
            }
        }
    }

    private void NoteCommitted(ulong committed)
    {
        if (committed <= _committed)
        {
            return;
        }

        _committed = committed;
        while (_problem is null && _held.First is { } first && first.Value.ShardIndex <= committed)
        {
            _held.RemoveFirst();
            Apply(first.Value);
        }
    }

    private void Apply(HeldRecord record)
    {
        if (record.Kind == RecordKind.Deleted)
        {
            _replays.Remove(record.Entity);
            _deletedAt[record.Entity] = record.ShardIndex;
            _dropped.Add(record.Entity);
        }
        else if (record.Operations is { } operations)
        {
            var replay = ReplayOf(record.Entity);
            if (replay.LastIndex is { } last && record.Index > last + 1)
            {
                // A later checkpoint has let the records between go, and not yet the one that was seen. If none comes, the beginning is missing.
                replay = new LedgerReplay();
                _replays[record.Entity] = replay;
            }

            replay.OnOperations(record.Index, operations, record.MessageCount, record.Position, record.Length);
        }
    }

    private LedgerReplay ReplayOf(ulong queue)
    {
        if (!_replays.TryGetValue(queue, out var replay))
        {
            replay = new LedgerReplay();
            _replays.Add(queue, replay);
        }

        return replay;
    }

    private void Fail(string problem) => _problem ??= problem;
}
