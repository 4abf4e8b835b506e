namespace Broker.Machines.Queues;

/// <summary>Who consumes from a queue, or has taken messages of it, and whose turn it is. A queue has one from its first consumer on: most queues are idle.</summary>
internal sealed class QueueConsumers
{
    /// <summary>All of them.</summary>
    public Dictionary<ConsumerId, QueueConsumer> ById { get; } = [];

    /// <summary>Those that may get messages now.</summary>
    public ConsumerRotation Rotation { get; } = new();

    /// <summary>Those that get messages in this dispatch.</summary>
    public List<QueueConsumer> WithOutbox { get; } = [];

    /// <summary>Those that have credit, and nothing that they may have.</summary>
    public List<QueueConsumer> Idle { get; } = [];
}
