using System.Diagnostics.CodeAnalysis;
using System.Net;
using Broker.Transport.Ngtcp2.Interop;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>
/// One UDP socket and the one thread that owns it, together with every ngtcp2 and GnuTLS object of its connections. A turn of the loop: sleep until a datagram, a post or
/// a deadline comes; then posted work, receiving, waiters, timers, sending. Each step is bounded, so that none starves the others.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The loop's thread frees what it owns when it ends; StopAsync asks it to.")]
internal abstract unsafe partial class Endpoint
{
    private readonly UdpSocket _socket;
    private readonly DatagramReceiver _receiver;
    private readonly ErrorReader? _errors;
    private readonly ConnectionTable _table = new();
    private readonly TimerHeap<Ngtcp2Connection> _timers = new();
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<Ngtcp2Stream> _waking = [];
    private readonly Lock _drainGate = new();
    private readonly EventDescriptor _wake = new();
    private readonly Thread _thread;
    private List<Ngtcp2Connection> _dirty = [];
    private List<Ngtcp2Connection> _flushing = [];
    private LoopWork? _posted;
    private int _sleeping;
    private volatile bool _drained;

    /// <summary>Binds a socket. <see cref="Start"/> starts the loop.</summary>
    protected Endpoint(IPEndPoint endPoint, EngineOptions options, ReadOnlySpan<byte> key, bool server)
    {
        _socket = UdpSocket.Bind(endPoint, options.Io == IoMode.Segmented, server);
        _receiver = new DatagramReceiver(this, _socket, options);

        // Only who dials looks elsewhere when its peer is gone. A listener would gain the memory of a connection some seconds before the idle timeout, and pay with a failed call on the socket of
        // all its clients for each error that one of them, or somebody in its name, brings about.
        _errors = server ? null : new ErrorReader(this, _socket);
        Sender = new DatagramSender(_socket, options);
        Keys = new EndpointKeys(key);
        var local = _socket.Local;
        LocalEndPoint = local.ToEndPoint();
        _thread = new Thread(Run) { IsBackground = true, Name = $"quic {LocalEndPoint}" };
    }

    /// <summary>The bound address.</summary>
    public IPEndPoint LocalEndPoint { get; }

    /// <summary>Collects what connections send.</summary>
    public DatagramSender Sender { get; }

    /// <summary>The secrets of tokens.</summary>
    public EndpointKeys Keys { get; }

    /// <summary>Whether the loop is about to end; nothing lingers then.</summary>
    public bool IsStopping { get; private set; }

    /// <summary>Connections, ended ones that linger included.</summary>
    protected ConnectionTable Table => _table;

    /// <summary>The socket's address, for paths.</summary>
    protected UdpSocket Socket => _socket;

    /// <summary>Asks the loop to run some work, from any thread.</summary>
    public void Post(LoopWork work)
    {
        var head = Volatile.Read(ref _posted);
        while (true)
        {
            work.NextPosted = head;
            var seen = Interlocked.CompareExchange(ref _posted, work, head);
            if (seen == head)
            {
                break;
            }

            head = seen;
        }

        // The exchange above is a full fence, as is the loop's announcement that it goes to sleep: one of the two sees the other.
        if (Volatile.Read(ref _sleeping) != 0 && Interlocked.Exchange(ref _sleeping, 0) != 0)
        {
            _wake.Signal();
        }
        else if (_drained)
        {
            DrainAfterStop();
        }
    }

    /// <summary>Ends all connections, the loop and the socket. Completes when nothing native is left.</summary>
    /// <param name="silently">Without telling the peers, as a crash would.</param>
    public Task StopAsync(bool silently = false)
    {
        if (!_drained)
        {
            Post(new LoopAction(() =>
            {
                if (!IsStopping)
                {
                    IsStopping = true;
                    EndAll(silently);
                }
            }));
        }

        return _stopped.Task;
    }

    /// <summary>On the loop: the connection may have something to send.</summary>
    public void MarkDirty(Ngtcp2Connection connection)
    {
        if (!connection.IsDirty)
        {
            connection.IsDirty = true;
            _dirty.Add(connection);
        }
    }

    /// <summary>On the loop: the stream's waiters are looked at when the batch of packets is through.</summary>
    public void WakeLater(Ngtcp2Stream stream)
    {
        if (!stream.IsWaking)
        {
            stream.IsWaking = true;
            _waking.Add(stream);
        }
    }

    /// <summary>On the loop: sets a connection's deadline.</summary>
    public void Schedule(Ngtcp2Connection connection, ulong deadline)
    {
        if (deadline == ulong.MaxValue)
        {
            _timers.Remove(connection);
        }
        else if (connection.HeapIndex < 0 || connection.Deadline != deadline)
        {
            _timers.Set(connection, deadline);
        }
    }

