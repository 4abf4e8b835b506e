using Broker.Machines.Queues;

namespace Broker.Machines.Logs;

/// <summary>A log's view of one reader: where it is, and what it may still get.</summary>
internal sealed class LogReader(ConsumerId id, LogFilter? filter, bool noAck, bool exclusive, int maxMessageBytes)
{
    public ConsumerId Id => id;

    /// <summary>What it wants; <c>null</c>: everything.</summary>
    public LogFilter? Filter => filter;

    public bool NoAck => noAck;

    public bool Exclusive => exclusive;

    /// <summary>The largest message that its client takes.</summary>
    public int MaxMessageBytes => maxMessageBytes;

    public bool Subscribed { get; set; } = true;

    /// <summary>Position of the next message to look at; while a time is looked for, the lowest that may be the first of that time.</summary>
    public ulong Cursor { get; set; }

    /// <summary>While a time is looked for: the lowest position that is known to be of that time or later.</summary>
    public ulong SeekEnd { get; set; }

    /// <summary>The time that is looked for; <c>null</c> once it is found.</summary>
    public long? SeekTime { get; set; }

    public long CreditMessages { get; set; }

    public long CreditBytes { get; set; }

    public bool HasCredit => Subscribed && CreditMessages > 0 && CreditBytes > 0;

    public ulong LastTag { get; set; }

    public UnsettledTags Unsettled { get; } = new();

    /// <summary>Position that a search waits for.</summary>
    public ulong Wanted { get; set; }

    /// <summary>Whether it is its turn in the next dispatch.</summary>
    public bool IsQueued { get; set; }

    /// <summary>Deliveries of the present dispatch; becomes one effect.</summary>
    public List<Delivery>? Outbox { get; set; }
}
