using System.Net;

namespace Broker.Transport;

/// <summary>TLS identity and trust. QUIC is always TLS 1.3 (RFC 9001).</summary>
public sealed record QuicTlsOptions
{
    /// <summary>Own certificate chain, PEM, leaf first. Empty: show none (a client that will be refused by a server that requires one).</summary>
    public ReadOnlyMemory<byte> CertificatePem { get; init; }

    /// <summary>Private key of the leaf, PEM, unencrypted PKCS#8 or SEC1.</summary>
    public ReadOnlyMemory<byte> PrivateKeyPem { get; init; }

    /// <summary>The only certification authorities that the peer's certificate may chain to, PEM. The system's store is never consulted.</summary>
    public required ReadOnlyMemory<byte> TrustedRootsPem { get; init; }

    /// <summary>Reads the three from files.</summary>
    /// <exception cref="QuicTransportException"><see cref="QuicError.InvalidConfiguration"/>, naming the file that cannot be read.</exception>
    public static QuicTlsOptions FromFiles(string certificate, string privateKey, string trustedRoots) => new()
    {
        CertificatePem = Read(certificate),
        PrivateKeyPem = Read(privateKey),
        TrustedRootsPem = Read(trustedRoots),
    };

    private static byte[] Read(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new QuicTransportException(QuicError.InvalidConfiguration, $"cannot read '{path}': {e.Message}", e);
        }
    }
}

/// <summary>What a listener and a client have in common. Immutable; the defaults suit a data centre and the public Internet.</summary>
public abstract record QuicConnectionOptions
{
    /// <summary>Identity and trust.</summary>
    public required QuicTlsOptions Tls { get; init; }

    /// <summary>Application protocols in order of preference (RFC 7301), where the server's order decides; at least one, each 1 to 255 ASCII bytes.</summary>
    public required IReadOnlyList<string> ApplicationProtocols { get; init; }

    /// <summary>The connection is given up after so long without a packet. Default 30 s; both sides' minimum counts (RFC 9000, section 10.1). Range 100 ms to 1 h.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A PING is sent after so long without a packet. Zero (default): never. Keep it below a third of the idle timeout.</summary>
    public TimeSpan KeepAliveInterval { get; init; }

    /// <summary>A handshake that takes longer is given up. Default 10 s.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How many bidirectional streams the peer may have open at once. Default 1,024 for a listener, 16 for a client. 0: none.</summary>
    public int MaxInboundStreams { get; init; } = 1024;

    /// <summary>Bytes that the peer may send on one stream beyond what was consumed. Default 1 MiB; a power of two from 16 KiB to 64 MiB. Nothing is allocated before bytes arrive.</summary>
    public int StreamReceiveWindow { get; init; } = 1 << 20;

    /// <summary>Bytes that the peer may send on all streams together beyond what was consumed. Default 16 MiB; at least twice the stream window.</summary>
    public int ConnectionReceiveWindow { get; init; } = 16 << 20;

    /// <summary>Bytes on one stream that may wait for acknowledgement before a flush waits. Default 1 MiB.</summary>
    public int SendBufferSize { get; init; } = 1 << 20;

    /// <summary>
    /// <c>true</c>: reads, flushes and accepts complete on the transport's own thread. Two to three times faster between two packets, for callers that
    /// only post a message and return; a continuation that blocks stalls every connection of that socket. Default <c>false</c>: on the thread pool.
    /// </summary>
    public bool InlineContinuations { get; init; }

    /// <summary>Appends TLS secrets in NSS key log format for Wireshark. Default: the environment's SSLKEYLOGFILE, if set. Anyone who reads the file can decrypt the traffic.</summary>
    public string? KeyLogFile { get; init; } = Environment.GetEnvironmentVariable("SSLKEYLOGFILE");

    /// <summary>A folder that gets one qlog file per connection. <c>null</c> (default): none. Needs <see cref="QuicCapabilities.Qlog"/>.</summary>
    public string? QlogDirectory { get; init; }

    /// <summary>Sent in RESET_STREAM and STOP_SENDING when a stream is disposed before its end. Default 0; range 0 to 2^62-1.</summary>
    public long DefaultStreamErrorCode { get; init; }

    /// <summary>Sent in CONNECTION_CLOSE when a connection is disposed without <see cref="IQuicConnection.CloseAsync"/>. Default 0.</summary>
    public long DefaultCloseErrorCode { get; init; }

    /// <summary>Fails with <see cref="QuicError.InvalidConfiguration"/> and a sentence on what is wrong and what would be right.</summary>
    public virtual void Validate()
    {
        Require(ApplicationProtocols.Count > 0, "name at least one application protocol (ALPN)");
        foreach (var alpn in ApplicationProtocols)
        {
            Require(alpn.Length is > 0 and < 256 && alpn.All(char.IsAscii), $"ALPN '{alpn}' must be 1 to 255 ASCII characters");
        }

        Require(IdleTimeout >= TimeSpan.FromMilliseconds(100) && IdleTimeout <= TimeSpan.FromHours(1), $"IdleTimeout {IdleTimeout} must be between 100 ms and 1 h");
        Require(KeepAliveInterval >= TimeSpan.Zero, $"KeepAliveInterval {KeepAliveInterval} must not be negative");
        Require(HandshakeTimeout > TimeSpan.Zero, $"HandshakeTimeout {HandshakeTimeout} must be positive");
        Require(MaxInboundStreams is >= 0 and <= 65535, $"MaxInboundStreams {MaxInboundStreams} must be between 0 and 65535");
        Require(StreamReceiveWindow is >= 16 << 10 and <= 64 << 20 && int.IsPow2(StreamReceiveWindow), $"StreamReceiveWindow {StreamReceiveWindow} must be a power of two between 16 KiB and 64 MiB");
        Require(ConnectionReceiveWindow >= 2L * StreamReceiveWindow, $"ConnectionReceiveWindow {ConnectionReceiveWindow} must be at least twice StreamReceiveWindow {StreamReceiveWindow}");
        Require(SendBufferSize >= 4096, $"SendBufferSize {SendBufferSize} must be at least 4096");
        Require(DefaultStreamErrorCode is >= 0 and < 1L << 62 && DefaultCloseErrorCode is >= 0 and < 1L << 62, "error codes must be between 0 and 2^62-1");
    }

