using System.Net;
using System.Net.Sockets;

namespace Broker.Node.Tests.Cluster;

/// <summary>Ports of this machine on which nobody listened a moment ago, all different: for what must come back on the same port after it was killed.</summary>
internal static class FreePorts
{
    public static int[] Tcp(int count) => Take(count, SocketType.Stream);

    public static int[] Udp(int count) => Take(count, SocketType.Dgram);

    private static int[] Take(int count, SocketType type)
    {
        var sockets = Enumerable.Range(0, count).Select(_ => new Socket(AddressFamily.InterNetwork, type, ProtocolType.Unspecified)).ToList();
        try
        {
            sockets.ForEach(socket => socket.Bind(new IPEndPoint(IPAddress.Loopback, 0)));
            return [.. sockets.Select(socket => ((IPEndPoint)socket.LocalEndPoint!).Port)];
        }
        finally
        {
            sockets.ForEach(socket => socket.Dispose());
        }
    }
}
