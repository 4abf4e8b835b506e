using Broker.Machines.Ledgers;

namespace Broker.Machines.Queues;

/// <summary>What concerns the disk: records for the log.</summary>
public sealed partial class QueueMachine
{
    private UnloggedChanges? _unlogged;
    private long _settledBytes;

    /// <summary>Bytes of messages that were taken and are not certain yet.</summary>
    public long UncertainBytes => _intake.UncertainBytes;

    /// <summary>What is certain, or about to be; <c>null</c> if the queue is not durable.</summary>
    public QueueLedger? Ledger => _ledger;

    /// <summary>Whether something has happened since the last <see cref="TakeRecord"/> that is to be logged.</summary>
    public bool HasRecord => _ledger is not null
        && (_intake.HasRecord || _unlogged is { IsEmpty: false } || _pauseChange is not null);

    private UnloggedChanges Unlogged => _unlogged ??= new UnloggedChanges();

    /// <summary>What has happened since the last call, to be logged under <see cref="QueueLedger.LastIndex"/>. The ledger has it already.</summary>
    /// <returns><c>null</c> if nothing has that is to be logged.</returns>
    public QueueRecord? TakeRecord()
    {
        if (_ledger is null || !HasRecord)
        {
            return null;
        }

        var changes = Unlogged;
        var (count, bytes) = (_intake.JoinedCount, _intake.JoinedBytes);
        var (messages, producers) = _intake.Take();
        var record = new QueueRecord
        {
            FirstPosition = _lastPosition + 1 - (ulong)count,
            Messages = messages,
            MessageBytes = bytes,
            Producers = producers,
            Delivered = [.. changes.HandedOut],
            Settled = [.. changes.Settled],
            SettledBytes = _settledBytes,
            Priorities = [.. changes.Priorities],
            Held = [.. changes.Holds.Values.OrderBy(h => h.Position)],
            Dead = [.. changes.Died],
            Ids = changes.Ids.Count > 0 ? IdsNow([.. changes.Ids]) : null,
            Keyed = [.. changes.Keyed],
            Paused = _pauseChange,
            LastExpiring = _lastExpiring > _loggedExpiring ? _lastExpiring : 0,
        };
        _ledger.Apply(record, count);
        _intake.HandleLogged(_ledger.LastIndex);
        changes.Clear();
        _pauseChange = null;
        _loggedExpiring = _lastExpiring;
        _settledBytes = 0;
        return record;
    }

    /// <summary>Everything up to the record is certain.</summary>
    public void HandleCertain(ulong index) => _intake.HandleCertain(index);
}
