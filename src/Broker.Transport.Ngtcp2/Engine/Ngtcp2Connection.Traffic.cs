using Broker.Transport.Ngtcp2.Interop;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>Packets in, packets out and time, on the loop.</summary>
internal sealed unsafe partial class Ngtcp2Connection
{
    private const int MaxPieces = 8;
    private const ulong LossScanInterval = 10_000_000;

    private SocketAddressStorage _remoteAddress;
    private List<(long StreamId, long ErrorCode)>? _stopSendings;
    private long _packetsSent;
    private long _packetsReceived;
    private long _bytesSent;
    private long _bytesReceived;
    private long _lostOnClosedStreams;
    private long _lost;
    private ulong _lastLossScan;
    private bool _handshakeJustCompleted;
    private bool _bareWriteDue;

    /// <inheritdoc/>
    public ulong Deadline { get; set; }

    /// <inheritdoc/>
    public int HeapIndex { get; set; } = -1;

    /// <summary>Whether it is in the loop's list of connections that may have something to send.</summary>
    public bool IsDirty { get; set; }

    /// <summary>Whether a packet has come from the peer.</summary>
    public bool HasHeardPeer => _packetsReceived > 0;

    /// <summary>The peer's address as the kernel writes it.</summary>
    public SocketAddressStorage RemoteAddress => _remoteAddress;

    private bool IsServer { get; set; }

    /// <summary>A datagram for this connection came.</summary>
    public void OnDatagram(NativePath* path, byte ecn, byte* packet, int length, ulong now)
    {
        if (_native == 0)
        {
            RepeatClose(path);
            return;
        }

        _packetsReceived++;
        _bytesReceived += length;
        var info = new PacketInfo { Ecn = ecn };
        ConnectionCallbacks.SetReading(this);
        var result = Ngtcp2Native.ngtcp2_conn_read_pkt_versioned(_native, path, Ngtcp2Native.PacketInfoVersion1, &info, packet, (nuint)length, now);
        ConnectionCallbacks.SetReading(null);
        if (result != 0 || CallbackFault != null)
        {
            ApplyStreamEvents();
            HandleError(result, now);
            return;
        }

        if (_handshakeJustCompleted)
        {
            _handshakeJustCompleted = false;
            Establish();
        }

        ApplyStreamEvents();
        if (!_remoteAddress.Matches(path->Remote.Address, path->Remote.Length))
        {
            FollowPath();
        }

        Endpoint.MarkDirty(this);
    }

    /// <summary>The deadline has come: a timer of ngtcp2, or the end of the closing period.</summary>
    public void OnDeadline(ulong now)
    {
        if (_native == 0)
        {
            Endpoint.Forget(this);
            return;
        }

        var result = Ngtcp2Native.ngtcp2_conn_handle_expiry(_native, now);
        if (result != 0)
        {
            HandleError(result, now);
        }
        else
        {
            Endpoint.MarkDirty(this);
        }
    }

    /// <summary>Nothing listens where a packet of this connection went, or somebody who has seen that packet says so.</summary>
    public void OnPeerUnreachable()
    {
        if (IsEstablished && CloseInfo == null)
        {
            _unreachable.Give();
        }
    }

    /// <summary>Sends one burst, no longer than congestion control and pacing allow.</summary>
    /// <returns>Whether there may be more to send at once.</returns>
    public bool Flush(ulong now)
    {
        if (_native == 0)
        {
            return false;
        }

        var sender = Endpoint.Sender;
        var pieces = stackalloc Vec[MaxPieces];
        PathStorage storage;
        PathStorage.Initialize(&storage);
        PacketInfo info = default;
        var capacity = Ngtcp2Native.ngtcp2_conn_get_max_tx_udp_payload_size(_native);
        var budget = (long)Math.Min(Ngtcp2Native.ngtcp2_conn_get_send_quantum(_native), DatagramSender.MaxBurst);
        var more = false;
        while (true)
        {
            if (budget <= 0)
            {
                more = true;
                break;
            }

            // ngtcp2 1.11 forgets RESET_STREAM and STOP_SENDING that were queued before a client's first write after the handshake, if that write
            // carries stream data; so that one carries none.
            var stream = _bareWriteDue ? null : _firstToSend;
            var streamId = -1L;
            var flags = 0u;
            var count = 0;
            var end = false;
            if (stream != null)
            {
                count = stream.IsClosed ? 0 : stream.Describe(pieces, MaxPieces, out end);
                if (count == 0 && !end)
                {
                    RemoveFirstToSend();
                    continue;
                }

                streamId = stream.Id;
                flags = Ngtcp2Native.WriteStreamFlagMore | (end ? Ngtcp2Native.WriteStreamFlagFin : 0);
            }

            nint taken = -1;
            var length = Ngtcp2Native.ngtcp2_conn_writev_stream_versioned(
                _native, &storage.Path, Ngtcp2Native.PacketInfoVersion1, &info, sender.Next, capacity, &taken, flags, streamId, pieces, (nuint)count, now);
            if (stream != null && taken >= 0)
            {
                NoteSent(stream, taken, stream.OnSent(taken, end));
            }

            if (length < 0)
            {
                switch ((int)length)
                {
                    case Ngtcp2Error.WriteMore:
                        continue;
                    case Ngtcp2Error.StreamDataBlocked:
                        RemoveFirstToSend();
                        Block(stream!);
                        continue;
                    case Ngtcp2Error.StreamShutWrite or Ngtcp2Error.StreamNotFound:
                        RemoveFirstToSend();
                        stream!.OnStopSending(null);
                        continue;
                    default:
                        HandleError((int)length, now);
                        return false;
                }
            }

            var bare = _bareWriteDue;
            _bareWriteDue = false;
            if (length == 0)
            {
                if (bare)
                {
                    continue;
                }

                break;
            }

            sender.Commit((int)length, &storage.Path, info.Ecn);
            _packetsSent++;
            _bytesSent += length;
            budget -= length;
        }

        Ngtcp2Native.ngtcp2_conn_update_pkt_tx_time(_native, now);
        Endpoint.Schedule(this, Ngtcp2Native.ngtcp2_conn_get_expiry(_native));
        UpdateStatistics(now, final: false);
        return more;
    }

