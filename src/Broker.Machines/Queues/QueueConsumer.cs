namespace Broker.Machines.Queues;

/// <summary>A queue's view of one consumer: what it may still get, and what it holds.</summary>
internal sealed class QueueConsumer
{
    public QueueConsumer(ConsumerId id, bool noAck, bool exclusive, bool subscribed, int maxMessageBytes)
    {
        Id = id;
        NoAck = noAck;
        Exclusive = exclusive;
        Subscribed = subscribed;
        MaxMessageBytes = maxMessageBytes;
        Turn = new LinkedListNode<QueueConsumer>(this);
    }

    public ConsumerId Id { get; }

    /// <summary>Deliveries are settled as they leave.</summary>
    public bool NoAck { get; }

    public bool Exclusive { get; }

    /// <summary><c>false</c> for one that only takes single messages (GET), or has cancelled.</summary>
    public bool Subscribed { get; set; }

    /// <summary>The largest message that its client takes.</summary>
    public int MaxMessageBytes { get; }

    public UnsettledDeliveries Unsettled { get; } = new();

    /// <summary>Messages it may get now.</summary>
    public long CreditMessages { get; set; }

    /// <summary>Bytes it may get now. One message may take it below zero: otherwise one larger than the credit could never go.</summary>
    public long CreditBytes { get; set; }

    public bool HasCredit => Subscribed && CreditMessages > 0 && CreditBytes > 0;

    /// <summary>Its place in the rotation of consumers with credit, while it has one.</summary>
    public LinkedListNode<QueueConsumer> Turn { get; }

    /// <summary>Deliveries of the present dispatch; becomes one effect.</summary>
    public List<Delivery>? Outbox { get; set; }
}
