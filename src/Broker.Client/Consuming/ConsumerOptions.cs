using Broker.Protocol;

namespace Broker.Client;

/// <summary>How to consume. Immutable.</summary>
public sealed record ConsumerOptions
{
    internal const string OffsetArgument = "x-stream-offset";

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

    /// <summary>
    /// Settling completes only when the broker has answered that the settlement is in effect: for a durable queue it is on disk then and survives a crash, so
    /// the message does not come again. Each is sent at once, without <see cref="SettleDelay"/>; settle many at the same time, or whole batches, for
    /// throughput. Messages that come meanwhile are kept in memory for the next read. Default <c>false</c>: settling completes at once, and a message whose
    /// settlement is lost with a connection or node is delivered again. Not with <see cref="NoAck"/>.
    /// </summary>
    public bool ConfirmSettles { get; init; }

    /// <summary>
    /// Consume at the node that leads the queue, which saves a hop, over another connection of the client if need be. When the leader changes, the consumer follows within half a minute. Where the
    /// leader cannot be reached, or refuses, messages come by way of the client's own connection, as they do without this. Default <c>false</c>.
    /// </summary>
    /// <remarks>
    /// A queue that is exclusive belongs to the client's own connection, and is consumed there. An <see cref="Exclusive"/> consumer changes its place only when it is lost.
    /// A consumer that moves settles what it has got where it has got it, and gets the next messages elsewhere meanwhile.
    /// </remarks>
    public bool PreferLeader { get; init; }

    /// <summary>The consumer's name in lists; at most 255 bytes of UTF-8. Default: the broker makes one up.</summary>
    public string ConsumerTag { get; init; } = "";

    /// <summary>
    /// The longest that a settlement is held back to be sent together with others. Default 20 ms; zero sends each at once;
    /// <see cref="Timeout.InfiniteTimeSpan"/> waits until the consumer waits for messages. No effect with <see cref="ConfirmSettles"/>.
    /// </summary>
    public TimeSpan SettleDelay { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// Consumers with a higher number get messages first; others only while those have no room. -2,147,483,648 to 2,147,483,647. Default <c>null</c>: 0. Argument
    /// <c>x-priority</c>.
    /// </summary>
    public int? Priority { get; init; }

    /// <summary>
    /// Of a log: where to begin. After a lost connection the consumer goes on behind the last message that was read, wherever it began. Default <c>null</c>:
    /// <see cref="LogOffset.Next"/>. Argument <c>x-stream-offset</c>.
    /// </summary>
    public LogOffset? Offset { get; init; }

    /// <summary>
    /// Of a log: only messages whose header <see cref="FilterHeader"/> has one of these values, 1 to 128 of them; the others are passed over at the broker. Default:
    /// none, so all messages. Argument <c>x-stream-filter</c>.
    /// </summary>
    public IReadOnlyList<string> Filter { get; init; } = [];

    /// <summary>With <see cref="Filter"/>: the header that it is about. Default <c>null</c>: <c>x-stream-filter-value</c>. Argument <c>x-stream-filter-header</c>.</summary>
    public string? FilterHeader { get; init; }

    /// <summary>With <see cref="Filter"/>: messages without the header as well. Default <c>null</c>: no. Argument <c>x-stream-match-unfiltered</c>.</summary>
    public bool? MatchUnfiltered { get; init; }

    /// <summary>
    /// Further arguments of the subscription by their names. Default: none. One that an option above says otherwise is an <see cref="ArgumentException"/>.
    /// </summary>
    public FieldTable Arguments { get; init; } = FieldTable.Empty;

    internal SubscribeFlags Flags =>
        (Exclusive ? SubscribeFlags.Exclusive : 0)
        | (NoAck ? SubscribeFlags.NoAck : 0)
        | (ConfirmSettles ? SubscribeFlags.ConfirmSettles : 0);

    /// <summary>All arguments, typed or not.</summary>
    /// <exception cref="ArgumentException">One is said twice in different ways.</exception>
    internal FieldTable ToTable()
    {
        ArgumentNullException.ThrowIfNull(Arguments);
        var arguments = new Requests.TypedArguments(Arguments)
            .Add("x-priority", nameof(Priority), Priority, int.MinValue, int.MaxValue)
            .Add("x-stream-filter-header", nameof(FilterHeader), FilterHeader)
            .Add("x-stream-match-unfiltered", nameof(MatchUnfiltered), MatchUnfiltered);
        arguments = Offset is { } offset ? arguments.Add(OffsetArgument, nameof(Offset), offset.ToValue()) : arguments;
        arguments = Filter.Count > 0 ? arguments.Add("x-stream-filter", nameof(Filter), FieldValue.List([.. Filter.Select(FieldValue.From)])) : arguments;
        return arguments.ToTable();
    }

    internal void Validate()
    {
        if (NoAck && ConfirmSettles)
        {
            throw new ArgumentException("with NoAck nothing is settled that could be confirmed", nameof(ConfirmSettles));
        }

        _ = ToTable();
        ArgumentOutOfRangeException.ThrowIfLessThan(PrefetchMessages, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(PrefetchBytes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(PrefetchBytes, (long)ProtocolLimits.MaxCredit);
        if (SettleDelay < TimeSpan.Zero && SettleDelay != Timeout.InfiniteTimeSpan)
        {
            throw new ArgumentOutOfRangeException(nameof(SettleDelay), SettleDelay, "must not be negative");
        }
    }
}