    /// <summary>On the loop: datagrams with this destination id go to this connection.</summary>
    /// <returns><c>false</c> if they did already.</returns>
    public bool Map(ConnectionId id, Ngtcp2Connection connection) => _table.Add(id, connection);

    /// <summary>On the loop: an id is no longer in use.</summary>
    public void Unmap(ConnectionId id) => _table.Remove(id);

    /// <summary>On the loop: none of the connection's ids is in use any more.</summary>
    public void Unmap(Ngtcp2Connection connection) => _table.Remove(connection);

    /// <summary>On the loop: the peer gave a stateless reset token.</summary>
    public void MapResetToken(ConnectionId token, Ngtcp2Connection connection) => _table.AddResetToken(token, connection);

    /// <summary>On the loop: a token is no longer in use.</summary>
    public void UnmapResetToken(ConnectionId token) => _table.RemoveResetToken(token);

    /// <summary>On the loop: a connection sends to an id that the peer gave it, or does so no more.</summary>
    public void MapDestination(ConnectionId id, Ngtcp2Connection connection, bool active) => _table.SetDestination(id, connection, active);

    /// <summary>On the loop: nothing is left of a connection.</summary>
    public void Forget(Ngtcp2Connection connection)
    {
        _timers.Remove(connection);
        _table.Remove(connection);
    }

    /// <summary>On the loop: a handshake completed.</summary>
    public abstract void OnEstablished(Ngtcp2Connection connection);

    /// <summary>On the loop: a connection ended.</summary>
    public abstract void OnEnded(Ngtcp2Connection connection);

    /// <summary>On the loop: a datagram was useless.</summary>
    public virtual void CountDropped()
    {
    }

    /// <summary>On the loop: a datagram came.</summary>
    public void OnDatagram(NativePath* path, byte ecn, byte* packet, int length, ulong now)
    {
        VersionCid ids;
        var result = Ngtcp2Native.ngtcp2_pkt_decode_version_cid(&ids, packet, (nuint)length, ConnectionId.LocalLength);
        if (result != 0)
        {
            if (result == Ngtcp2Error.VersionNegotiation)
            {
                OnUnknownVersion(path, &ids, length, now);
            }
            else
            {
                CountDropped();
            }

            return;
        }

        var connection = _table.Find(new ConnectionId(ids.Dcid, ids.DcidLength));
        if (connection == null && (packet[0] & 0x80) == 0 && length > 16)
        {
            // A stateless reset has a random connection id; the peer's token at its end tells whose it is.
            connection = _table.FindByResetToken(new ConnectionId(packet + length - 16, 16));
        }

        if (connection == null)
        {
            OnUnknownConnection(path, &ids, ecn, packet, length, now);
            return;
        }

        Deliver(connection, path, ecn, packet, length, now);
    }

    /// <summary>On the loop: a datagram did not reach its destination, or somebody says so.</summary>
    /// <returns>Whether it is one that a connection sent.</returns>
    public virtual bool OnUnreachable(in ErrorEntry entry) => false;

    /// <summary>On the loop: sends one packet that is not part of a burst.</summary>
    public void SendAlone(byte* packet, int length, NativePath* path) => Sender.Add(packet, length, path);

    /// <summary>Starts the loop.</summary>
    protected void Start() => _thread.Start();

    /// <summary>On the loop: a datagram for no known connection came.</summary>
    protected abstract void OnUnknownConnection(NativePath* path, VersionCid* ids, byte ecn, byte* packet, int length, ulong now);

    /// <summary>On the loop: a datagram of another QUIC version came.</summary>
    protected abstract void OnUnknownVersion(NativePath* path, VersionCid* ids, int length, ulong now);

    /// <summary>On the loop, at its end.</summary>
    protected virtual void OnStopped()
    {
    }

    /// <summary>On the loop: hands a datagram to a connection. What breaks there ends there.</summary>
    protected static void Deliver(Ngtcp2Connection connection, NativePath* path, byte ecn, byte* packet, int length, ulong now)
    {
        try
        {
            connection.OnDatagram(path, ecn, packet, length, now);
        }
        catch (Exception e)
        {
            connection.Fault(e);
        }
    }

    /// <summary>Frees socket and buffers; also for a constructor that fails before <see cref="Start"/>.</summary>
    protected void FreeResources()
    {
        _receiver.Dispose();
        Sender.Dispose();
        _socket.Dispose();
        _wake.Dispose();
    }
}
