namespace Broker.Simulation.Tests.Cluster.Checkers;

/// <summary>In an epoch a shard is served by one life of one node at most.</summary>
internal sealed class OneLeader
{
    private readonly Dictionary<(int Shard, long Epoch), MemberLife> _leaders = [];

    public int Epochs => _leaders.Count;

    public void Look(MemberLife life)
    {
        for (var shard = 0; shard < life.Cluster.Shards.Count; shard++)
        {
            if (life.Cluster.Shards[shard].ServingEpoch is > 0 and var epoch && !_leaders.TryAdd((shard, epoch), life))
            {
                Assert.True(_leaders[(shard, epoch)] == life, $"shard {shard} is served by {_leaders[(shard, epoch)].Member} and by {life.Member} in epoch {epoch}");
            }
        }
    }
}
