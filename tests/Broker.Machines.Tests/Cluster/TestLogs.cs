using Broker.Machines.Cluster;

namespace Broker.Machines.Tests.Cluster;

/// <summary>How far each replica's log goes, and how much of each shard is committed: a clean election must not lose any of it.</summary>
internal sealed class TestLogs
{
    private readonly Dictionary<(int Shard, ReplicaId Replica), long> _ends = [];
    private readonly Dictionary<int, long> _committed = [];

    public void HandleCommit(ShardAssignment s)
    {
        var next = _committed[s.Shard] = _committed.GetValueOrDefault(s.Shard) + 1;
        foreach (var replica in s.InSync)
        {
            _ends[(s.Shard, replica)] = next;
        }
    }

    public void HandleCaughtUp(int shard, ReplicaId replica, ReplicaId leader) => _ends[(shard, replica)] = _ends.GetValueOrDefault((shard, leader));

    public void HandleChange(PlacementChange change)
    {
        var (shard, committed) = (change.To.Shard, _committed.GetValueOrDefault(change.To.Shard));
        if (change.Reason == PlacementReason.UncleanElection)
        {
            _committed[shard] = _ends.GetValueOrDefault((shard, change.To.InSync[0]));
            return;
        }

        foreach (var replica in change.To.InSync)
        {
            var end = _ends.GetValueOrDefault((shard, replica));
            Assert.True(end >= committed, $"{replica.Node} is in sync and has {end} records of {committed} that are committed: {TestCluster.Text(change)}");
        }
    }
}
