using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Broker.Client;

/// <summary>
/// The names under which the client reports traces and metrics, in OpenTelemetry's conventions for messaging; docs/client.md has the table. Nothing is measured while
/// nobody listens.
/// </summary>
public static class BrokerTelemetry
{
    /// <summary>The <see cref="ActivitySource"/> of publish and process spans.</summary>
    public const string ActivitySourceName = "Broker.Client";

    /// <summary>The <see cref="Meter"/> of all metrics.</summary>
    public const string MeterName = "Broker.Client";

    private static readonly string? s_version = typeof(BrokerTelemetry).Assembly.GetName().Version?.ToString(3);

    internal static ActivitySource Source { get; } = new(ActivitySourceName, s_version);

    internal static Meter Meter { get; } = new(MeterName, s_version);
}
