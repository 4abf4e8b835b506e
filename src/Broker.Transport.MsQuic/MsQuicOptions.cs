using System.Net;
using System.Net.Quic;
using NativeConnectionOptions = System.Net.Quic.QuicConnectionOptions;

namespace Broker.Transport.MsQuic;

/// <summary>Our options in System.Net.Quic's terms.</summary>
internal static class MsQuicOptions
{
    // libmsquic doubles the window of a fast stream up to the connection's window, so such a stream that then stops being read could use up the
    // connection's window and stop its neighbours. Growth follows bandwidth times delay, which 16 MiB is well above on any path that we serve.
    // The connection's window as configured is kept by ReceiveBudget; the library may hold this much under it.
    private const int LeastConnectionWindow = 16 << 20;

    public static T Apply<T>(T native, QuicConnectionOptions options)
        where T : NativeConnectionOptions
    {
        native.IdleTimeout = options.IdleTimeout;
        native.KeepAliveInterval = options.KeepAliveInterval == TimeSpan.Zero ? Timeout.InfiniteTimeSpan : options.KeepAliveInterval;
        native.HandshakeTimeout = options.HandshakeTimeout;
        native.DefaultStreamErrorCode = options.DefaultStreamErrorCode;
        native.DefaultCloseErrorCode = options.DefaultCloseErrorCode;
        native.MaxInboundBidirectionalStreams = options.MaxInboundStreams;

        // The accept loop is how a connection's end is noticed, and .NET refuses to accept where no stream at all is allowed.
        native.MaxInboundUnidirectionalStreams = options.MaxInboundStreams == 0 ? 1 : 0;
        native.InitialReceiveWindowSizes = new QuicReceiveWindowSizes
        {
            Connection = Math.Max(options.ConnectionReceiveWindow, LeastConnectionWindow),
            LocallyInitiatedBidirectionalStream = options.StreamReceiveWindow,
            RemotelyInitiatedBidirectionalStream = options.StreamReceiveWindow,
            UnidirectionalStream = options.StreamReceiveWindow,
        };
        return native;
    }

    /// <summary>An IPv4 address as such, also where the socket speaks IPv6.</summary>
    public static IPEndPoint Plain(IPEndPoint address) =>
        address.Address.IsIPv4MappedToIPv6 ? new IPEndPoint(address.Address.MapToIPv4(), address.Port) : address;
}
