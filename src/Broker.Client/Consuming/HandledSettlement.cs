using Broker.Protocol;

namespace Broker.Client.Consuming;

/// <summary>The settlement of a delivery that a handler has: it may settle the message itself, or leave that to the consumer.</summary>
internal sealed class HandledSettlement(ISettlementSink stream) : ISettlementSink
{
    private int _taken;

    /// <summary>Whether whoever asks is the first, and so settles the message.</summary>
    public bool TryTake() => Interlocked.Exchange(ref _taken, 1) == 0;

    ValueTask ISettlementSink.SettleAsync(ulong first, ulong last, long bytes, SettleOutcome outcome, string reason) => TryTake()
        ? stream.SettleAsync(first, last, bytes, outcome, reason)
        : throw new InvalidOperationException($"delivery {first} is settled already");
}
