using Broker.Protocol;

namespace Broker.Client.Consuming;

/// <summary>Where settlements of deliveries go: the stream that they came on.</summary>
internal interface ISettlementSink
{
    /// <summary>Settles consecutive tags. They are sent soon, not necessarily at once.</summary>
    /// <returns>Complete already, unless the stream's settlements are confirmed: completes when the server has answered for all tags then.</returns>
    /// <exception cref="BrokerException">The stream is over; the messages have gone back to their queue.</exception>
    ValueTask SettleAsync(ulong first, ulong last, long bytes, SettleOutcome outcome);
}
