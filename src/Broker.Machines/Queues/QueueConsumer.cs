namespace Broker.Machines.Queues;

/// <summary>A queue's view of one consumer: what it may still get, and what it holds.</summary>
internal sealed class QueueConsumer(ConsumerId id, bool noAck, bool exclusive, bool subscribed)
{
    public ConsumerId Id { get; } = id;

    /// <summary>Deliveries are settled as they leave.</summary>
    public bool NoAck { get; } = noAck;

    public bool Exclusive { get; } = exclusive;

    /// <summary><c>false</c> for one that only takes single messages (GET), or has cancelled.</summary>
    public bool Subscribed { get; set; } = subscribed;

    public UnsettledDeliveries Unsettled { get; } = new();

    /// <summary>Messages it may get now.</summary>
    public long CreditMessages { get; set; }

    /// <summary>Bytes it may get now. One message may take it below zero: otherwise one larger than the credit could never go.</summary>
    public long CreditBytes { get; set; }

    public bool HasCredit => Subscribed && CreditMessages > 0 && CreditBytes > 0;

    /// <summary>Whether it stands in the rotation of consumers with credit.</summary>
    public bool InRotation { get; set; }

    /// <summary>Deliveries of the present dispatch; becomes one effect.</summary>
    public List<Delivery>? Outbox { get; set; }
}
