using System.Globalization;
using Broker.Actors.Storage;
using Broker.Machines.Ledgers;

namespace Broker.Simulation.Tests.Cluster.Checkers;

/// <summary>
/// Whatever replica has a shard up to a committed record has the same: which messages are live and how often each was delivered, which are held back or dead, priorities, ids, keys,
/// and how far
/// producers are. A queue that is being deleted may be gone from one already: its end takes place when it is known to be committed, which the log says with the next record. Looked at
/// whenever a node starts, now and then while it runs, and at the end, when in-sync replicas have committed the same record.
/// </summary>
/// <param name="isEnding">Whether somebody has asked for the queue with this number to be deleted.</param>
internal sealed class EqualReplicas(Func<ulong, bool> isEnding)
{
    private readonly Dictionary<(int Shard, ulong Committed), (IReadOnlyDictionary<ulong, string> State, string Whose)> _states = [];

    /// <summary>How often two replicas were found to have the same record.</summary>
    public int Compared { get; private set; }

    /// <summary>Takes in what the disk of a node has of a shard, and compares it with what others had as of the same record.</summary>
    public void Look(string whose, RecoveredShard shard)
    {
        Assert.True(shard.Problem is null, $"{whose} cannot read shard {shard.Shard}: {shard.Problem}");
        if (shard.IsInstalling)
        {
            return;
        }

        var state = shard.Ledgers.Where(l => l.Value.LastIndex > 0).ToDictionary(l => l.Key, l => Text(l.Key, l.Value));
        if (!_states.TryAdd((shard.Shard, shard.Committed), (state, whose)))
        {
            var (other, others) = _states[(shard.Shard, shard.Committed)];
            var differ = other.Keys.Union(state.Keys)
                .Where(q => other.GetValueOrDefault(q) != state.GetValueOrDefault(q))
                .Where(q => !isEnding(q) || (other.ContainsKey(q) && state.ContainsKey(q))).ToList();
            Assert.True(differ.Count == 0, $"shard {shard.Shard} as of record {shard.Committed}\non {others}:\n{Text(other, differ)}\non {whose}:\n{Text(state, differ)}");
            Compared += others != whose ? 1 : 0;
        }
    }

    private static string Text(IReadOnlyDictionary<ulong, string> state, IEnumerable<ulong> queues) => string.Join('\n', queues.Order().Select(q => state.GetValueOrDefault(q) ?? $"  no queue {q}"));

    /// <summary>The ledger without the places of messages, which are each node's own.</summary>
    private static string Text(ulong queue, QueueLedger ledger)
    {
        var live = string.Join(' ', ledger.Live.Ranges().Select(r => string.Create(CultureInfo.InvariantCulture, $"{r.First}-{r.Last}x{r.DeliveryCount}")));
        var producers = string.Join(' ', ledger.Producers.Marks.Select(m => $"{m.Producer.ReplaceLineEndings("/")}:{m.LastSequence} {m.Refused}"));
        var dead = string.Join(' ', ledger.Dead.InOrder.Select(d => string.Create(CultureInfo.InvariantCulture, $"{d.Sequence}@{d.Position}")));
        var all = QueueLedger.Restore(ledger.Checkpoint().Span, ledger.LastIndex);
        all.ForgetPlaces();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"  queue {queue}, record {ledger.LastIndex}, next {ledger.NextPosition}, {ledger.LiveBytes} bytes; {live}; {producers}; "
            + $"dead up to {ledger.LastDead}: {dead}; {Convert.ToHexString(all.Checkpoint().Span)}");
    }
}
