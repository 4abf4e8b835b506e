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
/// <para>Invariants: a message is ready, held back until a time, held by exactly one consumer, about to be dead-lettered, or gone; messages of one publisher and priority are handed out
/// first in the order in which they came, but for those that are held back; a message that comes back takes its old place and counts its deliveries.</para>
/// </remarks>
public sealed partial class QueueMachine : IQueueMachine
{
    private readonly QueueLimits _limits;
    private readonly QueueLedger? _ledger; // null: the queue ends with the process
    private readonly ReadyLevels _ready;
    private DelayedMessages? _delayed; // made with the first that is held back, as is all that an idle queue does not need
    private DeadLetters? _dead;
    private readonly MessageGroups? _groups; // null: groups do not count
    private readonly ConflatedKeys? _keys; // null: keys do not count
    private QueueConsumers? _consumers;
    private readonly Intake _intake;
    private Queue<QueueEffect>? _effects;
    private RareCounters? _rare;
    private long _enqueued;
    private long _delivered;
    private long _redelivered;
    private long _acknowledged;
    private long _requeued;
    private ulong _lastPosition;
    private int _unsettledCount;
    private long _unsettledBytes;
    private bool _deleted;

    /// <param name="limits">Bounds of the queue.</param>
    /// <param name="ledger">What is certain about a durable queue; the machine takes it over and keeps it. <c>null</c> for one that ends with the process.</param>
    /// <param name="settings">How it behaves. <c>null</c>: without any feature.</param>
    /// <param name="now">The time, as <see cref="HandleTime"/> takes it.</param>
    /// <param name="uptime">The same of the clock that is never set.</param>
    public QueueMachine(QueueLimits limits, QueueLedger? ledger = null, QueueSettings? settings = null, long now = 0, long uptime = 0)
    {
        ArgumentNullException.ThrowIfNull(limits);
        _limits = limits;
        _settings = settings ?? QueueSettings.Plain;
        _now = now;
        _uptime = _lastUsed = uptime;
        _ledger = ledger;
        _intake = new Intake(ledger);
        _ready = new ReadyLevels(_settings.MaxPriority);
        _keys = _settings.Conflate ? new ConflatedKeys() : null;
        _groups = _settings is { MessageGroups: true, Conflate: false } ? new MessageGroups() : null;
        if (ledger is not null)
        {
            Restore(ledger);
        }
    }

    /// <summary>Messages that wait for a consumer and that one may have. Those that are held back are not among them.</summary>
    public long ReadyCount => _ready.Count + (_groups?.WaitingCount ?? 0);

    /// <summary>Bytes of those, wherever they are; an estimate where <see cref="SizeBytes"/> is one.</summary>
    public long ReadyBytes => Math.Max(0, SizeBytes - _unsettledBytes - (_delayed?.SizeBytes ?? 0) - DeadBytes);

    /// <summary>Messages that are held back until a time.</summary>
    public int DelayedCount => _delayed?.Count ?? 0;

    /// <summary>Messages that have died and are not certain at the dead-letter exchange.</summary>
    public int DeadCount => _dead?.Count ?? 0;

    /// <summary>Messages that consumers hold.</summary>
    public int UnsettledCount => _unsettledCount;

    /// <summary>Bytes of all messages, wherever they are; an estimate once records were lost, or messages were dropped that nobody had read (<see cref="QueueLedger.LiveBytes"/>).</summary>
    public long SizeBytes => _ledger is null ? LoadedBytes + (_dead?.UnderWayBytes ?? 0) : Math.Max(0, _ledger.LiveBytes + _intake.JoinedBytes - _settledBytes);

    /// <summary>Bytes of all messages that are in memory, but for those that are on their way to the dead-letter exchange.</summary>
    public long LoadedBytes => _ready.LoadedBytes + _heldBytes + (_delayed?.LoadedBytes ?? 0) + (_dead?.LoadedBytes ?? 0) + (_groups?.LoadedBytes ?? 0);

    /// <summary>Consumers that are subscribed.</summary>
    public int ConsumerCount { get; private set; }

    /// <summary>Batches that wait for room.</summary>
    public int ParkedCount => _intake.ParkedCount;

