using System.Net;
using Broker.Protocol;
using Broker.Transport;
using Broker.Transport.Auto;

namespace Broker.Client.Connections;

/// <summary>Makes one connection to one endpoint.</summary>
internal static class Connector
{
    /// <param name="options">The client's options.</param>
    /// <param name="endpoint">Where to.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <param name="last">The address that is tried last if the endpoint's name has several; <c>null</c>: as they come.</param>
    public static async Task<BrokerConnection> ConnectAsync(
        BrokerClientOptions options, BrokerEndpoint endpoint, CancellationToken cancellationToken, IPEndPoint? last = null)
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

            quic = await ConnectAsync(transport, options, endpoint, tls, last, linked.Token).ConfigureAwait(false);
            return await ConnectionHandshake.RunAsync(quic, Hello(options), ownTransport, options.TimeProvider, linked.Token).ConfigureAwait(false);
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
        IQuicTransport transport, BrokerClientOptions options, BrokerEndpoint endpoint, QuicTlsOptions tls, IPEndPoint? last, CancellationToken cancellationToken)
    {
        QuicTransportException? failure = null;
        var addresses = await ResolveAsync(endpoint, cancellationToken).ConfigureAwait(false);
        foreach (var address in addresses.OrderBy(address => last is not null && last.Port == endpoint.Port && last.Address.Equals(address)))
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
                failure = e; // the next address of the same name may be the one that is reachable
            }
        }

        throw failure ?? new QuicTransportException(QuicError.ConnectionRefused, $"'{endpoint.Host}' has no address");
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
