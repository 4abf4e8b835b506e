using System.Net;
using Broker.Transport.Ngtcp2.Interop;
using Broker.Transport.Ngtcp2.Tls;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>A client's socket, shared by its connections of one address family.</summary>
internal sealed class ClientEndpoint : Endpoint
{
    private readonly bool _ownedByOne;

    /// <summary>Binds.</summary>
    /// <param name="endPoint">The local address; port 0 lets the system choose.</param>
    /// <param name="engine">Engine settings.</param>
    /// <param name="ownedByOne">Whether it serves one connection and ends with it.</param>
    public ClientEndpoint(IPEndPoint endPoint, EngineOptions engine, bool ownedByOne)
        : base(endPoint, engine, [], server: false)
    {
        _ownedByOne = ownedByOne;
        Start();
    }

    /// <summary>Connects; completes with the handshake.</summary>
    public async Task<Ngtcp2Connection> ConnectAsync(QuicClientOptions options, TlsCredentials credentials, CancellationToken cancellationToken)
    {
        var bound = LocalEndPoint.Address;
        var source = bound.Equals(IPAddress.Any) || bound.Equals(IPAddress.IPv6Any) ? SourceAddress.Find(options.EndPoint) ?? bound : bound;
        var connection = new Ngtcp2Connection(this, options, credentials, new IPEndPoint(source, LocalEndPoint.Port), options.EndPoint);
        var handshake = connection.HandshakeCompleted;
        Post(new LoopAction(() => Begin(connection, options)));
        try
        {
            await handshake.WaitAsync(cancellationToken).ConfigureAwait(false);
            return connection;
        }
        catch (OperationCanceledException)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public override void OnEstablished(Ngtcp2Connection connection)
    {
    }

    /// <inheritdoc/>
    public override void OnEnded(Ngtcp2Connection connection)
    {
        if (_ownedByOne)
        {
            _ = StopAsync();
        }
    }

    /// <inheritdoc/>
    protected override unsafe void OnUnknownConnection(NativePath* path, VersionCid* ids, byte ecn, byte* packet, int length, ulong now)
    {
        // A client answers nobody it did not speak to.
    }

    /// <inheritdoc/>
    protected override unsafe void OnUnknownVersion(NativePath* path, VersionCid* ids, int length, ulong now)
    {
    }

    /// <inheritdoc/>
    protected override void OnUnreachable(SocketAddressStorage remote)
    {
        // Only while nothing has come from there: an ICMP message is easily forged (RFC 9000, section 14.2.1).
        foreach (var connection in Table.Connections())
        {
            if (connection is { CloseInfo: null, IsEstablished: false, HasHeardPeer: false } && connection.RemoteAddress.Equals(remote))
            {
                connection.Abandon(new QuicCloseInfo(QuicError.ConnectionRefused, null, $"nobody answers at UDP {connection.RemoteEndPoint}"));
            }
        }
    }

    private unsafe void Begin(Ngtcp2Connection connection, QuicClientOptions options)
    {
        if (IsStopping)
        {
            connection.Abandon(new QuicCloseInfo(QuicError.OperationAborted, null, "the transport was disposed on this side"));
            return;
        }

        if (connection.CloseInfo != null)
        {
            return;
        }

        var local = Socket.Local;
        var remote = SocketAddressStorage.From(options.EndPoint.Address, options.EndPoint.Port, Socket.Family);
        NativePath path = default;
        path.Local.Address = &local;
        path.Local.Length = local.Length;
        path.Remote.Address = &remote;
        path.Remote.Length = remote.Length;
        try
        {
            connection.StartClient(&path, Clock.Now);
        }
        catch (Exception e)
        {
            connection.Abandon(new QuicCloseInfo((e as QuicTransportException)?.Error ?? QuicError.Transport, null, e.Message));
        }
    }
}
