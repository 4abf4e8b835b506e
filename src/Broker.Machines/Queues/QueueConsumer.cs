namespace Broker.Machines.Queues;

/// <summary>A queue's view of one consumer: what it may still get, and what it holds.</summary>
internal sealed class QueueConsumer
{
    public QueueConsumer(ConsumerId id, bool noAck, bool exclusive, bool subscribed, int maxMessageBytes, int priority = 0, long order = 0)
    {
        Id = id;
        NoAck = noAck;
        Exclusive = exclusive;
        Subscribed = subscribed;
        IsSubscriber = subscribed;
        MaxMessageBytes = maxMessageBytes;
        Priority = priority;
        Order = order;
        Turn = new LinkedListNode<QueueConsumer>(this);
    }

    public ConsumerId Id { get; }

    /// <summary>Deliveries are settled as they leave.</summary>
    public bool NoAck { get; }

    public bool Exclusive { get; }

    /// <summary><c>false</c> for one that only takes single messages (GET), or has cancelled.</summary>
    public bool Subscribed { get; set; }

    /// <summary>It is subscribed, or was.</summary>
    public bool IsSubscriber { get; }

    /// <summary>It has held a message for too long: what it held went back, and what it says of it comes too late.</summary>
    public bool IsOverdue { get; set; }

    /// <summary>The largest message that its client takes.</summary>
    public int MaxMessageBytes { get; }

    /// <summary>Those with a higher one get messages first.</summary>
    public int Priority { get; }

    /// <summary>Of two, the one with the lower number came first.</summary>
    public long Order { get; }

    public UnsettledDeliveries Unsettled { get; } = new();

    /// <summary>Since when it has held the oldest of them.</summary>
    public HoldingTimes Times { get; } = new();

    /// <summary>Groups of messages that it works on and of which more waits for it, by their first message.</summary>
    public SortedDictionary<QueuePlace, MessageGroup> Groups => _groups ??= [];

    private SortedDictionary<QueuePlace, MessageGroup>? _groups;

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
