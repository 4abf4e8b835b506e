using System.Net;
using Broker.Transport.Ngtcp2.Interop;
using Broker.Transport.Ngtcp2.Tls;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>A client's socket, shared by its connections of one address family.</summary>
internal sealed class ClientEndpoint : Endpoint
{
    private const byte LongHeader = 0x80;

    private readonly List<Ngtcp2Connection> _handshaking = [];
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
    public override void OnEstablished(Ngtcp2Connection connection) => _handshaking.Remove(connection);

    /// <inheritdoc/>
    public override void OnEnded(Ngtcp2Connection connection)
    {
        _handshaking.Remove(connection);
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
    /// <remarks>
    /// An ICMP message is easily forged. One counts if it is about the address of a connection and quotes one of its ids (RFC 9000, section 14.2.1). It ends a handshake in which nothing has come from
    /// there; for everybody else it is a hint.
    /// </remarks>
    public override unsafe bool OnUnreachable(in ErrorEntry entry)
    {
        fixed (byte* quote = entry.Quote)
        {
            var packet = new ReadOnlySpan<byte>(quote, entry.QuoteLength);
            if (packet.Length > 0 && (packet[0] & LongHeader) == 0)
            {
                var sender = Table.FindSender(packet);
                if (sender == null || !sender.RemoteAddress.Equals(entry.Remote))
                {
                    return false;
                }

                if (entry.IsPortUnreachable)
                {
                    sender.OnPeerUnreachable();
                }

                return true;
            }

            if (TryReadSource(packet, out var source))
            {
                return Refuse(Table.Find(source), entry.Remote);
            }

            // Routers may quote no more than the UDP header (RFC 792), which holds only addresses.
            var isKnown = false;
            foreach (var connection in _handshaking.ToArray())
            {
                isKnown |= Refuse(connection, entry.Remote);
            }

            return isKnown;
        }
    }

    private static bool Refuse(Ngtcp2Connection? connection, in SocketAddressStorage remote)
    {
        if (connection == null || !connection.RemoteAddress.Equals(remote))
        {
            return false;
        }

        if (connection is { CloseInfo: null, IsEstablished: false, HasHeardPeer: false })
        {
            connection.Abandon(new QuicCloseInfo(QuicError.ConnectionRefused, null, $"nobody answers at UDP {connection.RemoteEndPoint}"));
        }

        return true;
    }

    // RFC 8999, section 5.1: header form, version, and both ids with their lengths.
    private static bool TryReadSource(ReadOnlySpan<byte> packet, out ConnectionId source)
    {
        const int DestinationAt = 5;
        source = default;
        if (packet.Length <= DestinationAt)
        {
            return false;
        }

        var sourceAt = DestinationAt + 1 + packet[DestinationAt];
        if (packet.Length <= sourceAt || packet[sourceAt] > Cid.MaxLength || packet.Length < sourceAt + 1 + packet[sourceAt])
        {
            return false;
        }

        source = new ConnectionId(packet.Slice(sourceAt + 1, packet[sourceAt]));
        return true;
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
            _handshaking.Add(connection);
        }
        catch (Exception e)
        {
            connection.Abandon(new QuicCloseInfo((e as QuicTransportException)?.Error ?? QuicError.Transport, null, e.Message));
        }
    }
}
