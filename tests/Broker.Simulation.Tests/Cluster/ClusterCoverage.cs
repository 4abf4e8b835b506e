namespace Broker.Simulation.Tests.Cluster;

/// <summary>What simulated histories have come across: a simulation that never does the difficult things proves nothing about them.</summary>
internal sealed class ClusterCoverage
{
    private readonly SortedDictionary<string, long> _counts = new(StringComparer.Ordinal);

    public void Count(string what, long count = 1)
    {
        lock (_counts)
        {
            _counts[what] = _counts.GetValueOrDefault(what) + count;
        }
    }

    /// <summary>Takes in what a node has done.</summary>
    public void Add(MemberLife life)
    {
        Count("checkpoints", life.Storage.Counters.Checkpoints);
        Count("copies out of the log", life.Storage.Counters.Copies);
        Count("deleted segments", life.Storage.Counters.DeletedSegments);
        Count("later rounds of snapshots", life.Storage.Counters.SnapshotRounds);
        Count("log files retired", life.Log.StartPosition > 0 ? 1 : 0);
    }

    /// <summary>Takes in what another history has come across.</summary>
    public void Add(ClusterCoverage other)
    {
        foreach (var (what, count) in other._counts)
        {
            Count(what, count);
        }
    }

    /// <summary>All of this must have happened.</summary>
    public void Check(IEnumerable<string> expected)
    {
        var never = expected.Where(e => _counts.GetValueOrDefault(e) == 0).ToList();
        Assert.True(never.Count == 0, $"never: {string.Join(", ", never)}; but {this}");
    }

    public override string ToString() => string.Join(", ", _counts.Select(c => $"{c.Value} {c.Key}"));
}
