using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Broker.Transport.Tls;

namespace Broker.Transport.InMemory;

/// <summary>
/// The QUIC port without a network: for tests, simulation, and clients in the server's own process. Flow control, limits, ends and the
/// checking of certificates are as the port promises; packets, loss and encryption do not exist.
/// </summary>
/// <remarks>
/// A client whose certificate is refused gets a connection that is closed already, because with TLS 1.3 over a network it may as well have
/// been used for a moment. <see cref="QuicConnectionOptions.InlineContinuations"/> runs awaiting code one piece after another on
/// the thread whose call made it ready, and nothing uses the thread pool then.
/// </remarks>
public sealed class InMemoryTransport : IQuicTransport
{
    private readonly InMemoryNetwork _network;
    private readonly ConcurrentDictionary<long, InMemoryConnection> _connections = new();
    private readonly ConcurrentDictionary<InMemoryListener, bool> _listeners = new();
    private int _disposed;

    /// <summary>Creates a transport on a network of its own or on one that it shares.</summary>
    public InMemoryTransport(InMemoryNetwork? network = null) => _network = network ?? new InMemoryNetwork();

    /// <inheritdoc/>
    public string Name => "memory";

    /// <inheritdoc/>
    public string LibraryVersions => "";

    /// <inheritdoc/>
    public QuicCapabilities Capabilities => QuicCapabilities.InlineContinuations | QuicCapabilities.CloseReason | QuicCapabilities.PeerUnreachable;

    /// <inheritdoc/>
    public async ValueTask<IQuicListener> ListenAsync(QuicListenerOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        cancellationToken.ThrowIfCancellationRequested();
        options.Validate();
        var listener = new InMemoryListener(this, _network, options with { EndPoint = _network.Assign(options.EndPoint) }, TlsIdentity.Load(options.Tls));
        _network.Add(listener);
        _listeners[listener] = true;
        return listener;
    }

    /// <inheritdoc/>
    public async ValueTask<IQuicConnection> ConnectAsync(QuicClientOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        cancellationToken.ThrowIfCancellationRequested();
        options.Validate();
        var identity = TlsIdentity.Load(options.Tls);
        if (!_network.TryFind(options.EndPoint, out var listener))
        {
            throw new QuicTransportException(QuicError.ConnectionRefused, $"nobody listens on {options.EndPoint}");
        }

        var local = _network.Assign(options.LocalEndPoint ?? new IPEndPoint(Loopback(options.EndPoint), 0));
        return listener.Handshake(this, options, identity, local);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        foreach (var listener in _listeners.Keys.OrderBy(listener => listener.LocalEndPoint.Port))
        {
            await listener.DisposeAsync();
        }

        foreach (var (_, connection) in _connections.OrderBy(entry => entry.Key))
        {
            await connection.DisposeAsync();
        }
    }

    internal void Add(InMemoryConnection connection) => _connections[connection.Id] = connection;

    internal void Remove(InMemoryConnection connection) => _connections.TryRemove(connection.Id, out _);

    internal void Remove(InMemoryListener listener) => _listeners.TryRemove(listener, out _);

    private static IPAddress Loopback(IPEndPoint server) =>
        server.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Loopback : IPAddress.Loopback;
}
