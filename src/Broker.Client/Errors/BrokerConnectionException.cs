using Broker.Protocol;
using Broker.Transport;

namespace Broker.Client;

/// <summary>No connection could be made, or the one in use has ended. Everything that was under way on it fails with this; its outcome is unknown.</summary>
public sealed class BrokerConnectionException : BrokerException
{
    internal BrokerConnectionException(
        string what, ErrorCode errorCode, string reason, bool? retryable = null, QuicError? transportError = null, Exception? innerException = null)
        : base(errorCode, reason, Describe(what, errorCode, reason), retryable, innerException) => TransportError = transportError;

    /// <summary>What the transport reported; <c>null</c> if this side ended the connection.</summary>
    public QuicError? TransportError { get; }

    internal static BrokerConnectionException From(string what, QuicTransportException e) => e.Error == QuicError.ConnectionAborted
        ? ClosedByServer(what, e.ErrorCode, e.Message, e)
        : FromTransport(what, e.Error, e.Message, e);

    internal static BrokerConnectionException From(string what, QuicCloseInfo info) => info.Error == QuicError.ConnectionAborted
        ? ClosedByServer(what, info.ErrorCode, info.Reason, null)
        : FromTransport(what, info.Error, info.Reason, null);

    private static BrokerConnectionException ClosedByServer(string what, long? code, string reason, Exception? inner)
    {
        var errorCode = (ErrorCode)(code ?? 0);

        // A server that says goodbye in order is a server that stops: the next one may serve.
        return new BrokerConnectionException(what, errorCode, reason, errorCode == ErrorCode.NoError ? true : null, QuicError.ConnectionAborted, inner);
    }

    private static BrokerConnectionException FromTransport(string what, QuicError error, string reason, Exception? inner)
    {
        var (code, retryable) = error switch
        {
            QuicError.InvalidConfiguration or QuicError.LibraryMissing => (ErrorCode.InvalidArgument, false),
            QuicError.ProtocolMismatch => (ErrorCode.UnsupportedVersion, false),
            QuicError.TlsFailed => (ErrorCode.AccessRefused, false),
            QuicError.HandshakeTimeout => (ErrorCode.HandshakeTimeout, true),
            _ => (ErrorCode.Unavailable, true),
        };
        return new BrokerConnectionException(what, code, reason, retryable, error, inner);
    }
}
