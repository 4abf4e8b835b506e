namespace Broker.Simulation.Tests.Cluster.Checkers;

/// <summary>In an epoch a shard is served by one life of one node at most, and the epochs that a node serves in ascend.</summary>
internal sealed class OneLeader
{
    private readonly Dictionary<(int Shard, long Epoch), MemberLife> _leaders = [];
    private readonly Dictionary<(int Shard, MemberLife Life), long> _latest = [];

    public int Epochs => _leaders.Count;

    public void Look(MemberLife life)
    {
        for (var shard = 0; shard < life.Cluster.Shards.Count; shard++)
        {
            if (life.Cluster.Shards[shard].ServingEpoch is > 0 and var epoch)
            {
                if (!_leaders.TryAdd((shard, epoch), life))
                {
                    Assert.True(_leaders[(shard, epoch)] == life, $"shard {shard} is served by {_leaders[(shard, epoch)].Member} and by {life.Member} in epoch {epoch}");
                }

                Assert.True(epoch >= _latest.GetValueOrDefault((shard, life)), $"{life.Member} serves shard {shard} in epoch {epoch}, after epoch {_latest.GetValueOrDefault((shard, life))}");
                _latest[(shard, life)] = epoch;
            }
        }
    }
}
