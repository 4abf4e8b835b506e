using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>Sends ICMP errors about datagrams that it has not received. Needs a raw socket, which only root has.</summary>
internal sealed class IcmpForger : IDisposable
{
    /// <summary>RFC 792: destination unreachable, and what its code says.</summary>
    public const byte HostUnreachable = 1;

    public const byte PortUnreachable = 3;

    public const byte FragmentationNeeded = 4;

    private const byte DestinationUnreachable = 3;
    private const int HeaderLength = 8;
    private const int AddressHeaderLength = 20;
    private const byte Udp = 17;

    private readonly Socket _socket;

    private IcmpForger(Socket socket) => _socket = socket;

    /// <summary>Skips the test where raw sockets are not to be had.</summary>
    public static IcmpForger Create()
    {
        try
        {
            return new IcmpForger(new Socket(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Icmp));
        }
        catch (SocketException e)
        {
            Assert.Skip($"no raw sockets here: {e.Message}");
            throw;
        }
    }

    /// <summary>Says that a datagram did not arrive.</summary>
    /// <param name="from">Who is said to have sent it, and hears of it.</param>
    /// <param name="to">Where it is said to have gone.</param>
    /// <param name="payload">What it is said to have held.</param>
    /// <param name="code">Why it did not arrive.</param>
    public void Send(IPEndPoint from, IPEndPoint to, ReadOnlySpan<byte> payload, byte code = PortUnreachable)
    {
        var message = new byte[HeaderLength + AddressHeaderLength + HeaderLength + payload.Length];
        message[0] = DestinationUnreachable;
        message[1] = code;
        if (code == FragmentationNeeded)
        {
            BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(6), 1000);
        }

        var address = message.AsSpan(HeaderLength, AddressHeaderLength);
        address[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(address[2..], (ushort)(message.Length - HeaderLength));
        address[8] = 64;
        address[9] = Udp;
        from.Address.TryWriteBytes(address[12..], out _);
        to.Address.TryWriteBytes(address[16..], out _);
        BinaryPrimitives.WriteUInt16BigEndian(address[10..], Checksum(address));
        var ports = message.AsSpan(HeaderLength + AddressHeaderLength);
        BinaryPrimitives.WriteUInt16BigEndian(ports, (ushort)from.Port);
        BinaryPrimitives.WriteUInt16BigEndian(ports[2..], (ushort)to.Port);
        BinaryPrimitives.WriteUInt16BigEndian(ports[4..], (ushort)(HeaderLength + payload.Length));
        payload.CopyTo(ports[HeaderLength..]);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), Checksum(message));
        _socket.SendTo(message, new IPEndPoint(from.Address, 0));
    }

    public void Dispose() => _socket.Dispose();

    private static ushort Checksum(ReadOnlySpan<byte> data)
    {
        var sum = 0u;
        for (var i = 0; i < data.Length; i += 2)
        {
            sum += (uint)((data[i] << 8) | (i + 1 < data.Length ? data[i + 1] : 0));
        }

        sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~((sum & 0xffff) + (sum >> 16));
    }
}
