namespace Broker.Machines.Ledgers;

/// <summary>
/// Makes the ledger of one queue from its records, as they are found in the log after a start. The log may begin with records that a later checkpoint contains.
/// </summary>
public sealed class LedgerReplay
{
    private readonly List<EarlyRecord> _early = []; // before the first checkpoint, or the queue's first record, was seen
    private QueueLedger? _ledger;
    private bool _recordsLost;
    private ulong _lostIndex;
    private ulong _lostPosition;

    private readonly record struct EarlyRecord(ulong Index, QueueRecord Record, int MessageCount, long LogPosition, int LogLength);

    /// <summary>Whether the queue was deleted.</summary>
    public bool IsDeleted { get; private set; }

    /// <summary>Whether the queue's beginning was lost: neither its first record nor a checkpoint is there.</summary>
    public bool HasLostBase => !IsDeleted && _ledger is null;

    /// <summary>Number of the last record that was taken in; <c>null</c> while the queue's beginning, or a checkpoint, was not seen.</summary>
    public ulong? LastIndex => _ledger?.LastIndex;

    /// <summary>From where on the log is needed: its oldest record that is not covered by a checkpoint, or still holds messages.</summary>
    public long NeededFrom { get; private set; } = long.MaxValue;

    /// <summary>If the queue's beginning was lost: the position before which nothing is known but what its segments hold; 0 if that is not known either.</summary>
    public ulong UnknownBefore => _early.Count > 0 ? _early[0].Record.FirstPosition : _lostPosition;

    /// <summary>A record of operations.</summary>
    /// <param name="index">Its number.</param>
    /// <param name="record">What it says.</param>
    /// <param name="messageCount">Messages that it brings in.</param>
    /// <param name="logPosition">Where it is in the log.</param>
    /// <param name="logLength">Its length there, in bytes.</param>
    public void OnOperations(ulong index, QueueRecord record, int messageCount, long logPosition, int logLength)
    {
        ArgumentNullException.ThrowIfNull(record);
        if (_ledger is null && index == 1)
        {
            _ledger = new QueueLedger();
            NeededFrom = logPosition;
        }

        var found = new EarlyRecord(index, record, messageCount, logPosition, logLength);
        if (_ledger is null)
        {
            _early.Add(found);
        }
        else
        {
            Apply(_ledger, found);
        }
    }

    /// <summary>A checkpoint: all that came before is in it, but for where messages lie in the log, and for records with higher numbers.</summary>
    /// <param name="index">Number of the last record that it contains.</param>
    /// <param name="checkpoint">What <see cref="QueueLedger.Checkpoint"/> gave.</param>
    /// <param name="logPosition">Where it is in the log.</param>
    public void OnCheckpoint(ulong index, ReadOnlySpan<byte> checkpoint, long logPosition)
    {
        var restored = QueueLedger.Restore(checkpoint, index);
        if (_ledger is not null && _ledger.LastIndex > index)
        {
            _ledger.Relocate(restored); // its records are known, and later ones: what it has to say is where messages lie
            return;
        }

        var lastInSegment = restored.Index.Segments.Count > 0 ? restored.Index.Segments[^1].Last : 0;
        NeededFrom = logPosition;
        var runs = _ledger is null
            ? _early.Where(e => e.MessageCount > 0).Select(e => new LogRun(e.Index, e.Record.FirstPosition, e.Record.FirstPosition + (ulong)e.MessageCount - 1, e.LogPosition, e.LogLength))
            : _ledger.Index.Runs.ToArray();
        foreach (var run in runs)
        {
            if (run.First > lastInSegment && restored.Live.HasAny(run.First, run.Last))
            {
                restored.Index.AddRun(run);
                NeededFrom = Math.Min(NeededFrom, run.LogPosition);
            }
        }

        _ledger = restored;
        _recordsLost = false; // what they said is in it
        foreach (var record in _early)
        {
            Apply(restored, record);
        }

        _early.Clear();
    }

    /// <summary>The queue is gone.</summary>
    public void OnDeleted()
    {
        IsDeleted = true;
        _ledger = null;
        _early.Clear();
    }

    /// <summary>Records are missing that must have been there.</summary>
    /// <param name="lastIndex">Number of the last one that is known to be missing; 0 if it is not known.</param>
    /// <param name="nextPosition">Position behind the last message that they may have brought in; 0 if that is not known.</param>
    public void OnLost(ulong lastIndex, ulong nextPosition)
    {
        _recordsLost = true;
        _lostIndex = Math.Max(_lostIndex, lastIndex);
        _lostPosition = Math.Max(_lostPosition, nextPosition);
    }

    /// <summary>All records were seen.</summary>
    /// <param name="recover">Makes what there is of a ledger out of the queue's segments, if its beginning was lost.</param>
    public QueueLedger Complete(Func<QueueLedger> recover)
    {
        ArgumentNullException.ThrowIfNull(recover);
        Invariant.That(!IsDeleted, "a deleted queue has no ledger");
        if (_ledger is null)
        {
            _ledger = recover();
            _ledger.Skip(lastIndex: 1, nextPosition: 0); // a first record that comes now would make the next start take it for the queue's beginning
            _recordsLost = true;
            foreach (var record in _early)
            {
                Apply(_ledger, record);
            }

            _early.Clear();
        }

        if (_recordsLost)
        {
            _ledger.Skip(_lostIndex, _lostPosition); // neither number is given out twice
            _ledger.AssumeDelivered();
        }

        return _ledger;
    }

    private void Apply(QueueLedger ledger, in EarlyRecord found)
    {
        if (found.Index <= ledger.LastIndex)
        {
            return; // a checkpoint that was made of it has come already
        }

        NeededFrom = Math.Min(NeededFrom, found.LogPosition);

        if (found.MessageCount > 0 && found.Record.FirstPosition < ledger.NextPosition)
        {
            // Out of segments, the queue is known to be further already; but the record's last messages may have left before they were copied.
            ledger.Skip(found.Index - 1, found.Record.FirstPosition + (ulong)found.MessageCount);
            ledger.Apply(found.Record, messageCount: 0);
        }
        else
        {
            ledger.Skip(found.Index - 1, nextPosition: 0);
            ledger.Apply(found.Record, found.MessageCount);
            ledger.Index.Locate(found.Index, found.LogPosition, found.LogLength);
        }
    }
}
