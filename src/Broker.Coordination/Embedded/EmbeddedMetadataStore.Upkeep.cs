using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Records;

namespace Broker.Coordination.Embedded;

/// <summary>Keeps the log short: writes the whole tree as a checkpoint, and gives up the files before it.</summary>
public sealed partial class EmbeddedMetadataStore
{
    private long _checkpointEnd; // position behind the last one on the disk; 0 for none
    private bool _checkpointUnderWay;
    private bool _upkeepIsDue;
    private bool _upkeepRuns;
    private Task _upkeep = Task.CompletedTask;

    /// <summary>Does what is due. In a simulation the test calls this, and the log's own <see cref="WriteAheadLog.CommitGroup"/> and <see cref="WriteAheadLog.CommitMark"/>.</summary>
    /// <returns>Whether there was anything.</returns>
    internal bool KeepUp()
    {
        var any = false;
        while (TakeUpkeep())
        {
            any = true;
            try
            {
                PrepareSpare();
                AppendCheckpointIfDue();
                _log.Retire(long.MaxValue); // what is needed stays
            }
            catch (DiskException e)
            {
                _log.Fail($"the metadata's log cannot be kept short: {e.Message}");
            }
        }

        return any;
    }

    private void RequestUpkeep()
    {
        lock (_gate)
        {
            _upkeepIsDue = true;
            if (_thread is not null && !_upkeepRuns && !_isClosed)
            {
                _upkeepRuns = true;
                _upkeep = Task.Run(KeepUpOrFail);
            }
        }
    }

    private void KeepUpOrFail()
    {
        try
        {
            KeepUp();
        }
        catch (Exception e)
        {
            // Nobody looks at this task, and a log that only grows must not go unnoticed.
            _log.Fail($"the metadata's log cannot be kept short: {e.Message}");
            throw;
        }
    }

    private bool TakeUpkeep()
    {
        lock (_gate)
        {
            _upkeepRuns = _upkeepIsDue && _failure is null;
            _upkeepIsDue = false;
            return _upkeepRuns;
        }
    }

    // So that the next file costs no commit the time that it takes to fill it with zeros.
    private void PrepareSpare()
    {
        try
        {
            if (_options.Log.SpareFiles > 0 && _log.State == LogState.Running)
            {
                _log.PrepareSpare();
            }
        }
        catch (DiskException e) when (e.Error == DiskError.Full)
        {
            // The log says so itself when it needs one.
        }
    }

    private void AppendCheckpointIfDue()
    {
        lock (_gate)
        {
            var goal = _log.RetirementGoal();
            var isDue = goal > _log.StartPosition && _log.EntitiesNeeding(goal).Count > 0 && IsWorthIt();
            if (isDue && !_checkpointUnderWay && _failure is null)
            {
                _checkpointUnderWay = true;
                AppendCheckpoint();
            }
        }
    }

    // Values that are more than the log's bound are written again only after as much of changes, and not with every file. The changes take so many files; more come of many starts.
    private bool IsWorthIt()
    {
        var changes = _log.SyncedPosition - Math.Max(_checkpointEnd, _log.StartPosition);
        return changes > _pending.Bytes || _log.FileCount > _options.Log.MaxFiles + (_pending.Bytes / _options.Log.FileBytes);
    }

    private Record AppendCheckpoint()
    {
        var record = NewRecord(RecordKind.Checkpoint, MetadataEncoding.EncodeCheckpoint(_pending));
        Append(new PendingCommit { Tree = _pending, Record = record });
        return record;
    }

    /// <summary>Before anybody uses the store: leaves the damage behind.</summary>
    /// <exception cref="DiskException">What could be read cannot be written.</exception>
    private void WriteAnew()
    {
        var checkpoint = AppendCheckpoint();
        _log.CommitGroup();
        if (_log.State != LogState.Running)
        {
            throw new DiskException(_log.State == LogState.Full ? DiskError.Full : DiskError.Io, $"what is left of the metadata cannot be written: {_log.Reason}");
        }

        _log.Retire(checkpoint.Position);
    }
}
