using System.Net;
using System.Net.Sockets;
using Broker.Transport.Ngtcp2.Engine;
using Broker.Transport.Ngtcp2.Interop;
using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>The kernel tells of an earlier datagram's ICMP error by failing a later call. What that call was to send must be sent.</summary>
public sealed class DatagramSenderTests : Ngtcp2Tests
{
    [Theory]
    [InlineData(IoMode.Segmented)]
    [InlineData(IoMode.Batched)]
    [InlineData(IoMode.Plain)]
    internal async Task Errors_of_datagrams_to_nobody_cost_no_other_datagram(IoMode mode)
    {
        const int Count = 50;
        const int Bytes = 100;
        using var nobody = BindRawSocket();
        var dead = (IPEndPoint)nobody.LocalEndPoint!;
        nobody.Dispose();
        using var receiver = BindRawSocket();
        using var socket = UdpSocket.Bind(new IPEndPoint(IPAddress.Loopback, 0), segmentation: mode == IoMode.Segmented, server: false);
        socket.ReportErrors(true);
        using var sender = new DatagramSender(socket, new EngineOptions { Io = mode });

        for (byte i = 0; i < Count; i++)
        {
            Add(sender, dead, i, Bytes);
            Add(sender, (IPEndPoint)receiver.LocalEndPoint!, i, Bytes);
            Add(sender, (IPEndPoint)receiver.LocalEndPoint!, i, Bytes); // joined with the one before, in the mode that does so
            sender.FlushIfFull();
        }

        sender.Flush();

        Assert.False(sender.IsBlocked);
        Assert.Equal(mode, sender.Mode);
        var buffer = new byte[Bytes * 2];
        for (var i = 0; i < Count * 2; i++)
        {
            Assert.Equal(Bytes, await Wait.For(receiver.ReceiveAsync(buffer, SocketFlags.None), $"datagram {i}"));
            Assert.Equal(i / 2, buffer[0]);
        }
    }

    private static unsafe void Add(DatagramSender sender, IPEndPoint to, byte value, int length)
    {
        var remote = SocketAddressStorage.From(to.Address, to.Port, LibC.AddressFamilyInet);
        NativePath path = default;
        path.Remote.Address = &remote;
        path.Remote.Length = remote.Length;
        new Span<byte>(sender.Next, length).Fill(value);
        sender.Commit(length, &path, 0);
    }
}
