using Microsoft.Extensions.Logging;

namespace Broker.Client.Extensions;

/// <summary>What clients and hosted consumers log. Ids 200 to 219.</summary>
internal static partial class ClientLog
{
    [LoggerMessage(200, LogLevel.Information, "connected to {Endpoint}, node '{Node}'")]
    public static partial void Connected(ILogger log, BrokerEndpoint endpoint, string node);

    [LoggerMessage(201, LogLevel.Warning, "not connected: {Reason}")]
    public static partial void ConnectFailed(ILogger log, string reason);

    [LoggerMessage(202, LogLevel.Warning, "connection to {Endpoint} lost, another one is tried: {Reason}")]
    public static partial void ConnectionLost(ILogger log, BrokerEndpoint endpoint, string reason);

    [LoggerMessage(203, LogLevel.Information, "connected again, to {Endpoint}, node '{Node}'")]
    public static partial void ConnectionRecovered(ILogger log, BrokerEndpoint endpoint, string node);

    [LoggerMessage(204, LogLevel.Error, "a declaration that went with the connection could not be made again: {Reason}")]
    public static partial void NotRestored(ILogger log, string reason);

    [LoggerMessage(205, LogLevel.Error, "the client is closed: {Reason}")]
    public static partial void ConnectionClosed(ILogger log, string reason);

    [LoggerMessage(210, LogLevel.Information, "consuming queue '{Queue}'")]
    public static partial void Consuming(ILogger log, string queue);

    [LoggerMessage(211, LogLevel.Warning, "not consuming queue '{Queue}', to be tried again in {Seconds} s: {Reason}")]
    public static partial void ConsumingEnded(ILogger log, string queue, double seconds, string reason);

    [LoggerMessage(212, LogLevel.Error, "the handler of queue '{Queue}' failed at a message with routing key '{RoutingKey}', delivered {Before} times before: {Outcome}")]
    public static partial void HandlerFailed(ILogger log, Exception exception, string queue, string routingKey, long before, FailureOutcome outcome);
}
