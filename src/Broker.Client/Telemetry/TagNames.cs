using Broker.Protocol;

namespace Broker.Client.Telemetry;

/// <summary>Names and values of tags, as OpenTelemetry's conventions for messaging have them.</summary>
internal static class TagNames
{
    public const string System = "messaging.system";
    public const string SystemName = "broker";
    public const string OperationName = "messaging.operation.name";
    public const string OperationType = "messaging.operation.type";
    public const string Destination = "messaging.destination.name";
    public const string RoutingKey = "messaging.broker.destination.routing_key";
    public const string Redelivered = "messaging.broker.message.redelivered";
    public const string ClientId = "messaging.client.id";
    public const string BodySize = "messaging.message.body.size";
    public const string MessageId = "messaging.message.id";
    public const string ConversationId = "messaging.message.conversation_id";
    public const string ErrorType = "error.type";

    /// <summary>What went wrong, in few words that are always the same.</summary>
    public static string ErrorTypeOf(Exception exception) => exception switch
    {
        BrokerException broker => ErrorTable.NameOf(broker.ErrorCode),
        OperationCanceledException => "cancelled",
        TimeoutException => "timeout",
        _ => exception.GetType().FullName ?? exception.GetType().Name,
    };
}

/// <summary>Names of operations.</summary>
internal static class Operations
{
    public const string Publish = "publish";
    public const string Receive = "receive";
    public const string Process = "process";
    public const string Settle = "settle";
    public const string Request = "request";
}
