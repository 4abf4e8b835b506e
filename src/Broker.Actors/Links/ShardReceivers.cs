using System.Collections.Concurrent;
using Broker.Actors.Runtime;

namespace Broker.Actors.Links;

/// <summary>Which actor of this node takes the messages of a shard. Thread-safe; what is registered counts for streams that are opened afterwards.</summary>
internal sealed class ShardReceivers
{
    private readonly ConcurrentDictionary<int, ActorRef> _receivers = new();

    public void Register(int shard, ActorRef receiver) => _receivers[shard] = receiver;

    /// <summary>No effect if another one is registered by now.</summary>
    public void Remove(int shard, ActorRef receiver) => _receivers.TryRemove(KeyValuePair.Create(shard, receiver));

    public ActorRef? Find(int shard) => _receivers.GetValueOrDefault(shard);
}
