namespace Broker.Transport;

/// <summary>
/// The QUIC port: one instance is one backend (in-memory, ngtcp2 or System.Net.Quic). Everything above this interface is
/// written once and runs on each of them; one contract suite (<c>tests/Broker.Transport.Tests</c>) holds them to it.
/// </summary>
/// <remarks>Thread-safe. Disposing a transport closes every listener and connection that it made.</remarks>
public interface IQuicTransport : IAsyncDisposable
{
    /// <summary>Short stable name of the backend as used in configuration and logs: <c>memory</c>, <c>ngtcp2</c>, <c>msquic</c>.</summary>
    string Name { get; }

    /// <summary>Versions of the native libraries in use, for logs and <c>pbm cluster show</c>; empty if there are none.</summary>
    string LibraryVersions { get; }

    /// <summary>What this backend can do beyond the common contract. A behaviour that is not declared here is absent, never a silent no-op.</summary>
    QuicCapabilities Capabilities { get; }

    /// <summary>Binds a UDP address and starts to accept connections.</summary>
    /// <exception cref="QuicTransportException"><see cref="QuicError.AddressInUse"/>, <see cref="QuicError.InvalidConfiguration"/> or <see cref="QuicError.LibraryMissing"/>.</exception>
    ValueTask<IQuicListener> ListenAsync(QuicListenerOptions options, CancellationToken cancellationToken = default);

    /// <summary>Connects to a server and completes when the TLS handshake has completed on this side.</summary>
    /// <remarks>
    /// A TLS 1.3 client completes its handshake before the server has judged the client certificate (RFC 8446, section 2). A refused
    /// client sees a connection that closes a moment later, so trust a connection only after the application protocol has answered.
    /// </remarks>
    /// <exception cref="QuicTransportException">The handshake failed; <see cref="QuicTransportException.Error"/> says how.</exception>
    ValueTask<IQuicConnection> ConnectAsync(QuicClientOptions options, CancellationToken cancellationToken = default);
}

/// <summary>A bound UDP address that accepts QUIC connections.</summary>
/// <remarks>Disposing it closes the connections that it accepted, with <see cref="QuicConnectionOptions.DefaultCloseErrorCode"/>.</remarks>
public interface IQuicListener : IAsyncDisposable
{
    /// <summary>The address that was bound; with port 0 in the options, the port that the system chose.</summary>
    System.Net.IPEndPoint LocalEndPoint { get; }

    /// <summary>Waits for the next connection whose handshake, client certificate included, has completed.</summary>
    /// <remarks>Failed handshakes never surface here; they are counted in <see cref="Statistics"/>.</remarks>
    /// <returns>The connection, or <c>null</c> once the listener is disposed.</returns>
    ValueTask<IQuicConnection?> AcceptConnectionAsync(CancellationToken cancellationToken = default);

    /// <summary>Counters since the listener was bound.</summary>
    QuicListenerStatistics Statistics { get; }

    /// <summary>
    /// Uses another certificate and trust anchor for handshakes from now on; connections that exist are not touched.
    /// </summary>
    /// <exception cref="QuicTransportException"><see cref="QuicError.InvalidConfiguration"/> if the files do not parse; the old ones stay in use.</exception>
    void UpdateTls(QuicTlsOptions tls);
}

/// <summary>An established QUIC connection (RFC 9000).</summary>
public interface IQuicConnection : IAsyncDisposable
{
    /// <summary>Identifies the connection in logs; unique in the process.</summary>
    long Id { get; }

    /// <summary>The application protocol that TLS negotiated (RFC 7301).</summary>
    string ApplicationProtocol { get; }

    /// <summary>The peer's current address. It changes when the peer's NAT rebinds or the peer migrates (RFC 9000, section 9).</summary>
    System.Net.IPEndPoint RemoteEndPoint { get; }

    /// <summary>The local address that the handshake used.</summary>
    System.Net.IPEndPoint LocalEndPoint { get; }

    /// <summary>DER of the peer's verified leaf certificate; <c>null</c> if the peer showed none.</summary>
    ReadOnlyMemory<byte>? PeerCertificate { get; }

