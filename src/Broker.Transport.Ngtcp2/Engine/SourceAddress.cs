using System.Net;
using System.Net.Sockets;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>Asks the routing table which address this machine sends from.</summary>
internal static class SourceAddress
{
    /// <summary>The source address for a destination; <c>null</c> if there is no route. Sends nothing.</summary>
    public static IPAddress? Find(IPEndPoint destination)
    {
        try
        {
            using var probe = new Socket(destination.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            probe.Connect(destination);
            return (probe.LocalEndPoint as IPEndPoint)?.Address;
        }
        catch (SocketException)
        {
            return null;
        }
    }
}
