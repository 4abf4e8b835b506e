using Broker.Protocol;

namespace Broker.Client.Consuming;

/// <summary>Where settlements of deliveries go: the stream that they came on.</summary>
internal interface ISettlementSink
{
    /// <summary>Settles consecutive tags. They are sent soon, not necessarily at once.</summary>
    /// <param name="first">The first tag.</param>
    /// <param name="last">The last one.</param>
    /// <param name="bytes">Of their messages.</param>
    /// <param name="outcome">The same for all.</param>
    /// <param name="reason">Of a rejection; empty for none.</param>
    /// <returns>Complete already, unless the stream's settlements are confirmed: completes when the server has answered for all tags then.</returns>
    /// <exception cref="BrokerException">The stream is over; the messages have gone back to their queue.</exception>
    ValueTask SettleAsync(ulong first, ulong last, long bytes, SettleOutcome outcome, string reason = "");
}
