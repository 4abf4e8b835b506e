using System.Collections.Concurrent;
using System.Net;
using Broker.Transport.Tls;

namespace Broker.Transport.InMemory;

/// <summary>A bound address of an <see cref="InMemoryNetwork"/>.</summary>
internal sealed class InMemoryListener : IQuicListener
{
    private readonly Lock _gate = new();
    private readonly InMemoryTransport _transport;
    private readonly InMemoryNetwork _network;
    private readonly QuicListenerOptions _options;
    private readonly ContinuationScheduler _scheduler;
    private readonly WaitList<IQuicConnection?> _accepting;
    private readonly Queue<InMemoryConnection> _ready = new();
    private readonly ConcurrentDictionary<long, InMemoryConnection> _open = new();
    private TlsIdentity _identity;
    private long _accepted;
    private long _failed;
    private bool _disposed;

    public InMemoryListener(InMemoryTransport transport, InMemoryNetwork network, QuicListenerOptions options, TlsIdentity identity)
    {
        _transport = transport;
        _network = network;
        _options = options;
        _identity = identity;
        _scheduler = new ContinuationScheduler(_gate, network.InlineQueue, options.InlineContinuations);
        _accepting = new WaitList<IQuicConnection?>(_gate, _scheduler);
    }

    public IPEndPoint LocalEndPoint => _options.EndPoint;

    public QuicListenerStatistics Statistics => new()
    {
        ConnectionsAccepted = Interlocked.Read(ref _accepted),
        ConnectionsOpen = _open.Count,
        HandshakesFailed = Interlocked.Read(ref _failed),
    };

    public async ValueTask<IQuicConnection?> AcceptConnectionAsync(CancellationToken cancellationToken = default)
    {
        Task<IQuicConnection?> next;
        lock (_gate)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (_ready.TryDequeue(out var connection))
            {
                return connection;
            }

            if (_disposed)
            {
                return null;
            }

            next = _accepting.WaitAsync(cancellationToken);
        }

        return await next;
    }

    public void UpdateTls(QuicTlsOptions tls)
    {
        ArgumentNullException.ThrowIfNull(tls);
        (_options with { Tls = tls }).Validate();
        Volatile.Write(ref _identity, TlsIdentity.Load(tls));
    }

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            _ready.Clear();
            while (_accepting.TryServe(null))
            {
            }
        }

        _network.Remove(this);
        _transport.Remove(this);
        _scheduler.Drain();
        foreach (var (_, connection) in _open.OrderBy(entry => entry.Key))
        {
            await connection.DisposeAsync();
        }
    }

    /// <summary>The network says to the clients that nobody is here.</summary>
    public void ReportUnreachable()
    {
        foreach (var (_, connection) in _open.OrderBy(entry => entry.Key))
        {
            connection.ReportToPeer();
        }
    }

    /// <summary>A client on the network connects; both sides judge each other as TLS 1.3 does.</summary>
    public InMemoryConnection Handshake(InMemoryTransport clientTransport, QuicClientOptions client, TlsIdentity clientIdentity, IPEndPoint clientAddress)
    {
        if (_open.Count >= _options.MaxConnections)
        {
            throw new QuicTransportException(QuicError.ConnectionRefused, $"{LocalEndPoint} serves its maximum of {_options.MaxConnections} connections");
        }

        var identity = Volatile.Read(ref _identity);
        var protocol = InMemoryHandshake.ChooseProtocol(_options.ApplicationProtocols, client.ApplicationProtocols) ?? throw Fail(
            QuicError.ProtocolMismatch,
            $"no application protocol in common: the client offers {List(client)}, the server speaks {List(_options)}");
        if (InMemoryHandshake.JudgeServer(identity, clientIdentity, client.ServerName, _network.Time.GetUtcNow()) is { } serverFault)
        {
            throw Fail(QuicError.TlsFailed, $"the server's certificate is refused: {serverFault}");
        }

        var link = new InMemoryLink(_network, client, _options, clientAddress, client.EndPoint, protocol);
        link.Client.PeerCertificate = identity.Certificate!.RawData;
        link.Server.PeerCertificate = clientIdentity.Certificate is { } shown ? shown.RawData : default(ReadOnlyMemory<byte>?);
        if (InMemoryHandshake.JudgeClient(clientIdentity, identity, _options.RequireClientCertificate, _network.Time.GetUtcNow()) is { } clientFault)
        {
            var refusal = new QuicCloseInfo(QuicError.TlsFailed, null, $"the server refused the client's certificate: {clientFault}");
            _ = Fail(QuicError.TlsFailed, refusal.Reason);
            link.End(refusal, refusal);
            return link.Client;
        }

        Establish(clientTransport, link);
        return link.Client;
    }

    private void Establish(InMemoryTransport clientTransport, InMemoryLink link)
    {
        clientTransport.Add(link.Client);
        link.Client.Ended = clientTransport.Remove;
        _transport.Add(link.Server);
        _open[link.Server.Id] = link.Server;
        link.Server.Ended = server =>
        {
            _transport.Remove(server);
            _open.TryRemove(server.Id, out _);
        };
        link.StartTimer();
        Interlocked.Increment(ref _accepted);
        bool disposed;
        lock (_gate)
        {
            disposed = _disposed;
            if (!disposed && !_accepting.TryServe(link.Server))
            {
                _ready.Enqueue(link.Server);
            }
        }

        if (disposed)
        {
            var closing = new QuicCloseInfo(QuicError.ConnectionRefused, null, "the listener was closed");
            link.End(closing, closing);
        }

        _scheduler.Drain();
    }

    private QuicTransportException Fail(QuicError error, string message)
    {
        Interlocked.Increment(ref _failed);
        return new QuicTransportException(error, message);
    }

    private static string List(QuicConnectionOptions options) => string.Join(", ", options.ApplicationProtocols);
}
