namespace Broker.Actors.Runtime.Sharding;

/// <summary>To a region: a message for an entity. The entity gets the message alone, with the sender as it was.</summary>
/// <param name="EntityId">Any well-formed text; the empty one too.</param>
/// <param name="Message">What the entity gets.</param>
public sealed record ShardEnvelope(string EntityId, object Message);

/// <summary>
/// From an entity to its parent: let me stop. The parent answers with the stop message; what comes for the entity until it has terminated is
/// buffered and, if there is any, brings it back.
/// </summary>
/// <param name="StopMessage">On which the entity stops; <see cref="PoisonPill"/> does it without code.</param>
public sealed record Passivate(object StopMessage);

/// <summary>
/// To a region: end the shard's entities. What comes for them until they have terminated waits, no more than <see cref="ShardRegionOptions.ResetBuffer"/> messages, and is for new ones.
/// Without effect on a
/// shard that does not run.
/// </summary>
/// <param name="Shard">Its id.</param>
public sealed record ResetShard(int Shard);

/// <summary>To a region: what do you hold? Answered with a <see cref="ShardRegionState"/>.</summary>
/// <param name="MaxEntitiesPerShard">How many entity ids a shard lists at most; at least 0.</param>
public sealed record GetShardRegionState(int MaxEntitiesPerShard = 1000);

/// <summary>What a region holds.</summary>
/// <param name="TypeName">Kind of entity.</param>
/// <param name="ShardCount">Shards that there could be.</param>
/// <param name="Shards">Shards that run and answered, ordered by id.</param>
public sealed record ShardRegionState(string TypeName, int ShardCount, IReadOnlyList<ShardState> Shards);

/// <summary>What a shard holds.</summary>
/// <param name="ShardId">From 0.</param>
/// <param name="EntityCount">Entities that run, those that are passivating included.</param>
/// <param name="EntityIds">Ordered; no more than were asked for.</param>
public sealed record ShardState(int ShardId, int EntityCount, IReadOnlyList<string> EntityIds);

/// <summary>Region to shard; answered with a <see cref="ShardState"/>.</summary>
internal sealed record GetShardState(int MaxEntities);
