
namespace Broker.Machines.Logs;

/// <summary>What a consumer asks for when it subscribes.</summary>
/// <param name="Exclusive">No other may consume.</param>
/// <param name="NoAck">Deliveries are settled as they leave.</param>
/// <param name="MaxMessageBytes">The largest message that it takes. When a larger one is its turn, its subscription ends, and the message stays for others.</param>
/// <param name="Priority">Of a queue: those with a higher one get messages first, as long as they have credit.</param>
public sealed record SubscribeTerms(bool Exclusive, bool NoAck, int MaxMessageBytes = int.MaxValue, int Priority = 0)
{
    /// <summary>Of a log: where to begin. <c>null</c>: with what comes from now on.</summary>
    public LogStart? Start { get; init; }

    /// <summary>Of a log: which messages are wanted. <c>null</c>: all.</summary>
    public LogFilter? Filter { get; init; }
}
