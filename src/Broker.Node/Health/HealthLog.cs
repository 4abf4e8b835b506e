using System.Net;
using Microsoft.Extensions.Logging;

namespace Broker.Node.Health;

/// <summary>Event ids 120 to 139.</summary>
internal static partial class HealthLog
{
    [LoggerMessage(120, LogLevel.Information, "Health endpoints /health/live and /health/ready on http://{EndPoint}")]
    public static partial void Listening(ILogger logger, IPEndPoint endPoint);

    [LoggerMessage(121, LogLevel.Warning, "No health endpoints: {EndPoint} is taken; choose a port with BROKER_HEALTH__PORT, or BROKER_HEALTH__ENABLED=false")]
    public static partial void PortTaken(ILogger logger, IPEndPoint endPoint);
}
