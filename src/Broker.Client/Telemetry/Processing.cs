using System.Diagnostics;

namespace Broker.Client.Telemetry;

/// <summary>A handler that works on a message, for those who watch.</summary>
internal sealed class Processing : IDisposable
{
    private readonly string _queue;
    private readonly Activity? _activity;
    private readonly long _begun = Stopwatch.GetTimestamp();
    private string? _errorType;

    private Processing(string queue, Activity? activity)
    {
        _queue = queue;
        _activity = activity;
    }

    /// <summary>The handler begins; <c>null</c> if nobody watches.</summary>
    public static Processing? Begin(in Delivery delivery, string queue)
    {
        var activity = StartActivity(delivery, queue);
        return activity is null && !ClientMetrics.ProcessDuration.Enabled ? null : new Processing(queue, activity);
    }

    /// <summary>A span of processing as part of the trace that the message belongs to; <c>null</c> if nobody watches.</summary>
    public static Activity? StartActivity(in Delivery delivery, string queue)
    {
        if (!BrokerTelemetry.Source.HasListeners())
        {
            return null;
        }

        var properties = delivery.Properties;
        var current = Activity.Current;
        var isTraced = TraceHeaders.TryExtract(properties, out var parent);
        var activity = BrokerTelemetry.Source.StartActivity(
            $"{Operations.Process} {queue}",
            ActivityKind.Consumer,
            parent,
            [
                new(TagNames.System, TagNames.SystemName), new(TagNames.OperationName, Operations.Process), new(TagNames.OperationType, Operations.Process),
                new(TagNames.Destination, queue),
            ],
            isTraced && current is not null ? [new ActivityLink(current.Context)] : null);
        if (activity is { IsAllDataRequested: true })
        {
            activity.SetTag(TagNames.RoutingKey, delivery.RoutingKey);
            activity.SetTag(TagNames.BodySize, delivery.Body.Length);
            activity.SetTag(TagNames.Redelivered, delivery.Redelivered);
            activity.SetTag(TagNames.MessageId, properties.MessageId);
            activity.SetTag(TagNames.ConversationId, properties.CorrelationId);
        }

        return activity;
    }

    /// <summary>The handler has thrown.</summary>
    public void Fail(Exception exception)
    {
        _errorType = TagNames.ErrorTypeOf(exception);
        _activity?.SetTag(TagNames.ErrorType, _errorType);
        _activity?.SetStatus(ActivityStatusCode.Error, exception.Message);
        _activity?.AddException(exception);
    }

    public void Dispose()
    {
        if (ClientMetrics.ProcessDuration.Enabled)
        {
            ClientMetrics.ProcessDuration.Record(
                Stopwatch.GetElapsedTime(_begun).TotalSeconds, ClientMetrics.Tags(Operations.Process, _queue, _errorType));
        }

        _activity?.Dispose();
    }
}
