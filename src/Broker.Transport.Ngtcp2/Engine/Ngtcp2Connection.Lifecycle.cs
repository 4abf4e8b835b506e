using System.Runtime.InteropServices;
using System.Text;
using Broker.Transport.Ngtcp2.Interop;
using Broker.Transport.Ngtcp2.Tls;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>Birth and death, on the loop.</summary>
internal sealed unsafe partial class Ngtcp2Connection
{
    /// <summary>Large enough for a CONNECTION_CLOSE with the longest reason; the smallest datagram that every path carries.</summary>
    private const int ClosePacketCapacity = 1200;

    private readonly List<ConnectionId> _localIds = new(4);
    private readonly List<ConnectionId> _resetTokens = new(1);
    private List<ConnectionId>? _destinationIds;
    private TlsCredentials? _credentials;
    private TlsSession? _session;
    private GCHandle _self;
    private nint _native;
    private byte[]? _closePacket;
    private FileStream? _qlog;
    private TaskCompletionSource? _handshake;
    private bool _statelessReset;
    private int _repliesLeft;

    /// <summary>The <c>ngtcp2_conn</c>; zero once the connection has ended.</summary>
    public nint NativeHandle => _native;

    /// <summary>The TLS session.</summary>
    public TlsSession Session => _session!;

    /// <summary>An exception that a callback kept from the native code.</summary>
    public Exception? CallbackFault { get; set; }

    /// <summary>Whether the handshake has completed, client certificate included.</summary>
    public bool IsEstablished { get; private set; }

    /// <summary>Our connection ids that point here, and the peer's reset tokens.</summary>
    public IReadOnlyList<ConnectionId> LocalIds => _localIds;

    /// <summary>Reset tokens that the peer gave us.</summary>
    public IReadOnlyList<ConnectionId> ResetTokens => _resetTokens;

    /// <summary>A client's ids that the peer gave it and that it uses.</summary>
    public IReadOnlyList<ConnectionId> DestinationIds => _destinationIds ?? [];

    /// <summary>Completes when a client's handshake has; fails as the connection does.</summary>
    public Task HandshakeCompleted
    {
        get
        {
            _handshake ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _handshake.Task;
        }
    }

    /// <summary>Begins a client's handshake.</summary>
    public void StartClient(NativePath* path, ulong now)
    {
        Cid dcid, scid;
        ConnectionId.Randomize(&dcid, 18);
        ConnectionId.Randomize(&scid, ConnectionId.LocalLength);
        Settings settings;
        TransportParameters parameters;
        Prepare(&settings, &parameters, now, "client");
        Start(server: false, &dcid, &scid, path, Ngtcp2Native.QuicVersion1, &settings, &parameters);
        Endpoint.MarkDirty(this);
    }

    /// <summary>Begins a server's side of a handshake.</summary>
    /// <param name="header">The client's first packet.</param>
    /// <param name="path">Where it came from.</param>
    /// <param name="originalDcid">The first packet's destination before Retry; <c>null</c> without one.</param>
    /// <param name="now">The time.</param>
    public void StartServer(PacketHeader* header, NativePath* path, Cid* originalDcid, ulong now)
    {
        Cid scid;
        ConnectionId.Randomize(&scid, ConnectionId.LocalLength);
        Settings settings;
        TransportParameters parameters;
        Prepare(&settings, &parameters, now, "server");
        parameters.OriginalDcidPresent = 1;
        parameters.OriginalDcid = originalDcid == null ? header->Dcid : *originalDcid;
        if (originalDcid != null)
        {
            parameters.RetryScid = header->Dcid;
            parameters.RetryScidPresent = 1;
            settings.Token = header->Token;
            settings.TokenLength = header->TokenLength;
            settings.TokenType = Ngtcp2Native.TokenTypeRetry;
        }

        parameters.StatelessResetTokenPresent = 1;
        Endpoint.Keys.WriteResetToken(&scid, parameters.StatelessResetToken);
        Start(server: true, &header->Scid, &scid, path, header->Version, &settings, &parameters);

        // The client uses the id that it made up until it has seen ours, and repeats it if our answer is lost.
        Map(new ConnectionId(header->Dcid.Data, header->Dcid.Length));
    }

    /// <summary>Ends the connection on this side with an application error code.</summary>
    public void Close(long errorCode, string reason)
    {
        var bytes = Encoding.UTF8.GetBytes(reason);
        CloseError error;
        Ngtcp2Native.ngtcp2_ccerr_default(&error);
        fixed (byte* p = bytes)
        {
            Ngtcp2Native.ngtcp2_ccerr_set_application_error(&error, (ulong)errorCode, p, (nuint)bytes.Length);
            WriteClose(&error, new QuicCloseInfo(QuicError.OperationAborted, errorCode, reason.Length > 0 ? reason : "the connection was closed on this side"));
        }
    }

