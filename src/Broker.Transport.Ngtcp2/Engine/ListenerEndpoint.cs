using Broker.Transport.Ngtcp2.Interop;
using Broker.Transport.Ngtcp2.Tls;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>A server's socket: decides what becomes of packets that belong to no connection.</summary>
internal sealed unsafe class ListenerEndpoint : Endpoint
{
    private const int StatelessPacketsPerSecond = 1000;

    private readonly QuicListenerOptions _options;
    private readonly AcceptQueue<Ngtcp2Connection> _accepted;
    private readonly RateLimit _statelessPackets = new(StatelessPacketsPerSecond);
    private TlsCredentials _credentials;
    private long _connectionsAccepted;
    private long _handshakesFailed;
    private long _retriesSent;
    private long _resetsSent;
    private long _dropped;
    private int _open;
    private int _pending;

    public ListenerEndpoint(QuicListenerOptions options, EngineOptions engine)
        : base(options.EndPoint, engine, options.StatelessResetKey.Span, server: true)
    {
        _options = options;
        _accepted = new AcceptQueue<Ngtcp2Connection>(options.InlineContinuations);
        try
        {
            _credentials = TlsCredentials.Create(options.Tls);
        }
        catch
        {
            FreeResources();
            throw;
        }

        Start();
    }

    /// <summary>Connections whose handshake has completed.</summary>
    public AcceptQueue<Ngtcp2Connection> Accepted => _accepted;

    /// <summary>Counters since the socket was bound.</summary>
    public QuicListenerStatistics Statistics => new()
    {
        ConnectionsAccepted = Interlocked.Read(ref _connectionsAccepted),
        ConnectionsOpen = Volatile.Read(ref _open),
        HandshakesPending = Volatile.Read(ref _pending),
        HandshakesFailed = Interlocked.Read(ref _handshakesFailed),
        RetriesSent = Interlocked.Read(ref _retriesSent),
        StatelessResetsSent = Interlocked.Read(ref _resetsSent),
        DatagramsDropped = Interlocked.Read(ref _dropped),
    };

    /// <summary>Uses other credentials for handshakes from now on.</summary>
    public void Use(TlsCredentials credentials) => Post(new LoopAction(() =>
    {
        if (IsStopping)
        {
            credentials.Dispose();
            return;
        }

        // Sessions that use the old ones keep them alive.
        _credentials.Dispose();
        _credentials = credentials;
    }));

    /// <inheritdoc/>
    public override void OnEstablished(Ngtcp2Connection connection)
    {
        _pending--;
        _open++;
        _connectionsAccepted++;
        _accepted.Add(connection);
    }

    /// <inheritdoc/>
    public override void OnEnded(Ngtcp2Connection connection)
    {
        if (connection.IsEstablished)
        {
            _open--;
        }
        else
        {
            _pending--;
            _handshakesFailed++;
        }
    }

    /// <inheritdoc/>
    public override void CountDropped() => _dropped++;

    /// <inheritdoc/>
    protected override void OnUnknownConnection(NativePath* path, VersionCid* ids, byte ecn, byte* packet, int length, ulong now)
    {
        PacketHeader header;
        if (Ngtcp2Native.ngtcp2_accept(&header, packet, (nuint)length) != 0)
        {
            if ((packet[0] & 0x80) == 0)
            {
                SendReset(path, ids, length, now);
            }
            else
            {
                _dropped++;
            }

            return;
        }

        if (_open + _pending >= _options.MaxConnections)
        {
            Refuse(path, &header, Ngtcp2Native.TransportErrorConnectionRefused, now);
            return;
        }

        // Connections that the application has not taken yet count as unfinished: they are its work still to do.
        if (_pending + _accepted.Count >= _options.MaxPendingHandshakes)
        {
            _dropped++;
            return;
        }

        Cid originalDcid;
        var validated = false;
        if (header.TokenLength > 0)
        {
            validated = Keys.VerifyRetryToken(&header, path, &originalDcid, now);
            if (!validated)
            {
                Refuse(path, &header, Ngtcp2Native.TransportErrorInvalidToken, now);
                return;
            }
        }

        if (!validated && (_options.Retry == QuicRetryPolicy.Always || (_options.Retry == QuicRetryPolicy.UnderLoad && _pending > _options.RetryThreshold)))
        {
            SendRetry(path, &header, now);
            return;
        }

        Accept(path, &header, validated ? &originalDcid : null, ecn, packet, length, now);
    }

