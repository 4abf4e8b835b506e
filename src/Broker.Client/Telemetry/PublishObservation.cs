using System.Diagnostics;
using Broker.Protocol;

namespace Broker.Client.Telemetry;

/// <summary>A message between being handed over and its outcome, for those who watch; there is none while nobody does.</summary>
internal sealed class PublishObservation
{
    private readonly string _destination;
    private readonly Activity? _activity;
    private readonly long _begun = Stopwatch.GetTimestamp();
    private bool _ended;

    private PublishObservation(string destination, Activity? activity)
    {
        _destination = destination;
        _activity = activity;
    }

    /// <summary>A message is handed over. Call this outside of any lock: it runs what listeners have registered.</summary>
    /// <param name="exchange">Its exchange.</param>
    /// <param name="routingKey">Its routing key.</param>
    /// <param name="bodySize">Size of its body in bytes.</param>
    /// <param name="options">How to publish it; the trace is added to its headers.</param>
    public static PublishObservation? Begin(string exchange, string routingKey, int bodySize, ref PublishOptions options)
    {
        var traces = BrokerTelemetry.Source.HasListeners();
        if (!traces && !ClientMetrics.Sent.Enabled && !ClientMetrics.OperationDuration.Enabled)
        {
            if (Activity.Current is { } outer)
            {
                options = TraceHeaders.Inject(options, outer, exchange, routingKey);
            }

            return null;
        }

        var current = Activity.Current;
        var destination = DestinationOf(exchange, routingKey);
        var activity = traces ? Start(destination, routingKey, bodySize, options.Properties) : null;
        if ((activity ?? current) is { } traced)
        {
            options = TraceHeaders.Inject(options, traced, exchange, routingKey);
        }

        // It ends with the outcome, and nothing that the caller does until then is part of it.
        Activity.Current = current;
        if (ClientMetrics.Sent.Enabled)
        {
            ClientMetrics.Sent.Add(1, ClientMetrics.Tags(Operations.Publish, destination));
        }

        return new PublishObservation(destination, activity);
    }

    /// <summary>It was taken, or was not. Call this outside of any lock.</summary>
    /// <param name="errorType">What went wrong in few words; <c>null</c>: nothing.</param>
    /// <param name="reason">And in more.</param>
    public void End(string? errorType = null, string? reason = null)
    {
        if (_ended)
        {
            return;
        }

        _ended = true;
        if (ClientMetrics.OperationDuration.Enabled)
        {
            ClientMetrics.OperationDuration.Record(
                Stopwatch.GetElapsedTime(_begun).TotalSeconds, ClientMetrics.Tags(Operations.Publish, _destination, errorType));
        }

        if (_activity is null)
        {
            return;
        }

        if (errorType is not null)
        {
            _activity.SetTag(TagNames.ErrorType, errorType);
            _activity.SetStatus(ActivityStatusCode.Error, reason);
        }

        // Stopping makes the publisher's activity the current one, here where its stream is read.
        var current = Activity.Current;
        _activity.Stop();
        Activity.Current = current;
    }

    /// <summary>It failed with an exception.</summary>
    public void End(Exception exception) => End(TagNames.ErrorTypeOf(exception), exception.Message);

    /// <summary>It was returned or rejected.</summary>
    public void End(in PublishFailure failure) => End(ErrorTable.NameOf(failure.ErrorCode), failure.Reason);

    /// <summary>The default exchange goes by the queue's name; one-time names of replies go by that of all.</summary>
    public static string DestinationOf(string exchange, string routingKey) => exchange.Length > 0 ? exchange
        : routingKey.StartsWith(Replies.ReplyAddress.Queue, StringComparison.Ordinal) ? Replies.ReplyAddress.Queue
        : routingKey;

    private static Activity? Start(string destination, string routingKey, int bodySize, MessageProperties? properties)
    {
        var activity = BrokerTelemetry.Source.StartActivity(
            $"{Operations.Publish} {destination}",
            ActivityKind.Producer,
            default(ActivityContext),
            [
                new(TagNames.System, TagNames.SystemName), new(TagNames.OperationName, Operations.Publish), new(TagNames.OperationType, "send"),
                new(TagNames.Destination, destination),
            ]);
        if (activity is { IsAllDataRequested: true })
        {
            activity.SetTag(TagNames.RoutingKey, routingKey);
            activity.SetTag(TagNames.BodySize, bodySize);
            activity.SetTag(TagNames.MessageId, properties?.MessageId);
            activity.SetTag(TagNames.ConversationId, properties?.CorrelationId);
        }

        return activity;
    }
}
