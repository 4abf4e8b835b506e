using Broker.Actors.Runtime;
using Broker.Machines.Ledgers;

namespace Broker.Actors.Replication;

/// <summary>A queue's ledger in the hands of the queue's actor.</summary>
/// <param name="Ledger">The ledger, with all that was committed and nothing else.</param>
/// <param name="Epoch">The epoch in which it may be added to.</param>
/// <param name="Committed">Index in the shard up to which it is.</param>
/// <param name="Replica">Takes the queue's records.</param>
/// <param name="Host">Where it was taken.</param>
internal sealed record TakenLedger(QueueLedger Ledger, long Epoch, ulong Committed, ActorRef Replica, ShardHost Host);

/// <summary>
/// Where the actors of a shard's queues get their ledgers while this node serves the shard. Thread-safe. Who has taken a ledger has it until the epoch ends; what it has become by then is
/// of no use, as it may have what was never committed.
/// </summary>
internal sealed class ShardHost
{
    private readonly Lock _lock = new();
    private readonly HashSet<ulong> _taken = [];
    private Dictionary<ulong, QueueLedger> _ledgers = [];
    private ActorRef _replica = ActorRef.NoSender;
    private long _epoch;
    private ulong _committed;

    /// <summary>The shard is served from now on.</summary>
    public void Open(long epoch, ulong committed, Dictionary<ulong, QueueLedger> ledgers, ActorRef replica)
    {
        lock (_lock)
        {
            _epoch = epoch;
            _committed = committed;
            _ledgers = ledgers;
            _replica = replica;
            _taken.Clear();
        }
    }

    /// <summary>The shard is served no longer.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _epoch = 0;
            _ledgers = [];
        }
    }

    /// <summary>The ledger of a queue; an empty one if it has none yet.</summary>
    /// <returns><c>null</c> if the shard is not served here, or the ledger was taken in this epoch: it has gone on since, and what it has become ended with the actor that had it.</returns>
    public TakenLedger? Take(ulong queue)
    {
        lock (_lock)
        {
            return _epoch == 0 || !_taken.Add(queue)
                ? null
                : new TakenLedger(_ledgers.Remove(queue, out var ledger) ? ledger : new QueueLedger(), _epoch, _committed, _replica, this);
        }
    }

    /// <summary>
    /// Does something to the files of a queue for whoever has taken its ledger, unless the epoch has ended. So whoever reads the files
    /// behind the end of an epoch has all that will come of it. What is done must be short.
    /// </summary>
    public void IfServing(long epoch, Action act)
    {
        lock (_lock)
        {
            if (_epoch != 0 && _epoch == epoch)
            {
                act();
            }
        }
    }

    /// <summary>The queue has ended: one that begins anew under its number has an empty ledger.</summary>
    public void End(ulong queue)
    {
        lock (_lock)
        {
            _taken.Remove(queue);
        }
    }

    /// <summary>Does something with a ledger that no queue's actor has taken; none gets it meanwhile, so it must be short.</summary>
    /// <returns><c>false</c> if somebody has it, or nobody ever had.</returns>
    public bool TryUse(ulong queue, Action<QueueLedger> use)
    {
        lock (_lock)
        {
            if (_epoch == 0 || !_ledgers.TryGetValue(queue, out var ledger))
            {
                return false;
            }

            use(ledger);
            return true;
        }
    }
}
