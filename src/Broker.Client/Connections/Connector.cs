using System.Net;
using Broker.Protocol;
using Broker.Transport;
using Broker.Transport.Auto;

namespace Broker.Client.Connections;

/// <summary>Makes one connection to one endpoint.</summary>
internal static class Connector
{
    public static async Task<BrokerConnection> ConnectAsync(BrokerClientOptions options, BrokerEndpoint endpoint, CancellationToken cancellationToken)
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
