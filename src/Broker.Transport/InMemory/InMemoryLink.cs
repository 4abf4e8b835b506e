using System.Net;

namespace Broker.Transport.InMemory;

/// <summary>What the two ends of a connection share: the gate over all its state, the idle timer, and the end.</summary>
internal sealed class InMemoryLink
{
    private readonly TimeProvider _time;
    private readonly TimeSpan _idleTimeout;
    private readonly TimeSpan _keepAlive;
    private ITimer? _timer;
    private long _lastPacket;
    private bool _ended;

    public InMemoryLink(InMemoryNetwork network, QuicClientOptions client, QuicListenerOptions server, IPEndPoint clientAddress, IPEndPoint serverAddress, string protocol)
    {
        _time = network.Time;
        _idleTimeout = client.IdleTimeout < server.IdleTimeout ? client.IdleTimeout : server.IdleTimeout;
        _keepAlive = EarlierKeepAlive(client.KeepAliveInterval, server.KeepAliveInterval);
        Client = new InMemoryConnection(this, network, client, clientAddress, serverAddress, protocol, firstStreamId: 0);
        Server = new InMemoryConnection(this, network, server, serverAddress, clientAddress, protocol, firstStreamId: 1);
        Client.Peer = Server;
        Server.Peer = Client;
    }

    public Lock Gate { get; } = new();

    public InMemoryConnection Client { get; }

    public InMemoryConnection Server { get; }

    public void StartTimer()
    {
        lock (Gate)
        {
            _lastPacket = _time.GetTimestamp();
            _timer = _time.CreateTimer(static link => ((InMemoryLink)link!).OnTimer(), this, NextDue(TimeSpan.Zero), Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Runs <paramref name="action"/> under the gate and, after it, whatever continuations it made ready.</summary>
    public void Do<TTarget>(ContinuationScheduler scheduler, TTarget target, long argument, Action<TTarget, long> action)
    {
        lock (Gate)
        {
            action(target, argument);
        }

        scheduler.Drain();
    }

    /// <summary>Something passed between the ends, so neither is idle.</summary>
    public void NotePacket() => _lastPacket = _time.GetTimestamp();

    /// <summary>The client is told that nothing listens at the server's address.</summary>
    public void ReportUnreachable()
    {
        lock (Gate)
        {
            Client.ReportUnreachable();
        }

        Client.Scheduler.Drain();
    }

    /// <summary>Ends both sides. Only the first call counts.</summary>
    public void End(QuicCloseInfo forClient, QuicCloseInfo forServer)
    {
        lock (Gate)
        {
            if (_ended)
            {
                return;
            }

            _ended = true;
            _timer?.Dispose();
            Client.End(forClient);
            Server.End(forServer);
            var clientFault = forClient.ToException();
            var serverFault = forServer.ToException();
            foreach (var stream in Client.TakeStreams())
            {
                EndStream(stream, clientFault, serverFault);
            }

            foreach (var stream in Server.TakeStreams())
            {
                EndStream(stream, serverFault, clientFault);
            }
        }

        Client.Scheduler.Drain();
        Server.Scheduler.Drain();
    }

    private static void EndStream(StreamPair stream, QuicTransportException forOpener, QuicTransportException forAcceptor)
    {
        stream.Forward.EndWithConnection(forOpener, forAcceptor);
        stream.Backward.EndWithConnection(forAcceptor, forOpener);
    }

    private static TimeSpan EarlierKeepAlive(TimeSpan one, TimeSpan other) =>
        one == TimeSpan.Zero ? other : other == TimeSpan.Zero || one < other ? one : other;

    private bool KeepsAlive => _keepAlive > TimeSpan.Zero && _keepAlive < _idleTimeout;

    private TimeSpan NextDue(TimeSpan quiet)
    {
        var due = (KeepsAlive ? _keepAlive : _idleTimeout) - quiet;
        return due > TimeSpan.FromMilliseconds(1) ? due : TimeSpan.FromMilliseconds(1); // timers count in milliseconds
    }

    private void OnTimer()
    {
        lock (Gate)
        {
            if (_ended)
            {
                return;
            }

            var quiet = _time.GetElapsedTime(_lastPacket);
            if (KeepsAlive && quiet >= _keepAlive)
            {
                NotePacket(); // the PING and its acknowledgement
                quiet = TimeSpan.Zero;
            }

            if (quiet < _idleTimeout)
            {
                _timer!.Change(NextDue(quiet), Timeout.InfiniteTimeSpan);
                return;
            }
        }

        var idle = new QuicCloseInfo(QuicError.ConnectionIdle, null, $"no packet for {_idleTimeout}");
        End(idle, idle);
    }
}
