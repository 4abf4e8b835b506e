using System.Net;
using System.Net.Sockets;
using Broker.Node.Certificates;
using Broker.Node.Configuration;
using Broker.Transport;

namespace Broker.Node.Hosting;

/// <summary>The listener that a node's options describe.</summary>
internal static class ListenerSettings
{
    // Together, what one connection can make the node hold without reading it: 128 MiB. The window of one stream carries 10 MB/s over a path of 50 ms.
    private const int MaxStreams = 256;
    private const int StreamWindow = 512 << 10;

    /// <summary>The files of the node's identity.</summary>
    /// <param name="folder">Where they are.</param>
    /// <param name="clusterNode">The node's name, if it is one of a cluster.</param>
    /// <exception cref="QuicTransportException"><see cref="QuicError.InvalidConfiguration"/>, naming the file that cannot be read.</exception>
    public static QuicTlsOptions Tls(string folder, string? clusterNode)
    {
        var name = DevelopmentCertificates.FileNameOf(clusterNode);
        return QuicTlsOptions.FromFiles(Path.Combine(folder, name + ".pem"), Path.Combine(folder, name + ".key"), Path.Combine(folder, "ca.pem"));
    }

    /// <summary>Where and with which bounds the node listens.</summary>
    public static QuicListenerOptions From(
        BrokerNodeOptions options, QuicTlsOptions tls, IReadOnlyList<string> applicationProtocols, ReadOnlyMemory<byte> statelessResetKey) => new()
    {
        EndPoint = new IPEndPoint(Address(options.Listen), options.Port),
        ApplicationProtocols = applicationProtocols,
        StatelessResetKey = statelessResetKey,
        MaxInboundStreams = MaxStreams,
        StreamReceiveWindow = StreamWindow,
        Tls = tls,
    };

    private static IPAddress Address(string? configured) =>
        configured is not null ? IPAddress.Parse(configured) : IPv6Works() ? IPAddress.IPv6Any : IPAddress.Any;

    // An IPv6 socket can exist in a container that has no IPv6; only binding it tells.
    private static bool IPv6Works()
    {
        if (!Socket.OSSupportsIPv6)
        {
            return false;
        }

        try
        {
            using var probe = new Socket(AddressFamily.InterNetworkV6, SocketType.Dgram, ProtocolType.Udp);
            probe.Bind(new IPEndPoint(IPAddress.IPv6Any, 0));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
