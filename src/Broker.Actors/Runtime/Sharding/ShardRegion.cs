using System.Globalization;

namespace Broker.Actors.Runtime.Sharding;

/// <summary>Options of a <see cref="ShardRegion"/>.</summary>
public sealed record ShardRegionOptions
{
    /// <summary>Kind of entity; name of the region's actor, so a path element that is unique among its siblings.</summary>
    public required string TypeName { get; init; }

    /// <summary>Makes the props of an entity when it gets its first message. Runs in the shard's turn, so it must be thread-safe.</summary>
    public required Func<string, Props> EntityProps { get; init; }

    /// <summary>Number of shards; at least 1, default 64. The same on every node and for all time, see <see cref="StableHash.ShardOf"/>.</summary>
    public int ShardCount { get; init; } = 64;

    /// <summary>
    /// Messages buffered for an entity that is passivating; at least 0, default 1,000. More become dead letters
    /// (<see cref="DeadLetterReason.BufferFull"/>).
    /// </summary>
    public int PassivationBuffer { get; init; } = 1_000;

    /// <summary>Messages buffered for a shard that is reset; at least 0, default 10,000. More become dead letters, as above.</summary>
    public int ResetBuffer { get; init; } = 10_000;

    /// <summary>An entity that has not stopped this long after its stop message is stopped; default 10 s.</summary>
    public TimeSpan PassivationTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How failures of entities are answered. Default: restart with a back-off of 100 ms to 10 s; an entity that cannot start is stopped,
    /// and its next message starts it anew.
    /// </summary>
    public SupervisorStrategy EntitySupervision { get; init; } =
        new OneForOneStrategy(backoff: new RestartBackoff(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(10)));
}

/// <summary>
/// Entities of one kind, reached by id: region → shard → entity, each created by the first message for it. This region holds all shards in this node.
/// </summary>
public sealed class ShardRegion : Actor
{
    private static readonly TimeSpan StateTimeout = TimeSpan.FromSeconds(3);

    private readonly ShardRegionOptions _options;
    private readonly ActorRef?[] _shards;
    private readonly Dictionary<int, Queue<(ShardEnvelope Envelope, ActorRef Sender)>> _resetting = [];

    private ShardRegion(ShardRegionOptions options)
    {
        _options = options;
        _shards = new ActorRef?[options.ShardCount];
    }

    /// <summary>Shards do not share state with the region; a failure in one concerns it alone, and its entities with it.</summary>
    protected override SupervisorStrategy SupervisorStrategy => SupervisorStrategy.Default;

    /// <summary>Starts a region under <c>/user</c>.</summary>
    /// <returns>Takes <see cref="ShardEnvelope"/> and <see cref="GetShardRegionState"/>.</returns>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public static ActorRef Start(ActorSystem system, ShardRegionOptions options)
    {
        ArgumentNullException.ThrowIfNull(system);
        return system.ActorOf(PropsOf(options), options.TypeName);
    }

    /// <summary>Starts a region as a child.</summary>
    /// <inheritdoc cref="Start(ActorSystem, ShardRegionOptions)"/>
    public static ActorRef Start(IActorContext context, ShardRegionOptions options)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.ActorOf(PropsOf(options), options.TypeName);
    }

    /// <inheritdoc/>
    protected override void PreStart()
    {
        Context.Describe(() => $"{_options.TypeName}: {_shards.Count(shard => shard is not null)}/{_shards.Length} shards");

        // Shards that outlived a restart of this region would otherwise be missed.
        foreach (var shard in Context.Children)
        {
            Context.Watch(shard);
            _shards[int.Parse(shard.Path.Name, CultureInfo.InvariantCulture)] = shard;
        }
    }

    /// <inheritdoc/>
    protected override void Receive(object message)
    {
        switch (message)
        {
            case ShardEnvelope envelope:
                Deliver(envelope, Sender);
                break;
            case ResetShard { Shard: var reset } when reset >= 0 && reset < _shards.Length && _shards[reset] is { } ending:
                if (_resetting.TryAdd(reset, new Queue<(ShardEnvelope, ActorRef)>()))
                {
                    Context.Stop(ending);
                }

                break;
            case ResetShard:
                break;
            case GetShardRegionState query:
                var shards = _shards.OfType<ActorRef>().ToArray();
                var (asker, options) = (Sender, _options);
                Context.ActorOf(Props.Create(() => new ShardStateQuery(options, shards, query, asker, StateTimeout)));
                break;
            case Terminated terminated:
                var index = Array.IndexOf(_shards, terminated.Actor);
                if (index >= 0)
                {
                    _shards[index] = null;
                    if (_resetting.Remove(index, out var buffer))
                    {
                        foreach (var (waiting, sender) in buffer)
                        {
                            Deliver(waiting, sender);
                        }
                    }
                }

                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private static Props PropsOf(ShardRegionOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.ShardCount, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(options.PassivationBuffer, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(options.ResetBuffer, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.PassivationTimeout, TimeSpan.Zero, nameof(options));
        return Props.Create(() => new ShardRegion(options));
    }

    private void Deliver(ShardEnvelope envelope, ActorRef sender)
    {
        var id = StableHash.ShardOf(envelope.EntityId, _shards.Length);
        if (!_resetting.TryGetValue(id, out var buffer))
        {
            ShardOf(id).Tell(envelope, sender);
        }
        else if (buffer.Count < _options.ResetBuffer)
        {
            buffer.Enqueue((envelope, sender));
        }
        else
        {
            Context.System.PublishDeadLetter(new DeadLetter(envelope.Message, sender, _shards[id]!, DeadLetterReason.BufferFull));
        }
    }

    private ActorRef ShardOf(int id)
    {
        if (_shards[id] is { } running)
        {
            return running;
        }

        var options = _options;
        var shard = Context.ActorOf(Props.Create(() => new Shard(options, id)), id.ToString(CultureInfo.InvariantCulture));
        Context.Watch(shard);
        return _shards[id] = shard;
    }
}