    /// <inheritdoc/>
    protected override void OnUnknownVersion(NativePath* path, VersionCid* ids, int length, ulong now)
    {
        // RFC 9000, section 6.1: only an answer to what could be a first packet, so that it is never larger than what it answers.
        const int SmallestInitial = 1200;
        const int Capacity = 256;
        if (length < SmallestInitial || !_statelessPackets.TryTake(now))
        {
            _dropped++;
            return;
        }

        var packet = stackalloc byte[Capacity];
        var version = Ngtcp2Native.QuicVersion1;
        var written = Ngtcp2Native.ngtcp2_pkt_write_version_negotiation(packet, Capacity, (byte)Random.Shared.Next(256), ids->Scid, ids->ScidLength, ids->Dcid, ids->DcidLength, &version, 1);
        if (written > 0)
        {
            SendAlone(packet, (int)written, path);
        }
    }

    /// <inheritdoc/>
    protected override void OnStopped()
    {
        _accepted.End(static () => null);
        _credentials.Dispose();
    }

    private void Accept(NativePath* path, PacketHeader* header, Cid* originalDcid, byte ecn, byte* packet, int length, ulong now)
    {
        var local = SocketAddressStorage.Copy(path->Local.Address, path->Local.Length);
        var remote = SocketAddressStorage.Copy(path->Remote.Address, path->Remote.Length);
        var connection = new Ngtcp2Connection(this, _options, _credentials, local.ToEndPoint(), remote.ToEndPoint());
        try
        {
            connection.StartServer(header, path, originalDcid, now);
        }
        catch (Exception)
        {
            // Out of memory, a qlog folder that cannot be written: this client pays, the listener goes on.
            _handshakesFailed++;
            return;
        }

        _pending++;
        Deliver(connection, path, ecn, packet, length, now);
    }

    private void SendRetry(NativePath* path, PacketHeader* header, ulong now)
    {
        const int Capacity = 512;
        Cid scid;
        ConnectionId.Randomize(&scid, ConnectionId.LocalLength);
        var token = stackalloc byte[CryptoNative.MaxRetryTokenLength];
        var tokenLength = Keys.WriteRetryToken(token, header, path, &scid, now);
        if (tokenLength < 0)
        {
            return;
        }

        var packet = stackalloc byte[Capacity];
        var written = CryptoNative.ngtcp2_crypto_write_retry(packet, Capacity, header->Version, &header->Scid, &scid, &header->Dcid, token, (nuint)tokenLength);
        if (written > 0)
        {
            _retriesSent++;
            SendAlone(packet, (int)written, path);
        }
    }

    private void Refuse(NativePath* path, PacketHeader* header, ulong error, ulong now)
    {
        const int Capacity = 256;
        _handshakesFailed++;
        if (!_statelessPackets.TryTake(now))
        {
            return;
        }

        var packet = stackalloc byte[Capacity];
        var written = CryptoNative.ngtcp2_crypto_write_connection_close(packet, Capacity, header->Version, &header->Scid, &header->Dcid, error, null, 0);
        if (written > 0)
        {
            SendAlone(packet, (int)written, path);
        }
    }

    // RFC 9000, section 10.3: shorter than what it answers, so that two endpoints that reset each other come to rest.
    private void SendReset(NativePath* path, VersionCid* ids, int length, ulong now)
    {
        const int TokenLength = 16;
        const int Smallest = 5 + TokenLength;
        const int Usual = 41;
        var size = Math.Min(length - 1, Usual);
        if (size < Smallest || ids->DcidLength != ConnectionId.LocalLength || !_statelessPackets.TryTake(now))
        {
            _dropped++;
            return;
        }

        Cid cid = default;
        cid.Length = ids->DcidLength;
        new ReadOnlySpan<byte>(ids->Dcid, (int)ids->DcidLength).CopyTo(new Span<byte>(cid.Data, ConnectionId.LocalLength));
        var token = stackalloc byte[TokenLength];
        Keys.WriteResetToken(&cid, token);
        var random = stackalloc byte[Usual];
        System.Security.Cryptography.RandomNumberGenerator.Fill(new Span<byte>(random, Usual));
        var packet = stackalloc byte[Usual];
        var written = Ngtcp2Native.ngtcp2_pkt_write_stateless_reset(packet, (nuint)size, token, random, (nuint)(size - TokenLength));
        if (written > 0)
        {
            _resetsSent++;
            SendAlone(packet, (int)written, path);
        }
    }
}
