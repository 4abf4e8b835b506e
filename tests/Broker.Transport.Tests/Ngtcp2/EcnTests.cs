using System.Net;
using System.Net.Sockets;
using Broker.Transport.Ngtcp2.Engine;
using Broker.Transport.Ngtcp2.Interop;
using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>Explicit congestion notification (RFC 9000, section 13.4) through the kernel and back.</summary>
public sealed class EcnTests : Ngtcp2Tests
{
    private const byte Ect0 = 2;
    private const byte CongestionExperienced = 3;

    [Fact]
    public async Task Clients_packets_are_marked_capable()
    {
        using var server = UdpSocket.Bind(new IPEndPoint(IPAddress.Loopback, 0), segmentation: false, server: true);
        var connect = Transport.ConnectAsync(new QuicClientOptions
        {
            Tls = TestCertificates.Client,
            ApplicationProtocols = [Protocol],
            ServerName = "localhost",
            EndPoint = server.Local.ToEndPoint(),
            HandshakeTimeout = TimeSpan.FromSeconds(1),
        }).AsTask();

        var (ecn, _) = await ReceiveAsync(server);

        Assert.Equal(Ect0, ecn);
        await Assert.ThrowsAsync<QuicTransportException>(() => Wait.For(connect, "the connection to nobody"));
    }

    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1")]
    [InlineData("0.0.0.0", "127.0.0.2")]
    [InlineData("::1", "::1")]
    [InlineData("::", "127.0.0.3")]
    public async Task Marks_and_local_address_arrive(string bound, string reached)
    {
        if (bound.Contains(':', StringComparison.Ordinal))
        {
            RequireIpv6();
        }

        using var receiver = UdpSocket.Bind(new IPEndPoint(IPAddress.Parse(bound), 0), segmentation: false, server: true);
        var port = receiver.Local.ToEndPoint().Port;
        var target = new IPEndPoint(IPAddress.Parse(reached), port);
        using var sender = UdpSocket.Bind(new IPEndPoint(target.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any, 0), segmentation: false, server: false);
        Send(sender, target, CongestionExperienced);

        var (ecn, local) = await ReceiveAsync(receiver);

        Assert.Equal(CongestionExperienced, ecn);
        Assert.Equal(target, local);
    }

    private static unsafe void Send(UdpSocket socket, IPEndPoint target, byte ecn)
    {
        using var sender = new DatagramSender(socket, new EngineOptions { Io = IoMode.Plain });
        var local = socket.Local;
        var remote = SocketAddressStorage.From(target.Address, target.Port, socket.Family);
        NativePath path = default;
        path.Local.Address = &local;
        path.Local.Length = local.Length;
        path.Remote.Address = &remote;
        path.Remote.Length = remote.Length;
        *sender.Next = 7;
        sender.Commit(1, &path, ecn);
        sender.Flush();
    }

    private static async Task<(byte Ecn, IPEndPoint Local)> ReceiveAsync(UdpSocket socket)
    {
        (byte, IPEndPoint)? received = null;
        await Wait.Until(() => (received = TryReceive(socket)) != null, "a datagram has come");
        return received!.Value;
    }

    private static unsafe (byte Ecn, IPEndPoint Local)? TryReceive(UdpSocket socket)
    {
        var data = stackalloc byte[2048];
        var control = stackalloc byte[ControlMessages.Capacity];
        SocketAddressStorage remote = default;
        var vector = new Vec { Base = data, Length = 2048 };
        var header = new MessageHeader { Name = &remote, NameLength = SocketAddressStorage.Size, Data = &vector, DataCount = 1, Control = control, ControlLength = ControlMessages.Capacity };
        if (LibC.recvmsg(socket.Descriptor, &header, LibC.MessageDontWait) < 0)
        {
            return null;
        }

        var local = socket.Local;
        var segment = 0;
        ControlMessages.Read(header, ref local, ref segment, out var ecn);
        return (ecn, local.ToEndPoint());
    }
}