    /// <summary>Opens a bidirectional stream, waiting while the peer's stream limit is reached (RFC 9000, section 4.6).</summary>
    /// <remarks>The peer learns of the stream with its first byte or its end.</remarks>
    ValueTask<IQuicStream> OpenStreamAsync(CancellationToken cancellationToken = default);

    /// <summary>Waits for the next bidirectional stream that the peer opens.</summary>
    /// <exception cref="QuicTransportException">The connection ended; the exception says why.</exception>
    ValueTask<IQuicStream> AcceptStreamAsync(CancellationToken cancellationToken = default);

    /// <summary>Closes at once with an application error code and a reason (CONNECTION_CLOSE type 0x1d). Unsent and unread data is lost. Idempotent.</summary>
    /// <param name="errorCode">Application error code, 0 to 2^62-1. Zero means no error in all protocols of this repository.</param>
    /// <param name="reason">Human-readable; cut to 256 bytes of UTF-8.</param>
    ValueTask CloseAsync(long errorCode, string reason = "");

    /// <summary>Completes, never faults, when the connection has ended for whatever reason.</summary>
    Task<QuicCloseInfo> Closed { get; }

    /// <summary>
    /// Completes, never faults, when the network has said that nothing listens at the peer's address, as it does for the next packet after the peer's process was killed.
    /// </summary>
    /// <remarks>
    /// A hint to look whether the peer is still there, and nothing more: it may be late, wrong or forged, so the connection goes on as if nothing had been said (RFC 9000,
    /// section 14.2.1; RFC 8085, section 5.2). It comes once at most, and never before the handshake has completed or after the connection has ended; on the side that accepted, and without
    /// <see cref="QuicCapabilities.PeerUnreachable"/>, it never comes.
    /// </remarks>
    Task PeerUnreachable { get; }

    /// <summary>A snapshot of the connection's counters. Cheap enough for once a second, not for each message.</summary>
    QuicConnectionStatistics GetStatistics();
}

/// <summary>
/// A bidirectional QUIC stream. One reader and one writer may use it at the same time, each from any thread.
/// </summary>
/// <remarks>
/// <para><see cref="Input"/>: a completed read (<c>IsCompleted</c>) is the peer's FIN. If the peer resets the stream or the connection ends,
/// reads throw <see cref="QuicTransportException"/>. Flow control credit goes back to the peer when bytes are
/// consumed by <c>AdvanceTo</c>, so a reader that stops reading stops this stream's sender and nobody else. <c>Complete()</c> before the end is a
/// <see cref="StopSending"/> with <see cref="QuicConnectionOptions.DefaultStreamErrorCode"/>. Reads after a local stop throw <see cref="QuicError.OperationAborted"/>.</para>
/// <para><see cref="Output"/>: <c>FlushAsync</c> hands the bytes over and completes once less than <see cref="QuicConnectionOptions.SendBufferSize"/>
/// bytes wait for the peer's acknowledgement; it throws once the peer has stopped reading. <c>Complete()</c> without an exception flushes and sends FIN;
/// with one it is a <see cref="Reset"/> with <see cref="QuicConnectionOptions.DefaultStreamErrorCode"/>.
/// Bytes handed over before FIN are delivered unless the connection ends first.</para>
/// </remarks>
public interface IQuicStream : IAsyncDisposable
{
    /// <summary>Stream id as on the wire (RFC 9000, section 2.1); -1 until a locally opened stream has been assigned one.</summary>
    long Id { get; }

    /// <summary>Bytes from the peer.</summary>
    System.IO.Pipelines.PipeReader Input { get; }

    /// <summary>Bytes to the peer.</summary>
    System.IO.Pipelines.PipeWriter Output { get; }

    /// <summary>Abandons the sending side with RESET_STREAM (RFC 9000, section 19.4). Idempotent; no effect after the end was acknowledged.</summary>
    void Reset(long errorCode);

    /// <summary>Asks the peer to stop with STOP_SENDING (RFC 9000, section 19.5) and drops what was not read. Idempotent.</summary>
    void StopSending(long errorCode);

    /// <summary>
    /// Completes when the peer has acknowledged everything up to and including FIN; faults with <see cref="QuicTransportException"/> when the sending side was reset,
    /// stopped by the peer, or the connection ended. Never leaves an unobserved exception behind.
    /// </summary>
    Task WritesClosed { get; }
}
