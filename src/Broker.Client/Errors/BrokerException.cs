using Broker.Protocol;

namespace Broker.Client;

/// <summary>The base of every failure that the broker or the way to it caused. Wrong arguments are <see cref="ArgumentException"/>, as everywhere.</summary>
public abstract class BrokerException : Exception
{
    private protected BrokerException(ErrorCode errorCode, string reason, string message, bool? retryable = null, Exception? innerException = null)
        : base(message, innerException)
    {
        ErrorCode = errorCode;
        Reason = reason;
        IsRetryable = retryable ?? ErrorTable.IsRetryable(errorCode);
    }

    /// <summary>What is wrong; decide on this, never on the message.</summary>
    public ErrorCode ErrorCode { get; }

    /// <summary>The server's own words, or the transport's; empty if there were none.</summary>
    public string Reason { get; }

    /// <summary>Whether the same operation, unchanged, may succeed later or on another node.</summary>
    public bool IsRetryable { get; }

    private protected static string Describe(string what, ErrorCode code, string reason) =>
        reason.Length > 0 ? $"{what}: {ErrorTable.NameOf(code)}: {reason}" : $"{what}: {ErrorTable.NameOf(code)}";
}
