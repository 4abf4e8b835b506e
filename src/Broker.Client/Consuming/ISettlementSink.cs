using Broker.Protocol;

namespace Broker.Client.Consuming;

/// <summary>Where settlements of deliveries go: the stream that they came on.</summary>
internal interface ISettlementSink
{
    /// <summary>Settles consecutive tags. They are sent soon, not necessarily at once.</summary>
    /// <exception cref="BrokerException">The stream is over; the messages have gone back to their queue.</exception>
    void Settle(ulong first, ulong last, long bytes, SettleOutcome outcome);
}
