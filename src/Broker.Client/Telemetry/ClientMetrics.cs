using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Broker.Client.Publishing;
using Broker.Protocol;

namespace Broker.Client.Telemetry;

/// <summary>The client's instruments.</summary>
internal static class ClientMetrics
{
    private static readonly Meter s_meter = BrokerTelemetry.Meter;
    private static readonly ConcurrentDictionary<PublishChannel, string> s_channels = new();

    // As OpenTelemetry advises for durations of messaging operations.
    private static readonly InstrumentAdvice<double> s_seconds = new() { HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] };

    static ClientMetrics() => s_meter.CreateObservableUpDownCounter(
        "broker.client.publisher.in_flight", InFlight, "{message}", "Messages that were handed to publishers and have no outcome yet");

    public static Counter<long> Sent { get; } = s_meter.CreateCounter<long>(
        "messaging.client.sent.messages", "{message}", "Messages that were handed to a publisher");

    public static Counter<long> Consumed { get; } = s_meter.CreateCounter<long>(
        "messaging.client.consumed.messages", "{message}", "Messages that were delivered to the application");

    public static Histogram<double> OperationDuration { get; } = s_meter.CreateHistogram(
        "messaging.client.operation.duration", "s", "From handing a message over to its outcome, or from a request to its reply", null, s_seconds);

    public static Histogram<double> ProcessDuration { get; } = s_meter.CreateHistogram(
        "messaging.process.duration", "s", "How long handlers take", null, s_seconds);

    public static Counter<long> Confirmed { get; } = s_meter.CreateCounter<long>(
        "broker.client.publisher.confirmed", "{message}", "Messages that the broker has taken responsibility for");

    public static Counter<long> Returned { get; } = s_meter.CreateCounter<long>(
        "broker.client.publisher.returned", "{message}", "Mandatory messages that found no queue");

    public static Counter<long> Rejected { get; } = s_meter.CreateCounter<long>(
        "broker.client.publisher.rejected", "{message}", "Messages that the broker refused");

    public static Counter<long> Settled { get; } = s_meter.CreateCounter<long>(
        "broker.client.consumer.settled", "{message}", "Messages that the application settled");

    public static Counter<long> Reconnects { get; } = s_meter.CreateCounter<long>(
        "broker.client.reconnects", "{reconnect}", "Connections that were made in place of lost ones");

    /// <summary>Counts a publisher's messages in flight from now on.</summary>
    public static void Add(PublishChannel channel, string clientName) => s_channels[channel] = clientName;

    /// <summary>The publisher is over.</summary>
    public static void Remove(PublishChannel channel) => s_channels.TryRemove(channel, out _);

    /// <summary>Messages came to the application.</summary>
    public static void Delivered(string queue, int count)
    {
        if (Consumed.Enabled)
        {
            Consumed.Add(count, Tags(Operations.Receive, queue));
        }
    }

    /// <summary>The application settled messages.</summary>
    public static void Settle(string queue, SettleOutcome outcome, ulong count)
    {
        if (Settled.Enabled)
        {
            var tags = Tags(Operations.Settle, queue);
            tags.Add("broker.settle.outcome", outcome switch { SettleOutcome.Ack => "ack", SettleOutcome.Requeue => "requeue", _ => "reject" });
            Settled.Add((long)count, tags);
        }
    }

    /// <summary>Outcomes of messages that were published.</summary>
    public static void Outcomes(long confirmed, List<PublishFailure>? failures)
    {
        if (confirmed > 0 && Confirmed.Enabled)
        {
            Confirmed.Add(confirmed, new KeyValuePair<string, object?>(TagNames.System, TagNames.SystemName));
        }

        foreach (var failure in failures ?? [])
        {
            var counter = failure.IsReturned ? Returned : Rejected;
            if (counter.Enabled)
            {
                counter.Add(1, new TagList { { TagNames.System, TagNames.SystemName }, { TagNames.ErrorType, ErrorTable.NameOf(failure.ErrorCode) } });
            }
        }
    }

    /// <summary>There is a connection again.</summary>
    public static void Reconnected(string clientName) => Reconnects.Add(
        1, new TagList { { TagNames.System, TagNames.SystemName }, { TagNames.ClientId, clientName } });

    /// <summary>The tags that all measurements of an operation on messages have.</summary>
    public static TagList Tags(string operation, string destination, string? errorType = null)
    {
        var tags = new TagList { { TagNames.System, TagNames.SystemName }, { TagNames.OperationName, operation }, { TagNames.Destination, destination } };
        if (errorType is not null)
        {
            tags.Add(TagNames.ErrorType, errorType);
        }

        return tags;
    }

    private static IEnumerable<Measurement<long>> InFlight() =>
        from channel in s_channels
        group channel.Key.InFlight by channel.Value into counts
        select new Measurement<long>(
            counts.Sum(), new KeyValuePair<string, object?>(TagNames.System, TagNames.SystemName), new KeyValuePair<string, object?>(TagNames.ClientId, counts.Key));
}
