using System.Globalization;
using Broker.Actors.Storage;
using Broker.Machines.Ledgers;

namespace Broker.Simulation.Tests.Cluster.Checkers;

/// <summary>Whatever replica has a shard up to a record has the same: which messages are live, how often each was delivered, and how far producers are.</summary>
internal sealed class EqualReplicas
{
    private readonly Dictionary<(int Shard, ulong Committed), (string State, string Whose)> _states = [];

    /// <summary>Takes in what the disk of a node has of a shard, and compares it with what others had as of the same record.</summary>
    public void Look(string whose, RecoveredShard shard)
    {
        Assert.True(shard.Problem is null, $"{whose} cannot read shard {shard.Shard}: {shard.Problem}");
        if (shard.IsInstalling)
        {
            return;
        }

        var state = string.Join('\n', shard.Ledgers.OrderBy(l => l.Key).Where(l => l.Value.LastIndex > 0).Select(l => Text(l.Key, l.Value)));
        if (!_states.TryAdd((shard.Shard, shard.Committed), (state, whose)))
        {
            var (other, others) = _states[(shard.Shard, shard.Committed)];
            Assert.True(other == state, $"shard {shard.Shard} as of record {shard.Committed}\non {others}:\n{other}\non {whose}:\n{state}");
        }
    }

    /// <summary>The ledger without the places of messages, which are each node's own.</summary>
    private static string Text(ulong queue, QueueLedger ledger)
    {
        var live = string.Join(' ', ledger.Live.Ranges().Select(r => string.Create(CultureInfo.InvariantCulture, $"{r.First}-{r.Last}x{r.DeliveryCount}")));
        var producers = string.Join(' ', ledger.Producers.Marks.Select(m => $"{m.Producer.ReplaceLineEndings("/")}:{m.LastSequence} {m.Refused}"));
        return string.Create(CultureInfo.InvariantCulture, $"  queue {queue}, record {ledger.LastIndex}, next {ledger.NextPosition}, {ledger.LiveBytes} bytes; {live}; {producers}");
    }
}
