namespace Broker.Actors.Runtime.Sharding;

/// <summary>Parent of the entities of one shard. Its name is the shard's number.</summary>
internal sealed class Shard(ShardRegionOptions options, int id) : Actor
{
    private readonly Dictionary<string, Entity> _byId = [];
    private readonly Dictionary<ActorRef, Entity> _byRef = [];
    private volatile int _entityCount;

    protected override SupervisorStrategy SupervisorStrategy => options.EntitySupervision;

    protected override void PreStart() => Context.Describe(() => $"{_entityCount} entities");

    protected override void Receive(object message)
    {
        switch (message)
        {
            case ShardEnvelope envelope:
                Deliver(envelope);
                break;
            case Passivate passivate:
                OnPassivate(passivate.StopMessage);
                break;
            case PassivationOverdue overdue:
                Context.Stop(overdue.Entity);
                break;
            case Terminated terminated:
                OnTerminated(terminated.Actor);
                break;
            case GetShardState query:
                Sender.Tell(
                    new ShardState(
                        id,
                        _byId.Count,
                        [.. _byId.Keys.Order(StringComparer.Ordinal).Take(query.MaxEntities)]),
                    Self);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Deliver(ShardEnvelope envelope)
    {
        if (!_byId.TryGetValue(envelope.EntityId, out var entity))
        {
            try
            {
                entity = StartEntity(envelope.EntityId);
            }
            catch (Exception error)
            {
                // An id that is no text, or props that cannot be made, concern the one who asked: the other entities of the shard go on.
                Sender.Tell(new Failure(error), Self);
                return;
            }
        }

        if (entity.Buffer is not { } buffer)
        {
            entity.Ref.Tell(envelope.Message, Sender);
        }
        else if (buffer.Count < options.PassivationBuffer)
        {
            buffer.Enqueue((envelope.Message, Sender));
        }
        else
        {
            Context.System.PublishDeadLetter(
                new DeadLetter(envelope.Message, Sender, entity.Ref, DeadLetterReason.BufferFull));
        }
    }

    private Entity StartEntity(string entityId)
    {
        var actor = Context.ActorOf(options.EntityProps(entityId), ActorPath.EncodeName(entityId));
        Context.Watch(actor);
        var entity = new Entity(entityId, actor);
        _byId.Add(entityId, entity);
        _byRef.Add(actor, entity);
        _entityCount = _byId.Count;
        return entity;
    }

    private void OnPassivate(object stopMessage)
    {
        if (!_byRef.TryGetValue(Sender, out var entity) || entity.Buffer is not null)
        {
            return;
        }

        entity.Buffer = new Queue<(object, ActorRef)>();
        entity.Ref.Tell(stopMessage, Self);
        Context.Timers.StartSingle(entity.Ref, new PassivationOverdue(entity.Ref), options.PassivationTimeout);
    }

    private void OnTerminated(ActorRef actor)
    {
        if (!_byRef.Remove(actor, out var ended))
        {
            return;
        }

        _byId.Remove(ended.Id);
        _entityCount = _byId.Count;
        Context.Timers.Cancel(actor);
        if (ended.Buffer is { Count: > 0 } buffer)
        {
            var next = StartEntity(ended.Id);
            foreach (var (message, sender) in buffer)
            {
                next.Ref.Tell(message, sender);
            }
        }
    }

    private sealed record PassivationOverdue(ActorRef Entity);

    private sealed class Entity(string id, ActorRef actor)
    {
        public string Id => id;

        public ActorRef Ref => actor;

        /// <summary>Not null while it is passivating.</summary>
        public Queue<(object Message, ActorRef Sender)>? Buffer { get; set; }
    }
}