    /// <summary>Ends the connection because something on this side broke. Costs this connection only.</summary>
    public void Fault(Exception fault)
    {
        if (_native == 0)
        {
            return;
        }

        CloseError error;
        Ngtcp2Native.ngtcp2_ccerr_default(&error);
        Ngtcp2Native.ngtcp2_ccerr_set_liberr(&error, Ngtcp2Error.CallbackFailure, null, 0);
        WriteClose(&error, new QuicCloseInfo(QuicError.Transport, null, $"internal error: {fault.Message}"));
    }

    /// <summary>Ends the connection without telling the peer.</summary>
    public void Abandon(QuicCloseInfo info) => Terminate(info, linger: false);

    private void Prepare(Settings* settings, TransportParameters* parameters, ulong now, string role)
    {
        Ngtcp2Native.ngtcp2_settings_default_versioned(Settings.Version2, settings);
        Ngtcp2Native.ngtcp2_transport_params_default_versioned(TransportParameters.Version1, parameters);
        settings->InitialTimestamp = now;
        settings->HandshakeTimeout = Clock.Nanoseconds(Options.HandshakeTimeout);
        if (Options.QlogDirectory is { } folder)
        {
            Directory.CreateDirectory(folder);
            _qlog = new FileStream(Path.Combine(folder, $"{role}-{Environment.ProcessId}-{Id}.sqlog"), FileMode.Create, FileAccess.Write, FileShare.ReadWrite);
            settings->QlogWrite = ConnectionCallbacks.QlogWrite;
        }

        parameters->InitialMaxStreamDataBidiLocal = parameters->InitialMaxStreamDataBidiRemote = (ulong)Options.StreamReceiveWindow;
        parameters->InitialMaxData = (ulong)Options.ConnectionReceiveWindow;
        parameters->InitialMaxStreamsBidi = (ulong)Options.MaxInboundStreams;
        parameters->InitialMaxStreamsUni = 0;
        parameters->MaxIdleTimeout = Clock.Nanoseconds(Options.IdleTimeout);
        parameters->MaxUdpPayloadSize = DatagramReceiver.MaxDatagram;
        parameters->ActiveConnectionIdLimit = 4;
    }

    private void Start(bool server, Cid* dcid, Cid* scid, NativePath* path, uint version, Settings* settings, TransportParameters* parameters)
    {
        IsServer = server;
        _self = GCHandle.Alloc(this);
        Interlocked.Increment(ref LiveObjects.Handles);
        try
        {
            nint native;
            var user = GCHandle.ToIntPtr(_self);
            var result = server
                ? Ngtcp2Native.ngtcp2_conn_server_new_versioned(&native, dcid, scid, path, version,
                    Callbacks.Version1, ConnectionCallbacks.Server, Settings.Version2, settings, TransportParameters.Version1, parameters, 0, user)
                : Ngtcp2Native.ngtcp2_conn_client_new_versioned(&native, dcid, scid, path, version,
                    Callbacks.Version1, ConnectionCallbacks.Client, Settings.Version2, settings, TransportParameters.Version1, parameters, 0, user);
            if (result != 0)
            {
                throw new QuicTransportException(QuicError.Transport, $"cannot make a connection: {Ngtcp2Native.Describe(result)}");
            }

            _native = native;
            Interlocked.Increment(ref LiveObjects.Connections);
            _session = new TlsSession(_credentials!, Options, _self);
            Ngtcp2Native.ngtcp2_conn_set_tls_native_handle(native, _session.Handle);
            if (Options.KeepAliveInterval > TimeSpan.Zero)
            {
                Ngtcp2Native.ngtcp2_conn_set_keep_alive_timeout(native, Clock.Nanoseconds(Options.KeepAliveInterval));
            }

            _remoteAddress = SocketAddressStorage.Copy(path->Remote.Address, path->Remote.Length);
            Map(new ConnectionId(scid->Data, scid->Length));
        }
        catch
        {
            Endpoint.Unmap(this);
            FreeNative();
            throw;
        }
    }

    private void Map(ConnectionId id)
    {
        if (Endpoint.Map(id, this))
        {
            _localIds.Add(id);
        }
    }

