using System.Diagnostics;
using Broker.Protocol;

namespace Broker.Client.Telemetry;

/// <summary>The trace that a message belongs to, in its headers (W3C Trace Context).</summary>
internal static class TraceHeaders
{
    private const string TraceParent = "traceparent";
    private const string TraceState = "tracestate";

    /// <summary>Options that say in the message's headers what it is part of. Headers that say so already, or have no room, stay as they are.</summary>
    public static PublishOptions Inject(PublishOptions options, Activity activity, string exchange, string routingKey)
    {
        var properties = options.Properties ?? new MessageProperties();
        if (activity.IdFormat != ActivityIdFormat.W3C || activity.Id is not { } id || properties.Headers.TryGetValue(TraceParent, out _))
        {
            return options;
        }

        try
        {
            var headers = properties.Headers.Where(static header => header.Key != TraceState).Append(new(TraceParent, id));
            if (activity.TraceStateString is { Length: > 0 } state)
            {
                headers = headers.Append(new(TraceState, state));
            }

            var traced = properties with { Headers = FieldTable.Of(headers) };
            _ = MessageWriter.Size(exchange, routingKey, traced, 0);
            return options with { Properties = traced };
        }
        catch (ArgumentException)
        {
            // No message fails for its trace; one that is over a limit by itself fails when it is written.
            return options;
        }
    }

    /// <summary>What the message is part of.</summary>
    public static bool TryExtract(MessageProperties properties, out ActivityContext context)
    {
        context = default;
        return properties.Headers.TryGetValue(TraceParent, out var parent)
            && ActivityContext.TryParse(parent.AsText(), properties.Headers.TryGetValue(TraceState, out var state) ? state.AsText() : null, isRemote: true, out context);
    }
}
