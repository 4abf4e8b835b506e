using System.Collections.Concurrent;
using System.Net.Quic;

namespace Broker.Transport.MsQuic;

/// <summary>The QUIC port over System.Net.Quic, which needs the native library <c>libmsquic</c>, 2.5.10 or later.</summary>
/// <remarks>
/// System.Net.Quic carries no close reason, tells no path statistics, and has no say in Retry or resumption, so none of these is declared. TLS
/// secrets go to SSLKEYLOGFILE only.
/// </remarks>
public sealed class MsQuicTransport : IQuicTransport
{
    private readonly ConcurrentDictionary<MsQuicListener, bool> _listeners = new();
    private readonly ConcurrentDictionary<MsQuicConnection, bool> _connections = new();
    private int _disposed;

    /// <summary>Creates a transport.</summary>
    /// <exception cref="QuicTransportException"><see cref="QuicError.LibraryMissing"/>, naming the package to install.</exception>
    public MsQuicTransport()
    {
        if (!IsSupported(out var reason))
        {
            throw new QuicTransportException(QuicError.LibraryMissing, $"transport 'msquic': {reason}");
        }
    }

    /// <inheritdoc/>
    public string Name => "msquic";

    /// <inheritdoc/>
    public string LibraryVersions => $"libmsquic {MsQuicSupport.LibraryVersion}";

    /// <inheritdoc/>
    public QuicCapabilities Capabilities => QuicCapabilities.Network;

    /// <summary>Whether the backend works on this machine.</summary>
    /// <param name="reason">If not: why, and which package to install. Else empty.</param>
    public static bool IsSupported(out string reason)
    {
        reason = MsQuicSupport.Reason;
        return reason.Length == 0;
    }

    /// <inheritdoc/>
    public async ValueTask<IQuicListener> ListenAsync(Broker.Transport.QuicListenerOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        cancellationToken.ThrowIfCancellationRequested();
        options.Validate();
        var listener = await MsQuicListener.BindAsync(this, options, cancellationToken);
        _listeners[listener] = true;
        return listener;
    }

    /// <inheritdoc/>
    public async ValueTask<IQuicConnection> ConnectAsync(QuicClientOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        cancellationToken.ThrowIfCancellationRequested();
        options.Validate();
        var native = MsQuicOptions.Apply(new QuicClientConnectionOptions(), options);
        native.RemoteEndPoint = options.EndPoint;
        native.LocalEndPoint = options.LocalEndPoint;
        native.ClientAuthenticationOptions = new MsQuicTls(options.Tls).ForClient(options);
        try
        {
            var connected = await QuicConnection.ConnectAsync(native, cancellationToken);
            return Add(new MsQuicConnection(connected, options));
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw MsQuicFaults.OfConnection(e);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        foreach (var listener in _listeners.Keys)
        {
            await listener.DisposeAsync();
        }

        await Task.WhenAll(_connections.Keys.Select(connection => connection.DisposeAsync().AsTask()));
    }

    internal MsQuicConnection Add(MsQuicConnection connection)
    {
        _connections[connection] = true;
        connection.Start(() => _connections.TryRemove(connection, out _));
        return connection;
    }

    internal void Remove(MsQuicListener listener) => _listeners.TryRemove(listener, out _);
}
