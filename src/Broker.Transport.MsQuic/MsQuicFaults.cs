using System.Net.Quic;
using System.Net.Sockets;
using System.Security.Authentication;
using NativeError = System.Net.Quic.QuicError;

namespace Broker.Transport.MsQuic;

/// <summary>Translates what System.Net.Quic throws, once, at this edge.</summary>
internal static class MsQuicFaults
{
    // RFC 9001, section 4.8: a TLS alert travels as transport error 0x100 + alert.
    private const long FirstTlsAlert = 0x100;
    private const long LastTlsAlert = 0x1FF;
    private const long ConnectionRefusedCode = 0x02;
    private const int NoApplicationProtocolAlert = 120;

    // msquic_posix.h and msquic_winuser.h: the status that .NET leaves in HResult.
    private const int AlpnFailureLinux = 92;  // ENOPROTOOPT
    private const int AlpnFailureMacOS = 42;  // ENOPROTOOPT
    private const int AlpnFailureWindows = unchecked((int)0x80410007);

    /// <summary>How a connection, or the attempt at one, failed.</summary>
    public static QuicTransportException OfConnection(Exception exception) => exception switch
    {
        QuicTransportException known => known,
        QuicException quic => OfConnection(quic),
        AuthenticationException tls when IsAlpnFailure(tls) => new(QuicError.ProtocolMismatch, $"no application protocol in common: {tls.Message}", tls),
        AuthenticationException tls => new(QuicError.TlsFailed, tls.Message, tls),
        SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse } socket => new(QuicError.AddressInUse, socket.Message, socket),
        SocketException socket => new(QuicError.ConnectionRefused, socket.Message, socket),
        ObjectDisposedException disposed => new(QuicError.OperationAborted, "this side disposed the connection", disposed),
        _ => new(QuicError.Transport, exception.Message, exception),
    };

    /// <summary>The fault concerns one stream and not its connection.</summary>
    public static bool IsOfStream(Exception exception, out long errorCode)
    {
        errorCode = (exception as QuicException)?.ApplicationErrorCode ?? 0;
        return exception is QuicException { QuicError: NativeError.StreamAborted };
    }

    private static QuicTransportException OfConnection(QuicException quic)
    {
        var error = quic.QuicError switch
        {
            NativeError.ConnectionAborted => QuicError.ConnectionAborted,
            NativeError.ConnectionIdle => QuicError.ConnectionIdle,
            NativeError.ConnectionTimeout => QuicError.HandshakeTimeout,
            NativeError.ConnectionRefused => QuicError.ConnectionRefused,
            NativeError.AlpnInUse => QuicError.AddressInUse, // listeners of one process share a port as long as their protocols differ
            NativeError.OperationAborted => QuicError.OperationAborted,
            NativeError.TransportError => OfTransportCode(quic.TransportErrorCode),
            _ => QuicError.Transport,
        };
        return new QuicTransportException(error, quic.Message, quic, quic.ApplicationErrorCode);
    }

    private static QuicError OfTransportCode(long? code) => code switch
    {
        FirstTlsAlert + NoApplicationProtocolAlert => QuicError.ProtocolMismatch,
        >= FirstTlsAlert and <= LastTlsAlert => QuicError.TlsFailed,
        ConnectionRefusedCode => QuicError.ConnectionRefused,
        _ => QuicError.Transport,
    };

    private static bool IsAlpnFailure(AuthenticationException tls) => tls.HResult == (
        OperatingSystem.IsWindows() ? AlpnFailureWindows : OperatingSystem.IsMacOS() ? AlpnFailureMacOS : AlpnFailureLinux);
}
