using Broker.Protocol;

namespace Broker.Client;

/// <summary>How to consume. Immutable.</summary>
public sealed record ConsumerOptions
{
    /// <summary>
    /// Messages that may be delivered and not settled. Default 1,000; at least 1. With <see cref="NoAck"/>, messages that may be on their way.
    /// </summary>
    public int PrefetchMessages { get; init; } = 1000;

    /// <summary>Bytes of messages that may be delivered and not settled. Default 1 MiB; at least 1. The message that crosses the limit still comes.</summary>
    public long PrefetchBytes { get; init; } = 1 << 20;

    /// <summary>No other consumer on the queue. Default <c>false</c>.</summary>
    public bool Exclusive { get; init; }

    /// <summary>Messages are settled by sending them, and lost with the connection. Default <c>false</c>.</summary>
    public bool NoAck { get; init; }

    /// <summary>The consumer's name in lists; at most 255 bytes of UTF-8. Default: the broker makes one up.</summary>
    public string ConsumerTag { get; init; } = "";

    /// <summary>
    /// The longest that a settlement is held back to be sent together with others. Default 20 ms; zero sends each at once;
    /// <see cref="Timeout.InfiniteTimeSpan"/> waits until the consumer waits for messages.
    /// </summary>
    public TimeSpan SettleDelay { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>Arguments of the subscription. Default: none.</summary>
    public FieldTable Arguments { get; init; } = FieldTable.Empty;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(PrefetchMessages, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(PrefetchBytes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(PrefetchBytes, (long)ProtocolLimits.MaxCredit);
        if (SettleDelay < TimeSpan.Zero && SettleDelay != Timeout.InfiniteTimeSpan)
        {
            throw new ArgumentOutOfRangeException(nameof(SettleDelay), SettleDelay, "must not be negative");
        }
    }
}
