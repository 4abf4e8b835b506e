using System.Diagnostics.CodeAnalysis;
using Broker.Machines.Ledgers;
using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Machines.Logs;

/// <summary>
/// Every decision of a log: messages stay when they are read, and any number of readers go through them, each at its own pace. They leave at the old end, by size or age. Pure, and used as a
/// <see cref="QueueMachine"/> is: the same calls, effects and records.
/// </summary>
/// <remarks>
/// Invariants: a reader gets the messages that it wants in order of position, each once; what a retention has taken before a reader came to it is passed over. A message's offset is its position less
/// one, as offsets begin with 0.
/// </remarks>
public sealed partial class LogMachine : IQueueMachine
{
    private readonly QueueLimits _limits;
    private readonly QueueLedger? _ledger; // null: the log ends with the process
    private readonly Intake _intake;
    private readonly LogTail _tail = new(); // the newest messages, those in memory
    private readonly LogBlocks _blocks = new();
    private readonly Dictionary<ConsumerId, LogReader> _readers = [];
    private readonly Queue<LogReader> _toServe = new();
    private readonly List<LogReader> _withOutbox = [];
    private readonly Queue<QueueEffect> _effects = new();
    private readonly List<PositionRange> _settled = []; // since the last record
    private QueueSettings _settings;
    private long _settledBytes;
    private ulong _last;
    private ulong _first;
    private long _now;
    private long _enqueued;
    private long _delivered;
    private long _acknowledged;
    private bool? _pauseChange;
    private bool _isMemoryShort;
    private bool _deleted;

    /// <param name="limits">Bounds of the log's memory.</param>
    /// <param name="ledger">What is certain about a durable log; the machine takes it over and keeps it. <c>null</c> for one that ends with the process.</param>
    /// <param name="settings">How it behaves.</param>
    /// <param name="now">The time, as <see cref="HandleTime"/> takes it.</param>
    public LogMachine(QueueLimits limits, QueueLedger? ledger = null, QueueSettings? settings = null, long now = 0)
    {
        ArgumentNullException.ThrowIfNull(limits);
        _limits = limits;
        _ledger = ledger;
        _settings = settings ?? QueueSettings.Plain;
        _now = now;
        _intake = new Intake(ledger);
        _last = ledger is null ? 0 : ledger.NextPosition - 1;
        _first = ledger is { Live.Count: > 0 } ? ledger.Live.First : _last + 1;
        IsPaused = ledger?.IsPaused ?? false;
        RecoverMarks();
    }

    /// <inheritdoc/>
    /// <remarks>All messages of the log.</remarks>
    public long ReadyCount => _deleted ? 0 : (long)(_last + 1 - _first);

    /// <inheritdoc/>
    public int DelayedCount => 0;

    /// <inheritdoc/>
    public int DeadCount => 0;

    /// <inheritdoc/>
    public ConsumerId? ActiveConsumer => null;

    /// <inheritdoc/>
    public int UnsettledCount => _readers.Values.Sum(r => r.Unsettled.Count);

    /// <inheritdoc/>
    public long SizeBytes => _ledger is null ? _tail.SizeBytes : Math.Max(0, _ledger.LiveBytes + _intake.JoinedBytes - _settledBytes);

    /// <inheritdoc/>
    public long LoadedBytes => _tail.SizeBytes + _blocks.SizeBytes;

    /// <inheritdoc/>
    public int ConsumerCount { get; private set; }

    /// <inheritdoc/>
    public int ParkedCount => _intake.ParkedCount;

    /// <inheritdoc/>
    public QueueCounters Counters => new() { Enqueued = _enqueued, Delivered = _delivered, Acknowledged = _acknowledged };

    /// <inheritdoc/>
    public bool IsPaused { get; private set; }

    /// <inheritdoc/>
    public QueueLedger? Ledger => _ledger;

    /// <summary>The offset of the oldest message; that of the next one if there is none.</summary>
    public ulong FirstOffset => _first - 1;

