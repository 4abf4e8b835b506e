using Broker.Protocol;

namespace Broker.Client;

/// <summary>The server has ended one stream: a publisher, a consumer, or the stream that requests share. The connection goes on.</summary>
public sealed class BrokerStreamException : BrokerException
{
    internal BrokerStreamException(string what, ErrorCode errorCode, string reason)
        : base(errorCode, reason, Describe(what, errorCode, reason))
    {
    }
}
