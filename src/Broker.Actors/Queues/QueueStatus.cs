using System.Runtime.CompilerServices;
using Broker.Machines.Queues;

namespace Broker.Actors.Queues;

/// <summary>
/// A queue's figures for listings. Its actor writes them once per batch and anybody reads them; each is correct by itself, together they may be a batch apart.
/// So that a listing of many queues asks no actor.
/// </summary>
internal sealed class QueueStatus
{
    private static readonly StrongBox<QueueCounters> s_nothing = new(); // is never written to
    private long _ready;
    private long _unsettled;
    private long _consumers;
    private long _bytes;
    private long _loadedBytes;
    private long _parked;
    private long _enqueued;
    private long _delivered;
    private long _redelivered;
    private long _acknowledged;
    private long _delayed;
    private long _dead;
    private bool _paused;
    private StrongBox<QueueCounters> _counters = s_nothing;

    public long Ready => Volatile.Read(ref _ready);

    public long Unsettled => Volatile.Read(ref _unsettled);

    public long Consumers => Volatile.Read(ref _consumers);

    public long SizeBytes => Volatile.Read(ref _bytes);

    /// <summary>Those of them that are in memory.</summary>
    public long LoadedBytes => Volatile.Read(ref _loadedBytes);

    /// <summary>Batches of publishers that wait for room.</summary>
    public long Parked => Volatile.Read(ref _parked);

    public long Enqueued => Volatile.Read(ref _enqueued);

    public long Delivered => Volatile.Read(ref _delivered);

    public long Redelivered => Volatile.Read(ref _redelivered);

    public long Acknowledged => Volatile.Read(ref _acknowledged);

    /// <summary>Messages that wait for their time.</summary>
    public long Delayed => Volatile.Read(ref _delayed);

    /// <summary>Messages that have died and are not certain at their new place.</summary>
    public long DeadLettersUnderWay => Volatile.Read(ref _dead);

    /// <summary>Whether it hands out nothing.</summary>
    public bool IsPaused => Volatile.Read(ref _paused);

    /// <summary>All totals, as of the last batch in which what seldom happens has happened.</summary>
    public QueueCounters Counters => Volatile.Read(ref _counters).Value;

    public void Update(IQueueMachine machine)
    {
        var counters = machine.Counters;
        Volatile.Write(ref _ready, machine.ReadyCount);
        Volatile.Write(ref _unsettled, machine.UnsettledCount);
        Volatile.Write(ref _consumers, machine.ConsumerCount);
        Volatile.Write(ref _bytes, machine.SizeBytes);
        Volatile.Write(ref _loadedBytes, machine.LoadedBytes);
        Volatile.Write(ref _parked, machine.ParkedCount);
        Volatile.Write(ref _enqueued, counters.Enqueued);
        Volatile.Write(ref _delivered, counters.Delivered);
        Volatile.Write(ref _redelivered, counters.Redelivered);
        Volatile.Write(ref _acknowledged, counters.Acknowledged);
        Volatile.Write(ref _delayed, machine.DelayedCount);
        Volatile.Write(ref _dead, machine.DeadCount);
        Volatile.Write(ref _paused, machine.IsPaused);
        if (HasMore(counters, _counters.Value))
        {
            Volatile.Write(ref _counters, new StrongBox<QueueCounters>(counters));
        }
    }

    /// <summary>Whether anything has happened that does not with each message.</summary>
    private static bool HasMore(in QueueCounters now, in QueueCounters before) =>
        now with { Enqueued = 0, Delivered = 0, Redelivered = 0, Acknowledged = 0 } != before with { Enqueued = 0, Delivered = 0, Redelivered = 0, Acknowledged = 0 };

    public override string ToString() => $"{Ready} ready, {Unsettled} unsettled, {Consumers} consumers";
}
