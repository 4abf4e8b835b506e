using System.Collections.Concurrent;
using System.Net;
using Broker.Client.Connections;
using Broker.Client.Requests;
using Broker.Client.Streams;
using Broker.Protocol;
using Broker.Transport;
using Broker.Transport.Auto;

namespace Broker.Client;

/// <summary>
/// A connection to a broker. Thread-safe; one for a program is enough. Publishers, consumers and requests have streams of their own on it, so none waits for
/// another.
/// </summary>
/// <remarks>
/// <para>Cancelling an operation ends the wait and abandons the result; the connection and everything else on it go on. Whether the broker has carried the
/// operation out is
/// then unknown.</para>
/// <para>When the connection is lost, everything under way fails with <see cref="BrokerConnectionException"/> and the client stays closed: connect a new one if
/// <see cref="BrokerException.IsRetryable"/> says that it makes sense.</para>
/// </remarks>
public sealed partial class BrokerClient : IAsyncDisposable
{
    private readonly BrokerClientOptions _options;
    private readonly BrokerConnection _connection;
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<IAsyncDisposable, bool> _children = new();
    private Publishing.PublishStream? _sharedPublisher;
    private RequestStream? _requests;
    private int _disposed;

    private BrokerClient(BrokerClientOptions options, BrokerConnection connection, BrokerEndpoint endpoint)
    {
        _options = options;
        _connection = connection;
        Endpoint = endpoint;
    }

    /// <summary>The endpoint that answered.</summary>
    public BrokerEndpoint Endpoint { get; }

    /// <summary>The node's name.</summary>
    public string NodeId => _connection.Welcome.NodeId;

    /// <summary>The cluster's name.</summary>
    public string ClusterName => _connection.Welcome.ClusterName;

    /// <summary>Version of the node's software.</summary>
    public string ServerVersion => _connection.Welcome.ProductVersion;

    /// <summary>The name that the broker knows this client by: the user of its certificate.</summary>
    public string Identity => _connection.Welcome.Identity;

    /// <summary>The largest message that the node takes, in bytes: exchange, routing key, properties and body.</summary>
    public int MaxMessageBytes => _connection.Welcome.MaxMessageBytes;

    /// <summary>The node has said that it will close the connection soon: finish what is under way; nothing new can be opened.</summary>
    public bool IsGoingAway => _connection.IsGoingAway;

    /// <summary>
    /// Completes, never faults, when the connection has ended; with <c>null</c> if <see cref="DisposeAsync"/> ended it, else with the reason.
    /// </summary>
    public Task<BrokerConnectionException?> Closed => _connection.Closed;

    /// <summary>Connects to the first endpoint that answers.</summary>
    /// <exception cref="BrokerConnectionException">None did; this is what the last one said. A refusal that no other node would lift ends the search at
    /// once.</exception>
    /// <exception cref="ArgumentException">An option cannot be.</exception>
    public static async Task<BrokerClient> ConnectAsync(BrokerClientOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        BrokerConnectionException? last = null;
        foreach (var endpoint in options.Endpoints)
        {
            try
            {
                return new BrokerClient(options, await ConnectAsync(options, endpoint, cancellationToken).ConfigureAwait(false), endpoint);
            }
            catch (BrokerConnectionException e)
            {
                last = e;
                if (!e.IsRetryable)
                {
                    break;
                }
            }
        }

        throw last!;
    }

