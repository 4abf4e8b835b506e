using Broker.Machines.Cluster;

namespace Broker.Machines.Tests.Replication;

/// <summary>Knows everything that was ever confirmed or said to be committed, and complains.</summary>
internal sealed class ReplicationHistory
{
    private readonly Dictionary<ulong, string> _committed = [];
    private readonly Dictionary<long, NodeLife> _leaders = [];
    private readonly HashSet<string> _confirmed = [];

    public int ConfirmedCount => _confirmed.Count;

    public ulong CommittedUpTo { get; private set; }

    /// <summary>A replica says that its log up to an index is committed.</summary>
    public void OnCommitted(string node, ulong from, ulong to, IReadOnlyDictionary<ulong, string> values)
    {
        for (var index = from; index <= to; index++)
        {
            Assert.True(values.TryGetValue(index, out var value), $"{node} says that record {index} is committed and does not have it");
            Assert.True(_committed.TryAdd(index, value!) || _committed[index] == value, $"record {index} is '{_committed[index]}' and on {node} '{value}', both committed");
        }

        CommittedUpTo = Math.Max(CommittedUpTo, to);
    }

    public void OnLeading(NodeLife life, long epoch) =>
        Assert.True(_leaders.TryAdd(epoch, life) || _leaders[epoch] == life, $"epoch {epoch} has two leaders, {_leaders[epoch]} and {life}");

    /// <summary>A client was told that its value stays.</summary>
    public void OnConfirmed(ulong index, string value)
    {
        Assert.True(_committed.TryGetValue(index, out var committed) && committed == value, $"'{value}' was confirmed as record {index}, which is '{committed}'");
        Assert.True(_confirmed.Add(value), $"'{value}' was confirmed twice");
    }

    /// <summary>When all is well again, every replica has everything, in order.</summary>
    public void CheckComplete(string node, ulong last, IReadOnlyDictionary<ulong, string> values)
    {
        Assert.True(last >= CommittedUpTo, $"{node} has records up to {last}; {CommittedUpTo} are committed");
        foreach (var (index, value) in _committed)
        {
            Assert.True(values.TryGetValue(index, out var there) && there == value, $"record {index} is '{value}', and on {node} '{there}'");
        }

        var lost = _confirmed.Except(values.Where(v => v.Key <= last).Select(v => v.Value)).ToList();
        Assert.True(lost.Count == 0, $"{node} lacks {lost.Count} values that were confirmed, such as '{lost.FirstOrDefault()}'");
    }
}
