namespace Broker.Transport;

/// <summary>What a backend can do beyond the contract that all of them keep.</summary>
[Flags]
public enum QuicCapabilities
{
    /// <summary>Nothing beyond the common contract.</summary>
    None = 0,

    /// <summary>Real datagrams over UDP, with loss, addresses and timeouts that are the network's.</summary>
    Network = 1 << 0,

    /// <summary>RTT, congestion window, packets and losses in <see cref="QuicConnectionStatistics"/>. Without it, only bytes are counted.</summary>
    PathStatistics = 1 << 1,

    /// <summary><see cref="QuicClientOptions.SessionCache"/>.</summary>
    Resumption = 1 << 2,

    /// <summary><see cref="QuicListenerOptions.Retry"/> and its thresholds are honoured.</summary>
    RetryPolicy = 1 << 3,

    /// <summary><see cref="QuicListenerOptions.StatelessResetKey"/> is honoured.</summary>
    StatelessReset = 1 << 4,

    /// <summary><see cref="QuicConnectionOptions.QlogDirectory"/> is honoured.</summary>
    Qlog = 1 << 5,

    /// <summary><see cref="QuicConnectionOptions.KeyLogFile"/> is honoured.</summary>
    KeyLog = 1 << 6,

    /// <summary>A connection survives a change of the client's address.</summary>
    AddressChange = 1 << 7,

    /// <summary>Keys can be updated on demand (RFC 9001, section 6).</summary>
    KeyUpdate = 1 << 8,

    /// <summary><see cref="QuicConnectionOptions.InlineContinuations"/> is honoured.</summary>
    InlineContinuations = 1 << 9,

    /// <summary>The reason given to <see cref="IQuicConnection.CloseAsync"/> reaches the peer. Without it, only the code does.</summary>
    CloseReason = 1 << 10,

    /// <summary><see cref="IQuicConnection.PeerUnreachable"/> comes where the system lets the backend know. Without it, never.</summary>
    PeerUnreachable = 1 << 11,
}

/// <summary>Why a transport operation failed.</summary>
public enum QuicError
{
    /// <summary>Something else; the message says what.</summary>
    Transport,

    /// <summary>Options that cannot work; the message names the option and a value that would.</summary>
    InvalidConfiguration,

    /// <summary>A native library is missing or of the wrong version; the message names the package to install.</summary>
    LibraryMissing,

    /// <summary>The UDP address is taken.</summary>
    AddressInUse,

    /// <summary>Nobody answers there, or the server refused for load.</summary>
    ConnectionRefused,

    /// <summary>The handshake took longer than <see cref="QuicConnectionOptions.HandshakeTimeout"/>.</summary>
    HandshakeTimeout,

    /// <summary>No application protocol in common.</summary>
    ProtocolMismatch,

    /// <summary>TLS failed: a certificate was refused, or none was shown where one is required.</summary>
    TlsFailed,

    /// <summary>No packet within the idle timeout.</summary>
    ConnectionIdle,

    /// <summary>The peer closed the connection with an application error code.</summary>
    ConnectionAborted,

    /// <summary>The peer has lost the connection's state, as after a restart (stateless reset).</summary>
    ConnectionReset,

    /// <summary>This side closed the connection or disposed the object.</summary>
    OperationAborted,

    /// <summary>The peer reset the stream or stopped reading it; the code says why.</summary>
    StreamAborted,
}

/// <summary>A transport operation failed. Native errors are translated to this once, at the backend's edge.</summary>
public sealed class QuicTransportException : IOException
{
    /// <summary>Creates the exception.</summary>
    public QuicTransportException(QuicError error, string message, Exception? innerException = null, long? errorCode = null)
        : base(message, innerException)
    {
        Error = error;
        ErrorCode = errorCode;
    }

    /// <summary>The kind of failure; decide on this, never on the message.</summary>
    public QuicError Error { get; }

    /// <summary>The peer's application error code, with <see cref="QuicError.ConnectionAborted"/> and <see cref="QuicError.StreamAborted"/>.</summary>
    public long? ErrorCode { get; }
}

/// <summary>How a connection ended.</summary>
/// <param name="Error"><see cref="QuicError.ConnectionAborted"/> for the peer's close, <see cref="QuicError.OperationAborted"/> for ours, else the failure.</param>
/// <param name="ErrorCode">The application error code, if one was sent.</param>
/// <param name="Reason">The peer's or our reason phrase, or a description of the failure.</param>
public sealed record QuicCloseInfo(QuicError Error, long? ErrorCode, string Reason)
{
    /// <summary>The exception that pending and later operations on the connection throw.</summary>
    public QuicTransportException ToException() => new(Error, Reason.Length > 0 ? Reason : $"connection closed ({Error}, code {ErrorCode})", errorCode: ErrorCode);
}

/// <summary>A connection's counters. Fields that need <see cref="QuicCapabilities.PathStatistics"/> are zero without it.</summary>
public readonly record struct QuicConnectionStatistics
{
    /// <summary>Smoothed round-trip time (RFC 9002, section 5).</summary>
    public TimeSpan SmoothedRtt { get; init; }

    /// <summary>Lowest round-trip time seen.</summary>
    public TimeSpan MinRtt { get; init; }

    /// <summary>Congestion window in bytes.</summary>
    public long CongestionWindow { get; init; }

    /// <summary>Bytes sent and neither acknowledged nor lost.</summary>
    public long BytesInFlight { get; init; }

    /// <summary>Packets sent.</summary>
    public long PacketsSent { get; init; }

    /// <summary>Packets received.</summary>
    public long PacketsReceived { get; init; }

    /// <summary>Packets declared lost.</summary>
    public long PacketsLost { get; init; }

    /// <summary>Bytes sent: UDP payload with <see cref="QuicCapabilities.PathStatistics"/>, stream data otherwise.</summary>
    public long BytesSent { get; init; }

    /// <summary>Bytes received, counted as <see cref="BytesSent"/> is.</summary>
    public long BytesReceived { get; init; }

    /// <summary>Streams open now, of both sides.</summary>
    public int OpenStreams { get; init; }
}

/// <summary>A listener's counters.</summary>
public readonly record struct QuicListenerStatistics
{
    /// <summary>Connections whose handshake completed.</summary>
    public long ConnectionsAccepted { get; init; }

    /// <summary>Connections open now.</summary>
    public int ConnectionsOpen { get; init; }

    /// <summary>Handshakes under way now.</summary>
    public int HandshakesPending { get; init; }

    /// <summary>Handshakes that failed: TLS, ALPN, timeout, garbage.</summary>
    public long HandshakesFailed { get; init; }

    /// <summary>Retry packets sent.</summary>
    public long RetriesSent { get; init; }

    /// <summary>Stateless resets sent.</summary>
    public long StatelessResetsSent { get; init; }

    /// <summary>Datagrams dropped: not QUIC, for nobody, or over a limit.</summary>
    public long DatagramsDropped { get; init; }
}