    private protected static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new QuicTransportException(QuicError.InvalidConfiguration, message);
        }
    }
}

/// <summary>When a server answers a first packet with Retry, so that nobody makes it work with a forged source address (RFC 9000, section 8.1.2).</summary>
public enum QuicRetryPolicy
{
    /// <summary>Only while more than <see cref="QuicListenerOptions.RetryThreshold"/> handshakes are unfinished.</summary>
    UnderLoad,

    /// <summary>For each new connection: one more round trip for everybody.</summary>
    Always,

    /// <summary>Never: for tests and closed networks.</summary>
    Never,
}

/// <summary>A listener.</summary>
public sealed record QuicListenerOptions : QuicConnectionOptions
{
    /// <summary>Address and port. <see cref="IPAddress.IPv6Any"/> listens on IPv4 as well; port 0 lets the system choose.</summary>
    public required IPEndPoint EndPoint { get; init; }

    /// <summary>Refuse clients without a certificate that chains to <see cref="QuicTlsOptions.TrustedRootsPem"/>. Default <c>true</c>.</summary>
    public bool RequireClientCertificate { get; init; } = true;

    /// <summary>Address validation. Default <see cref="QuicRetryPolicy.UnderLoad"/>. Needs <see cref="QuicCapabilities.RetryPolicy"/>.</summary>
    public QuicRetryPolicy Retry { get; init; } = QuicRetryPolicy.UnderLoad;

    /// <summary>Unfinished handshakes above which Retry is asked for. Default 128.</summary>
    public int RetryThreshold { get; init; } = 128;

    /// <summary>Unfinished handshakes above which further first packets are dropped. Default 4,096.</summary>
    public int MaxPendingHandshakes { get; init; } = 4096;

    /// <summary>Connections above which new ones are refused with CONNECTION_REFUSED. Default 100,000.</summary>
    public int MaxConnections { get; init; } = 100_000;

    /// <summary>
    /// Key from which stateless reset tokens and Retry tokens are derived; at least 32 bytes. Keep it across restarts and clients of a restarted server
    /// learn at once that their connection is gone (RFC 9000, section 10.3). Empty: a random key for this process. Needs <see cref="QuicCapabilities.StatelessReset"/>.
    /// </summary>
    public ReadOnlyMemory<byte> StatelessResetKey { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        Require(!Tls.CertificatePem.IsEmpty && !Tls.PrivateKeyPem.IsEmpty, "a listener needs a certificate and its private key");
        Require(RetryThreshold >= 0 && MaxPendingHandshakes > 0 && MaxConnections > 0, "RetryThreshold, MaxPendingHandshakes and MaxConnections must be positive");
        Require(StatelessResetKey.Length is 0 or >= 32, $"StatelessResetKey has {StatelessResetKey.Length} bytes; use at least 32");
    }
}

/// <summary>A client's side of one connection.</summary>
public sealed record QuicClientOptions : QuicConnectionOptions
{
    /// <summary>Creates options with a client's defaults.</summary>
    public QuicClientOptions() => MaxInboundStreams = 16;

    /// <summary>The server's address.</summary>
    public required IPEndPoint EndPoint { get; init; }

    /// <summary>The name that the server's certificate must carry, sent as SNI (RFC 6066). An IP address is checked against the certificate's IP names and not sent.</summary>
    public required string ServerName { get; init; }

    /// <summary>Local address to send from. <c>null</c> (default): the system's choice.</summary>
    public IPEndPoint? LocalEndPoint { get; init; }

    /// <summary>Keeps TLS tickets by server name and resumes with them (RFC 8446, section 2.2). <c>null</c> (default): full handshakes. Needs <see cref="QuicCapabilities.Resumption"/>.</summary>
    public QuicSessionCache? SessionCache { get; init; }
}

/// <summary>Tickets of earlier connections, so that a client's next handshake needs no certificates. Thread-safe; at most 256 servers, the oldest goes first.</summary>
public sealed class QuicSessionCache
{
    private const int Capacity = 256;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, byte[]> _tickets = [];
    private readonly Queue<string> _order = new();

    /// <summary>Stores the newest ticket for a server.</summary>
    public void Put(string server, byte[] ticket)
    {
        lock (_gate)
        {
            if (!_tickets.ContainsKey(server))
            {
                if (_order.Count == Capacity)
                {
                    _tickets.Remove(_order.Dequeue());
                }

                _order.Enqueue(server);
            }

            _tickets[server] = ticket;
        }
    }

    /// <summary>The newest ticket for a server, or <c>null</c>.</summary>
    public byte[]? Get(string server)
    {
        lock (_gate)
        {
            return _tickets.GetValueOrDefault(server);
        }
    }
}
