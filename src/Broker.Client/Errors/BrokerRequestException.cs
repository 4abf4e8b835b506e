using Broker.Protocol;

namespace Broker.Client;

/// <summary>A request was not carried out: a declaration, a deletion, a binding, a get or an administration command.</summary>
public sealed class BrokerRequestException : BrokerException
{
    internal BrokerRequestException(string operation, ErrorCode errorCode, string reason)
        : base(errorCode, reason, Describe(operation, errorCode, reason)) => Operation = operation;

    /// <summary>What was asked for, such as <c>declare queue 'orders'</c>.</summary>
    public string Operation { get; }
}
