using System.Diagnostics.CodeAnalysis;
using Broker.Machines.Ledgers;
using Broker.Protocol;

namespace Broker.Machines.Queues;

/// <summary>
/// Every decision of a queue: order, credit, dispatch, settlement, capacity. Pure: it is fed with <c>Handle*</c> calls and answers with effects.
/// </summary>
/// <remarks>
/// <para>Call <see cref="Dispatch"/> after one or more <c>Handle*</c> calls; then, for a durable queue, log what <see cref="TakeRecord"/> gives; then drain
/// <see cref="TryTakeEffect"/>. The effects of a durable queue may be carried out once that record, and so everything before it, is certain.</para>
/// <para>Invariants: a message is ready, held by exactly one consumer, or gone; messages of one publisher are handed out first in the order in which they came;
/// a message that comes back takes its old place and counts its deliveries.</para>
/// </remarks>
public sealed partial class QueueMachine
{
    private readonly QueueLimits _limits;
    private readonly QueueLedger? _ledger; // null: the queue ends with the process
    private QueueSettings _settings;
    private long _now;
    private long _usedAt;
    private readonly ReadyMessages _ready = new();
    private readonly Dictionary<ConsumerId, QueueConsumer> _consumers = [];
    private readonly LinkedList<QueueConsumer> _rotation = new();
    private readonly List<QueueConsumer> _withOutbox = [];
    private readonly Queue<ParkedBatch> _parked = new();
    private readonly Queue<QueueEffect> _effects = new();
    private long _enqueued;
    private long _delivered;
    private long _redelivered;
    private long _acknowledged;
    private long _requeued;
    private long _rejected;
    private ulong _lastPosition;
    private int _unsettledCount;
    private long _unsettledBytes;
    private bool _deleted;

    /// <param name="limits">Bounds of the queue.</param>
    /// <param name="ledger">What is certain about a durable queue; the machine takes it over and keeps it. <c>null</c> for one that ends with the process.</param>
    /// <param name="settings">How it behaves. <c>null</c>: without any feature.</param>
    /// <param name="now">The time, as <see cref="HandleTime"/> takes it.</param>
    public QueueMachine(QueueLimits limits, QueueLedger? ledger = null, QueueSettings? settings = null, long now = 0)
    {
        ArgumentNullException.ThrowIfNull(limits);
        _limits = limits;
        _settings = settings ?? QueueSettings.Plain;
        _now = now;
        _ledger = ledger;
        if (ledger is not null)
        {
            _lastPosition = ledger.NextPosition - 1;
            foreach (var range in ledger.Live.Ranges())
            {
                _ready.AddAbsent(range);
            }
        }
    }

    /// <summary>Messages that wait for a consumer.</summary>
    public long ReadyCount => _ready.Count;

    /// <summary>Messages that consumers hold.</summary>
    public int UnsettledCount => _unsettledCount;

    /// <summary>Bytes of both, wherever they are; an estimate once records were lost (<see cref="QueueLedger.LiveBytes"/>).</summary>
    public long SizeBytes => _ledger is null ? LoadedBytes : Math.Max(0, _ledger.LiveBytes + _joinedBytes - _settledBytes);

    /// <summary>Bytes of both that are in memory.</summary>
    public long LoadedBytes => _ready.LoadedBytes + _heldBytes;

    /// <summary>Consumers that are subscribed.</summary>
    public int ConsumerCount { get; private set; }

    /// <summary>Batches that wait for room.</summary>
    public int ParkedCount => _parked.Count;

    /// <summary>Totals since the queue was declared, or the node started.</summary>
    public QueueCounters Counters => new()
    {
        Enqueued = _enqueued,
        Delivered = _delivered,
        Redelivered = _redelivered,
        Acknowledged = _acknowledged,
        Requeued = _requeued,
        Rejected = _rejected,
    };

    /// <summary>When something is due that no call brings about, in milliseconds since the Unix epoch: call <see cref="HandleTime"/> then. <c>null</c>: nothing is.</summary>
    public long? NextDeadline => _settings.Expires + _usedAt;

    /// <summary>Whether the queue hands out nothing, by an operator's wish. Messages are taken in all the same.</summary>
    public bool IsPaused { get; private set; }

    /// <summary>Tells the time: before other calls, and when <see cref="NextDeadline"/> has come. What is due happens with the next <see cref="Dispatch"/>.</summary>
    /// <param name="now">Milliseconds since the Unix epoch. One that is before the last is ignored.</param>
    public void HandleTime(long now) => _now = Math.Max(_now, now);

    /// <summary>The queue is to behave differently from now on.</summary>
    public void HandleSettings(QueueSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _settings = settings;
    }

    /// <summary>Hands out nothing from now on, or goes on.</summary>
    public void HandlePause(bool pause) => IsPaused = pause;

    /// <summary>The queue was declared again: it counts as used.</summary>
    public void HandleUsed() => _usedAt = _now;

    /// <summary>A message that a <see cref="QueueEffect.DeadLetter"/> was about is certain at its new place, or nobody takes it.</summary>
    public void HandleDeadLettered(ulong sequence) => Invariant.That(_settings.DeadLetters && sequence > 0, "no dead letter is under way");

    /// <summary>Messages that wait for their time, the next first.</summary>
    public IReadOnlyList<(long Due, QueueEntry Entry)> PeekDelayed(int count) => _ready.Count < count ? [] : [];

    /// <summary>Drops all ready messages; those that consumers hold stay.</summary>
    /// <returns>How many were dropped.</returns>
    public long HandlePurge()
    {
        if (_ledger is not null && _ready.Count > 0)
        {
            _settled.AddRange(_ready.Positions());
            _settledBytes += Math.Max(0, SizeBytes - _unsettledBytes);
        }

        return _ready.Clear();
    }

    /// <summary>Ends the queue unless a condition forbids it. Afterwards nothing is taken in or handed out.</summary>
    /// <returns><c>null</c>, or which condition failed.</returns>
    public FrameFault? HandleDelete(bool ifUnused, bool ifEmpty)
    {
        if (ifUnused && ConsumerCount > 0)
        {
            return new FrameFault(ErrorCode.PreconditionFailed, $"the queue has {ConsumerCount} consumer(s)");
        }

        if (ifEmpty && _ready.Count + _unsettledCount > 0)
        {
            return new FrameFault(ErrorCode.PreconditionFailed, $"the queue has {_ready.Count} ready and {_unsettledCount} unsettled message(s)");
        }

        _deleted = true;
        _ready.Clear();
        _unsettledCount = 0;
        _unsettledBytes = _heldBytes = 0;
        foreach (var consumer in _consumers.Values.OrderBy(c => c.Id.Value))
        {
            _effects.Enqueue(new QueueEffect.ConsumerClosed(consumer.Id));
        }

        _consumers.Clear();
        _rotation.Clear();
        ConsumerCount = 0;
        while (_parked.TryDequeue(out var batch))
        {
            _effects.Enqueue(new QueueEffect.Dropped(batch.Publisher, batch.BatchId));
        }

        return null;
    }

    /// <summary>The next thing to carry out, in order.</summary>
    public bool TryTakeEffect([MaybeNullWhen(false)] out QueueEffect effect) => _effects.TryDequeue(out effect);
}
