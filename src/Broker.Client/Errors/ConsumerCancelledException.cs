using Broker.Protocol;

namespace Broker.Client;

/// <summary>The server has ended a subscription, usually because the queue was deleted. What was delivered may still be settled.</summary>
public sealed class ConsumerCancelledException : BrokerException
{
    internal ConsumerCancelledException(string queue, ErrorCode errorCode, string reason)
        : base(errorCode, reason, Describe($"consumer of '{queue}' cancelled", errorCode, reason)) => Queue = queue;

    /// <summary>The queue that was consumed.</summary>
    public string Queue { get; }
}
