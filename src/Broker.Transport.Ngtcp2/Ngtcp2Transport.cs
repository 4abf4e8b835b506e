using System.Net;
using System.Net.Sockets;
using Broker.Transport.Ngtcp2.Engine;
using Broker.Transport.Ngtcp2.Interop;
using Broker.Transport.Ngtcp2.Tls;

namespace Broker.Transport.Ngtcp2;

/// <summary>
/// QUIC by ngtcp2 and GnuTLS (Debian packages <c>libngtcp2-16</c> and <c>libngtcp2-crypto-gnutls8</c>). One event loop per listener, and one per address family for
/// all outgoing connections.
/// </summary>
public sealed class Ngtcp2Transport : IQuicTransport
{
    /// <summary>ALPN_MAX_SIZE of GnuTLS without its terminator.</summary>
    private const int MaxApplicationProtocolBytes = 31;

    private const int MaxCachedCredentials = 8;

    private readonly EngineOptions _engine;
    private readonly Lock _gate = new();
    private readonly Dictionary<AddressFamily, ClientEndpoint> _shared = [];
    private readonly List<(QuicTlsOptions Options, TlsCredentials Credentials)> _credentials = [];
    private readonly List<Endpoint> _owned = [];
    private readonly List<Ngtcp2Listener> _listeners = [];
    private bool _disposed;

    /// <summary>Creates the transport. No native code runs before the first listener or connection.</summary>
    public Ngtcp2Transport()
        : this(new EngineOptions())
    {
    }

    internal Ngtcp2Transport(EngineOptions engine) => _engine = engine;

    /// <inheritdoc/>
    public string Name => "ngtcp2";

    /// <inheritdoc/>
    public string LibraryVersions => NativeLibraries.Versions;

    /// <inheritdoc/>
    public QuicCapabilities Capabilities => QuicCapabilities.Network | QuicCapabilities.PathStatistics | QuicCapabilities.Resumption | QuicCapabilities.RetryPolicy
        | QuicCapabilities.StatelessReset | QuicCapabilities.Qlog | QuicCapabilities.KeyLog | QuicCapabilities.AddressChange | QuicCapabilities.KeyUpdate | QuicCapabilities.InlineContinuations
        | QuicCapabilities.CloseReason | QuicCapabilities.PeerUnreachable;

    /// <summary>Whether the native libraries can be used here.</summary>
    /// <param name="reason">Why not, with the packages to install; empty if they can.</param>
    public static bool IsSupported(out string reason)
    {
        reason = NativeLibraries.Problem ?? "";
        return reason.Length == 0;
    }

    /// <summary>What the port allows and GnuTLS does not is refused by name, before GnuTLS refuses it by number.</summary>
    private static void Validate(QuicConnectionOptions options)
    {
        options.Validate();
        if (options.ApplicationProtocols.FirstOrDefault(alpn => alpn.Length > MaxApplicationProtocolBytes) is { } tooLong)
        {
            throw new QuicTransportException(
                QuicError.InvalidConfiguration,
                $"ALPN '{tooLong}' has {tooLong.Length} bytes; the ngtcp2 backend takes at most {MaxApplicationProtocolBytes}, GnuTLS's limit");
        }
    }

    /// <inheritdoc/>
    public ValueTask<IQuicListener> ListenAsync(QuicListenerOptions options, CancellationToken cancellationToken = default)
    {
        NativeLibraries.Require();
        Validate(options);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var listener = new Ngtcp2Listener(options, _engine);
            _listeners.RemoveAll(earlier => earlier.IsStopping);
            _listeners.Add(listener);
            return new ValueTask<IQuicListener>(listener);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<IQuicConnection> ConnectAsync(QuicClientOptions options, CancellationToken cancellationToken = default)
    {
        NativeLibraries.Require();
        Validate(options);
        cancellationToken.ThrowIfCancellationRequested();
        ClientEndpoint endpoint;
        TlsCredentials credentials;
        var referenced = false;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            credentials = CredentialsFor(options.Tls);
            endpoint = EndpointFor(options);
            credentials.DangerousAddRef(ref referenced);
        }

        try
        {
            return await endpoint.ConnectAsync(options, credentials, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            credentials.DangerousRelease();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _disposed = true;
        }

        var listeners = _listeners.Select(listener => listener.DisposeAsync().AsTask());
        var clients = _shared.Values.Concat(_owned).Select(endpoint => endpoint.StopAsync());
        await Task.WhenAll(listeners.Concat(clients)).ConfigureAwait(false);
        lock (_gate)
        {
            foreach (var (_, credentials) in _credentials)
            {
                credentials.Dispose();
            }

            _credentials.Clear();
        }
    }

    private ClientEndpoint EndpointFor(QuicClientOptions options)
    {
        var family = options.EndPoint.AddressFamily;
        if (options.LocalEndPoint is { } local)
        {
            var own = new ClientEndpoint(local, _engine, ownedByOne: true);
            _owned.RemoveAll(endpoint => endpoint.IsStopping);
            _owned.Add(own);
            return own;
        }

        if (!_shared.TryGetValue(family, out var shared))
        {
            var any = family == AddressFamily.InterNetworkV6 ? new IPEndPoint(IPAddress.IPv6Any, 0) : new IPEndPoint(IPAddress.Any, 0);
            shared = new ClientEndpoint(any, _engine, ownedByOne: false);
            _shared.Add(family, shared);
        }

        return shared;
    }

    // Parsing a key costs more than a handshake's share of the network; a client connects with the same few identities again and again.
    private TlsCredentials CredentialsFor(QuicTlsOptions options)
    {
        foreach (var (known, made) in _credentials)
        {
            if (known == options)
            {
                return made;
            }
        }

        if (_credentials.Count == MaxCachedCredentials)
        {
            _credentials[0].Credentials.Dispose();
            _credentials.RemoveAt(0);
        }

        var credentials = TlsCredentials.Create(options);
        _credentials.Add((options, credentials));
        return credentials;
    }
}