    /// <inheritdoc/>
    protected override void Run()
    {
        if (_native == 0)
        {
            Interlocked.Exchange(ref _keyUpdateRequest, null)?.TrySetException((CloseInfo ?? new QuicCloseInfo(QuicError.OperationAborted, null, "")).ToException());
            return;
        }

        if (Volatile.Read(ref _closeRequest) is { } request)
        {
            Close(request.ErrorCode, request.Reason);
            return;
        }

        if (Interlocked.Exchange(ref _keyUpdateRequest, null) is { } keyUpdate)
        {
            UpdateKeys(keyUpdate);
        }

        GiveCredit();
        Endpoint.MarkDirty(this);
    }

    private void Establish()
    {
        ApplicationProtocol = _session!.SelectedProtocol;
        PeerCertificate = _session.PeerCertificate is { } der ? new ReadOnlyMemory<byte>(der) : default(ReadOnlyMemory<byte>?);
        IsResumed = _session.IsResumed;
        IsEstablished = true;
        _bareWriteDue = !IsServer;
        _newStreamLimit = Math.Max(_newStreamLimit, (long)Ngtcp2Native.ngtcp2_conn_get_streams_bidi_left(_native));
        ApplyStreamEvents();
        UpdateStatistics(Clock.Now, final: false);
        Endpoint.OnEstablished(this);
        _handshake?.TrySetResult();
    }

    private void UpdateKeys(KeyUpdateRequest request)
    {
        var result = Ngtcp2Native.ngtcp2_conn_initiate_key_update(_native, Clock.Now);
        if (result == 0)
        {
            request.TrySetResult();
        }
        else
        {
            request.TrySetException(new QuicTransportException(QuicError.Transport, $"keys cannot be updated now: {Ngtcp2Native.Describe(result)}"));
        }
    }

    // The peer's address changed, or a packet came from an address that ngtcp2 has yet to validate.
    private void FollowPath()
    {
        var current = Ngtcp2Native.ngtcp2_conn_get_path(_native);
        if (!_remoteAddress.Matches(current->Remote.Address, current->Remote.Length))
        {
            _remoteAddress = SocketAddressStorage.Copy(current->Remote.Address, current->Remote.Length);
            Volatile.Write(ref _remoteEndPoint, _remoteAddress.ToEndPoint());
        }
    }

    // RFC 9000, section 10.2.1: a limited number of answers, so that two closing sides do not keep each other busy.
    private void RepeatClose(NativePath* path)
    {
        if (_closePacket != null && _repliesLeft > 0)
        {
            _repliesLeft--;
            SendClose(path);
        }
    }

    private void UpdateStatistics(ulong now, bool final)
    {
        if (_native == 0)
        {
            return;
        }

        if (final || now - _lastLossScan > LossScanInterval)
        {
            _lastLossScan = now;
            _lost = _lostOnClosedStreams + CountLossOfOpenStreams();
        }

        ConnectionInfo info;
        Ngtcp2Native.ngtcp2_conn_get_conn_info_versioned(_native, ConnectionInfo.Version1, &info);
        lock (_statisticsGate)
        {
            _statistics = new QuicConnectionStatistics
            {
                SmoothedRtt = Clock.Duration(info.SmoothedRtt),
                MinRtt = info.MinRtt == ulong.MaxValue ? TimeSpan.Zero : Clock.Duration(info.MinRtt),
                CongestionWindow = (long)info.CongestionWindow,
                BytesInFlight = (long)info.BytesInFlight,
                PacketsSent = _packetsSent,
                PacketsReceived = _packetsReceived,
                PacketsLost = _lost,
                BytesSent = _bytesSent,
                BytesReceived = _bytesReceived,
                OpenStreams = final ? 0 : _streams?.Count ?? 0,
            };
        }
    }
}