    /// <summary>
    /// Lets publishers and consumers finish within <see cref="BrokerClientOptions.CloseTimeout"/>, then says goodbye. Unsettled messages go back to their
    /// queues. Does not throw.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            await Closed.ConfigureAwait(false);
            return;
        }

        FrameStream?[] shared;
        lock (_gate)
        {
            shared = [_sharedPublisher, _requests];
        }

        await Task.WhenAll(
            _children.Keys.Select(static child => child.DisposeAsync().AsTask())
                .Concat(shared.OfType<FrameStream>().Select(EndAsync))).ConfigureAwait(false);
        await _connection.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Ends a stream in order, or gives it up after the time for that.</summary>
    internal async Task EndAsync(FrameStream stream)
    {
        using var timeout = new CancellationTokenSource(_options.CloseTimeout, _options.TimeProvider);
        try
        {
            await stream.EndAsync(timeout.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            stream.Abandon();
        }
    }

    internal void Forget(IAsyncDisposable child) => _children.TryRemove(child, out _);

    private static async Task<BrokerConnection> ConnectAsync(BrokerClientOptions options, BrokerEndpoint endpoint, CancellationToken cancellationToken)
    {
        var what = $"connect to {endpoint}";
        IAsyncDisposable? ownTransport = null;
        IQuicConnection? quic = null;
        using var timeout = new CancellationTokenSource(options.ConnectTimeout, options.TimeProvider);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            var tls = options.ReadTls();
            var transport = options.Transport;
            if (transport is null)
            {
                transport = QuicTransports.Create(options.TransportName);
                ownTransport = transport;
            }

            quic = await ConnectAsync(transport, options, endpoint, tls, linked.Token).ConfigureAwait(false);
            return await ConnectionHandshake.RunAsync(quic, Hello(options), ownTransport, linked.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            if (quic is not null)
            {
                await quic.DisposeAsync().ConfigureAwait(false);
            }

            if (ownTransport is not null)
            {
                await ownTransport.DisposeAsync().ConfigureAwait(false);
            }

            throw e switch
            {
                OperationCanceledException when !cancellationToken.IsCancellationRequested => new BrokerConnectionException(
                    what, ErrorCode.HandshakeTimeout, $"no answer within {options.ConnectTimeout.TotalSeconds:0.###} s", innerException: e),
                QuicTransportException transport => BrokerConnectionException.From(what, transport),
                IOException or UnauthorizedAccessException => new BrokerConnectionException(
                    what, ErrorCode.InvalidArgument, e.Message, retryable: false, innerException: e),
                _ => Rethrow(e),
            };
        }
    }

    private static async Task<IQuicConnection> ConnectAsync(
        IQuicTransport transport, BrokerClientOptions options, BrokerEndpoint endpoint, QuicTlsOptions tls, CancellationToken cancellationToken)
    {
        QuicTransportException? last = null;
        foreach (var address in await ResolveAsync(endpoint, cancellationToken).ConfigureAwait(false))
        {
            try
            {
                return await transport.ConnectAsync(
                    new QuicClientOptions
                    {
                        EndPoint = new IPEndPoint(address, endpoint.Port),
                        ServerName = options.ServerName ?? endpoint.Host,
                        ApplicationProtocols = [ProtocolInfo.Alpn],
                        Tls = tls,
                        IdleTimeout = options.IdleTimeout,
                        KeepAliveInterval = options.KeepAliveInterval,
                        HandshakeTimeout = options.ConnectTimeout,
                        MaxInboundStreams = 0,
                        StreamReceiveWindow = options.StreamReceiveWindow,
                        ConnectionReceiveWindow = options.ConnectionReceiveWindow,
                        DefaultStreamErrorCode = (long)ErrorCode.Cancelled,
                    },
                    cancellationToken).ConfigureAwait(false);
            }
            catch (QuicTransportException e) when (e.Error is QuicError.ConnectionRefused or QuicError.HandshakeTimeout or QuicError.Transport)
            {
                last = e; // the next address of the same name may be the one that is reachable
            }
        }

        throw last ?? new QuicTransportException(QuicError.ConnectionRefused, $"'{endpoint.Host}' has no address");
    }

    private static async Task<IPAddress[]> ResolveAsync(BrokerEndpoint endpoint, CancellationToken cancellationToken)
    {
        if (IPAddress.TryParse(endpoint.Host, out var address))
        {
            return [address];
        }

        try
        {
            return await Dns.GetHostAddressesAsync(endpoint.Host, cancellationToken).ConfigureAwait(false);
        }
        catch (System.Net.Sockets.SocketException e)
        {
            throw new QuicTransportException(QuicError.ConnectionRefused, $"'{endpoint.Host}': {e.Message}", e);
        }
    }

    private static HelloFrame Hello(BrokerClientOptions options) => new()
    {
        ClientName = options.ClientName,
        ClientVersion = typeof(BrokerClient).Assembly.GetName().Version?.ToString(3) ?? "",
        Vhost = options.Vhost,
        MaxMessageBytes = options.MaxMessageBytes,
        MaxFrameBytes = options.MaxMessageBytes + ProtocolLimits.FrameOverheadBytes,
    };

    private static Exception Rethrow(Exception e)
    {
        System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e);
        return e;
    }
}