    /// <summary>The offset that the next message gets.</summary>
    public ulong NextOffset => _last;

    /// <inheritdoc/>
    public IEnumerable<ConsumerId> Consumers => _readers.Values.Where(r => r.Subscribed).Select(r => r.Id).OrderBy(c => c.Value);

    private long LoadedBudget => _isMemoryShort ? _limits.MinLoadedBytes : _limits.MaxLoadedBytes;

    /// <inheritdoc/>
    public void HandleTime(long now, long uptime) => _now = now;

    /// <inheritdoc/>
    public void HandleSettings(QueueSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _settings = settings;
    }

    /// <inheritdoc/>
    public void HandlePause(bool pause)
    {
        if (pause == IsPaused)
        {
            return;
        }

        IsPaused = pause;
        _pauseChange = _ledger is null ? null : pause;
        if (!pause)
        {
            ServeAll(_readers.Values);
        }
    }

    /// <inheritdoc/>
    public void HandleMemoryShort(bool isShort) => _isMemoryShort = isShort;

    /// <inheritdoc/>
    /// <remarks>All messages leave; readers go on with what comes.</remarks>
    public long HandlePurge()
    {
        var count = ReadyCount;
        if (count > 0)
        {
            DropUpTo(_last, SizeBytes);
            _marks.Clear();
        }

        return count;
    }

    /// <inheritdoc/>
    public FrameFault? HandleDelete(bool ifUnused, bool ifEmpty)
    {
        if (ifUnused && ConsumerCount > 0)
        {
            return new FrameFault(ErrorCode.PreconditionFailed, $"the log has {ConsumerCount} reader(s)");
        }

        if (ifEmpty && ReadyCount > 0)
        {
            return new FrameFault(ErrorCode.PreconditionFailed, $"the log has {ReadyCount} message(s)");
        }

        _deleted = true;
        _tail.Clear();
        _blocks.Clear();
        foreach (var reader in Consumers.ToList())
        {
            _effects.Enqueue(new QueueEffect.ConsumerClosed(reader));
        }

        _readers.Clear();
        _toServe.Clear();
        _atEnd.Clear();
        _forLoad.Clear();
        ConsumerCount = 0;
        while (_intake.TryUnpark(out var batch))
        {
            _effects.Enqueue(new QueueEffect.Dropped(batch.Publisher, batch.BatchId));
        }

        return null;
    }

    /// <inheritdoc/>
    public bool TryTakeEffect([MaybeNullWhen(false)] out QueueEffect effect) => _effects.TryDequeue(out effect);

    /// <inheritdoc/>
    public bool HasRecord => _ledger is not null && (_intake.HasRecord || _settled.Count > 0 || _pauseChange is not null);

    /// <inheritdoc/>
    public QueueRecord? TakeRecord()
    {
        if (_ledger is null || !HasRecord)
        {
            return null;
        }

        var (count, bytes) = (_intake.JoinedCount, _intake.JoinedBytes);
        var (messages, producers) = _intake.Take();
        var record = new QueueRecord
        {
            FirstPosition = _last + 1 - (ulong)count,
            Messages = messages,
            MessageBytes = bytes,
            Producers = producers,
            Settled = [.. _settled],
            SettledBytes = _settledBytes,
            Paused = _pauseChange,
        };
        _ledger.Apply(record, count);
        _intake.HandleLogged(_ledger.LastIndex);
        _settled.Clear();
        _settledBytes = 0;
        _pauseChange = null;
        return record;
    }

    /// <inheritdoc/>
    public void HandleCertain(ulong index) => _intake.HandleCertain(index);

    /// <inheritdoc/>
    public void HandleUsed()
    {
    }

    /// <inheritdoc/>
    public void HandleDeadLettered(ulong sequence) => throw new InvariantViolationException("a log has no dead letters");

    /// <inheritdoc/>
    public IReadOnlyList<(long Due, QueueEntry Entry)> PeekDelayed(int count) => [];
}