    /// <summary>Totals since the queue was declared, or the node started.</summary>
    public QueueCounters Counters => new()
    {
        Enqueued = _enqueued,
        Delivered = _delivered,
        Redelivered = _redelivered,
        Acknowledged = _acknowledged,
        Requeued = _requeued,
        Rejected = _rare?.Rejected ?? 0,
        Expired = _rare?.Expired ?? 0,
        Overflowed = _rare?.Overflowed ?? 0,
        ReturnedTooOften = _rare?.ReturnedTooOften ?? 0,
        DeadLettered = _rare?.DeadLettered ?? 0,
        Dropped = _rare?.Dropped ?? 0,
        Refused = _rare?.Refused ?? 0,
        Duplicates = _rare?.Duplicates ?? 0,
        Conflated = _rare?.Conflated ?? 0,
    };

    private long DeadBytes => _dead?.SizeBytes ?? 0;

    private DelayedMessages Delayed => _delayed ??= new DelayedMessages();

    private DeadLetters Dead => _dead ??= new DeadLetters();

    private QueueConsumers ConsumersMade => _consumers ??= new QueueConsumers();

    private RareCounters Rare => _rare ??= new RareCounters();

    /// <summary>Totals of what seldom happens.</summary>
    private sealed class RareCounters
    {
        public long Rejected;
        public long Expired;
        public long Overflowed;
        public long ReturnedTooOften;
        public long DeadLettered;
        public long Dropped;
        public long Refused;
        public long Duplicates;
        public long Conflated;
    }

    /// <summary>Drops all messages that are ready or held back; those that consumers hold, and dead ones, stay.</summary>
    /// <returns>How many were dropped.</returns>
    public long HandlePurge()
    {
        ReturnWaiting();
        var count = _ready.Count + DelayedCount;
        if (count > 0)
        {
            var positions = _ready.Positions();
            foreach (var position in _delayed?.Positions.Order() ?? Enumerable.Empty<ulong>())
            {
                PositionRange.Append(positions, position);
                _groups?.Resume(position);
            }

            positions.ForEach(r => _keys?.Remove(r));
            if (_ledger is not null)
            {
                Unlogged.Settled.AddRange(positions);
                _settledBytes += Math.Max(0, SizeBytes - _unsettledBytes - DeadBytes);
            }
        }

        _ready.Clear();
        _delayed = null;
        return count;
    }

    /// <summary>Ends the queue unless a condition forbids it. Afterwards nothing is taken in or handed out.</summary>
    /// <returns><c>null</c>, or which condition failed.</returns>
    public FrameFault? HandleDelete(bool ifUnused, bool ifEmpty)
    {
        if (ifUnused && ConsumerCount > 0)
        {
            return new FrameFault(ErrorCode.PreconditionFailed, $"the queue has {ConsumerCount} consumer(s)");
        }

        if (ifEmpty && ReadyCount + _unsettledCount + DelayedCount > 0)
        {
            var delayed = DelayedCount > 0 ? $", and {DelayedCount} that are held back" : "";
            return new FrameFault(ErrorCode.PreconditionFailed, $"the queue has {ReadyCount} ready and {_unsettledCount} unsettled message(s){delayed}");
        }

        _deleted = true;
        ReturnWaiting();
        _ready.Clear();
        _delayed = null;
        _dead = null;
        _unsettledCount = 0;
        _unsettledBytes = _heldBytes = 0;
        foreach (var consumer in KnownConsumers.OrderBy(c => c.Id.Value))
        {
            Add(new QueueEffect.ConsumerClosed(consumer.Id));
        }

        _consumers?.ById.Clear();
        _consumers?.Rotation.Clear();
        _active = null;
        ConsumerCount = 0;
        while (_intake.TryUnpark(out var batch))
        {
            Add(new QueueEffect.Dropped(batch.Publisher, batch.BatchId));
        }

        return null;
    }

    /// <summary>The next thing to carry out, in order.</summary>
    public bool TryTakeEffect([MaybeNullWhen(false)] out QueueEffect effect)
    {
        effect = null;
        return _effects is not null && _effects.TryDequeue(out effect);
    }

    private void Add(QueueEffect effect) => (_effects ??= new Queue<QueueEffect>()).Enqueue(effect);
}
