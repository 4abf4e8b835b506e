namespace Broker.Actors.Runtime.Sharding;

/// <summary>Asks all shards of a region, answers once, and stops. Shards that do not answer in time are left out.</summary>
internal sealed class ShardStateQuery(
    ShardRegionOptions options, ActorRef[] shards, GetShardRegionState query, ActorRef asker, TimeSpan timeout) : Actor
{
    private readonly List<ShardState> _states = [];

    protected override void PreStart()
    {
        foreach (var shard in shards)
        {
            shard.Tell(new GetShardState(query.MaxEntitiesPerShard), Self);
        }

        Context.Timers.StartSingle(this, ReceiveTimeout.Instance, timeout);
        AnswerIfComplete();
    }

    protected override void Receive(object message)
    {
        switch (message)
        {
            case ShardState state:
                _states.Add(state);
                AnswerIfComplete();
                break;
            case ReceiveTimeout:
                Answer();
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void AnswerIfComplete()
    {
        if (_states.Count == shards.Length)
        {
            Answer();
        }
    }

    private void Answer()
    {
        asker.Tell(
            new ShardRegionState(options.TypeName, options.ShardCount, [.. _states.OrderBy(state => state.ShardId)]),
            Context.Parent);
        Context.Stop(Self);
    }
}
