using Broker.Protocol;

namespace Broker.Client.Connections;

/// <summary>Which failures pass.</summary>
internal static class Recovery
{
    /// <summary>A node or a queue's leader is away for now: the same operation may succeed soon, here or elsewhere.</summary>
    public static bool IsUnavailable(ErrorCode code) => code is ErrorCode.Unavailable or ErrorCode.NotLeader or ErrorCode.ShuttingDown;

    /// <summary>Whether to try the same again.</summary>
    public static bool IsWorthwhile(BrokerException reason) => reason is BrokerConnectionException ? reason.IsRetryable : IsUnavailable(reason.ErrorCode);
}