    private void HandleError(int error, ulong now)
    {
        if (CallbackFault is { } fault)
        {
            Fault(fault);
            return;
        }

        switch (error)
        {
            case Ngtcp2Error.Draining when _statelessReset:
                Terminate(new QuicCloseInfo(QuicError.ConnectionReset, null, "the peer has lost the connection's state (stateless reset)"), linger: false);
                return;
            case Ngtcp2Error.Draining or Ngtcp2Error.Closing:
                Terminate(CloseReason.FromPeer(Ngtcp2Native.ngtcp2_conn_get_ccerr(_native)), linger: true);
                return;
            case Ngtcp2Error.IdleClose:
                Terminate(new QuicCloseInfo(QuicError.ConnectionIdle, null, $"no packet within the idle timeout ({Options.IdleTimeout.TotalSeconds} s or what the peer asked for)"), linger: false);
                return;
            case Ngtcp2Error.HandshakeTimeout:
                Terminate(new QuicCloseInfo(QuicError.HandshakeTimeout, null, $"the handshake took longer than {Options.HandshakeTimeout.TotalSeconds} s"), linger: false);
                return;
            case Ngtcp2Error.ReceivedVersionNegotiation:
                Terminate(new QuicCloseInfo(QuicError.Transport, null, "the server does not speak QUIC version 1"), linger: false);
                return;
            case Ngtcp2Error.DropConnection or Ngtcp2Error.Retry:
                Terminate(new QuicCloseInfo(QuicError.Transport, null, "the first packets could not be used"), linger: false);
                return;
        }

        CloseError close;
        Ngtcp2Native.ngtcp2_ccerr_default(&close);
        if (error == Ngtcp2Error.Crypto)
        {
            var alert = Ngtcp2Native.ngtcp2_conn_get_tls_alert(_native);
            Ngtcp2Native.ngtcp2_ccerr_set_tls_alert(&close, alert, null, 0);
            WriteClose(&close, CloseReason.FromLocalAlert(alert, _session!.VerificationStatus));
        }
        else
        {
            Ngtcp2Native.ngtcp2_ccerr_set_liberr(&close, error, null, 0);
            WriteClose(&close, new QuicCloseInfo(QuicError.Transport, null, $"the peer broke the protocol: {Ngtcp2Native.Describe(error)}"));
        }
    }

    private void WriteClose(CloseError* error, QuicCloseInfo info)
    {
        var packet = stackalloc byte[ClosePacketCapacity];
        PathStorage storage;
        PathStorage.Initialize(&storage);
        PacketInfo packetInfo;
        var length = Ngtcp2Native.ngtcp2_conn_write_connection_close_versioned(_native, &storage.Path, Ngtcp2Native.PacketInfoVersion1, &packetInfo, packet, ClosePacketCapacity, error, Clock.Now);
        if (length > 0)
        {
            _closePacket = new ReadOnlySpan<byte>(packet, (int)length).ToArray();
            SendClose(&storage.Path);
        }

        Terminate(info, linger: length > 0);
    }

    // A packet a datagram. Before the handshake is confirmed there is one for each set of keys that the peer may have, and quiche drops a datagram whose first packet
    // it has no keys for any more, though RFC 9000, section 12.2, wants the others read: a refused client would wait for its idle timeout.
    private void SendClose(NativePath* path)
    {
        fixed (byte* packets = _closePacket)
        {
            for (int at = 0, length; at < _closePacket!.Length; at += length)
            {
                length = CoalescedPackets.LengthOfFirst(_closePacket.AsSpan(at));
                Endpoint.SendAlone(packets + at, length, path);
            }
        }
    }

    // The end as the application sees it. The native objects go at once; only ids and the close packet linger, to answer packets that are still under way
    // (RFC 9000, section 10.2).
    private void Terminate(QuicCloseInfo info, bool linger)
    {
        if (CloseInfo != null)
        {
            return;
        }

        var now = Clock.Now;
        var pto = _native == 0 ? 0 : Ngtcp2Native.ngtcp2_conn_get_pto(_native);
        UpdateStatistics(now, final: true);
        Volatile.Write(ref _closeInfo, info);
        _repliesLeft = 8;
        FreeNative();
        EndStreams(info);
        if (linger && !Endpoint.IsStopping)
        {
            Endpoint.Schedule(this, now + (3 * pto));
        }
        else
        {
            Endpoint.Forget(this);
        }

        Endpoint.OnEnded(this);
        var handshake = _handshake;
        if (handshake != null && handshake.TrySetException(info.ToException()))
        {
            _ = handshake.Task.Exception;
        }

        _closed.TrySetResult(info);
        Interlocked.Exchange(ref _keyUpdateRequest, null)?.TrySetException(info.ToException());
    }

    private void FreeNative()
    {
        if (_native != 0)
        {
            Ngtcp2Native.ngtcp2_conn_del(_native);
            _native = 0;
            Interlocked.Decrement(ref LiveObjects.Connections);
            HeapTrim.Process.OnConnectionFreed();
        }

        _session?.Free();
        _session = null;
        _credentials = null;
        _qlog?.Dispose();
        _qlog = null;
        if (_self.IsAllocated)
        {
            _self.Free();
            Interlocked.Decrement(ref LiveObjects.Handles);
        }
    }
}
