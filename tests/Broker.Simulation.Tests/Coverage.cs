using Broker.Simulation.Tests.Nodes;

namespace Broker.Simulation.Tests;

/// <summary>What simulated histories have come across: a simulation that never does the difficult things proves nothing about them.</summary>
internal sealed class Coverage
{
    private readonly SortedDictionary<string, long> _counts = new(StringComparer.Ordinal);
    private readonly HashSet<SimulatedNode> _counted = [];

    /// <summary>Takes in a node at the end of its life.</summary>
    public void Add(SimulatedNode node)
    {
        if (!_counted.Add(node))
        {
            return;
        }

        var storage = node.Services.Storage!;
        Count("checkpoints", storage.Counters.Checkpoints);
        Count("copies out of the log", storage.Counters.Copies);
        Count("compactions of segments", storage.Counters.Compactions);
        Count("deleted segments", storage.Counters.DeletedSegments);
        Count("reads back into memory", storage.Counters.Loads);
        foreach (var queue in node.Services.Queues.Queues)
        {
            var counters = queue.Status.Counters;
            Count("dead-lettered", counters.DeadLettered);
            Count("expired", counters.Expired);
            Count("overflowed", counters.Overflowed);
            Count("returned too often", counters.ReturnedTooOften);
            Count("refused", counters.Refused);
            Count("duplicates", counters.Duplicates);
        }

        if (storage.IsRecovered)
        {
            Count("torn tails", storage.Recovery.TornTails.Count);
            Count("log files retired", storage.Log.StartPosition > 0 ? 1 : 0);
        }
    }

    /// <summary>Takes in something that a history has done.</summary>
    public void Add(string what) => Count(what, 1);

    /// <summary>Takes in what another history has come across.</summary>
    public void Add(Coverage other)
    {
        lock (_counts)
        {
            foreach (var (what, count) in other._counts)
            {
                Count(what, count);
            }
        }
    }

    /// <summary>Everything that is worth simulating must have happened.</summary>
    public void Check() => Assert.True(Seeds.Count < 500 || _counts.Values.All(c => c > 0), $"some things never happened: {this}");

    public override string ToString() => string.Join(", ", _counts.Select(c => $"{c.Value} {c.Key}"));

    private void Count(string what, long count) => _counts[what] = _counts.GetValueOrDefault(what) + count;
}
