namespace Broker.Machines.Queues;

/// <summary>Where a message stands in a queue: higher priorities first, then by age.</summary>
internal readonly record struct QueuePlace(int Level, ulong Position) : IComparable<QueuePlace>
{
    public int CompareTo(QueuePlace other) => Level != other.Level ? other.Level.CompareTo(Level) : Position.CompareTo(other.Position);
}

/// <summary>Messages with the same group key, as far as any of them is with a consumer, waits for that, or pauses after it came back.</summary>
internal sealed class MessageGroup(string key)
{
    public string Key { get; } = key;

    /// <summary>Who holds messages of it, and alone gets more; <c>null</c>: whoever is next.</summary>
    public QueueConsumer? Owner { get; set; }

    /// <summary>Messages that the owner holds.</summary>
    public int HeldCount { get; set; }

    /// <summary>One came back while others are still held: they come first, or come back as well.</summary>
    public bool IsBroken { get; set; }

    /// <summary>Messages that came back and pause. The later ones wait for them.</summary>
    public int PausedCount { get; set; }

    /// <summary>Messages that were passed over, in order.</summary>
    public SortedSet<QueuePlace> Waiting { get; } = [];

    /// <summary>Where it stands in the list of groups that have something for somebody, while it is in one.</summary>
    public (SortedDictionary<QueuePlace, MessageGroup> List, QueuePlace Place)? Listed { get; set; }

    public bool MayBeTakenBy(QueueConsumer consumer) => !IsBroken && PausedCount == 0 && (Owner is null || Owner == consumer);
}
