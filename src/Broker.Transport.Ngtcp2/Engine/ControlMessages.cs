using Broker.Transport.Ngtcp2.Interop;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>Reads and writes the ancillary data of a datagram (<c>cmsg(3)</c>): segment size, local address, ECN.</summary>
internal static unsafe class ControlMessages
{
    /// <summary>Room for all that is asked for at once.</summary>
    public const int Capacity = 128;

    private const byte EcnMask = 3;
    private const int InterfaceIndexSize = 4;

    /// <summary>What came with a received datagram.</summary>
    /// <param name="header">The received message.</param>
    /// <param name="local">Gets the address that it was sent to, if the kernel said so; the port stays.</param>
    /// <param name="segment">Gets the size of the datagrams that were joined, or stays.</param>
    /// <param name="ecn">Gets the ECN bits (RFC 3168).</param>
    public static void Read(in MessageHeader header, ref SocketAddressStorage local, ref int segment, out byte ecn)
    {
        ecn = 0;
        var left = (long)header.ControlLength;
        var message = (ControlHeader*)header.Control;
        while (left >= sizeof(ControlHeader) && message->Length >= (nuint)sizeof(ControlHeader) && (long)message->Length <= left)
        {
            var data = (byte*)(message + 1);
            switch (message->Level, message->Type)
            {
                case (LibC.SolUdp, LibC.UdpGro):
                    segment = *(int*)data;
                    break;
                case (LibC.SolIp, LibC.IpTos):
                    ecn = (byte)(*data & EcnMask);
                    break;
                case (LibC.SolIpv6, LibC.Ipv6TrafficClass):
                    ecn = (byte)(*(int*)data & EcnMask);
                    break;

                // struct in_pktinfo: interface index, local address, destination address of the header.
                case (LibC.SolIp, LibC.IpPacketInfo) when local.Family == LibC.AddressFamilyInet:
                    new ReadOnlySpan<byte>(data + InterfaceIndexSize + 4, 4).CopyTo(local.AddressBytes);
                    break;

                // struct in6_pktinfo: address, interface index.
                case (LibC.SolIpv6, LibC.Ipv6PacketInfo) when local.Family == LibC.AddressFamilyInet6:
                    new ReadOnlySpan<byte>(data, 16).CopyTo(local.AddressBytes);
                    break;
            }

            var step = Align((int)message->Length);
            left -= step;
            message = (ControlHeader*)((byte*)message + step);
        }
    }

    /// <summary>What an entry of the error queue is about.</summary>
    /// <returns><c>false</c> if the kernel did not say.</returns>
    public static bool TryReadError(in MessageHeader header, out SocketError error)
    {
        var left = (long)header.ControlLength;
        var message = (ControlHeader*)header.Control;
        while (left >= sizeof(ControlHeader) && message->Length >= (nuint)sizeof(ControlHeader) && (long)message->Length <= left)
        {
            if ((message->Level, message->Type) is (LibC.SolIp, LibC.IpReceiveError) or (LibC.SolIpv6, LibC.Ipv6ReceiveError)
                && message->Length >= (nuint)(sizeof(ControlHeader) + sizeof(SocketError)))
            {
                error = *(SocketError*)(message + 1);
                return true;
            }

            var step = Align((int)message->Length);
            left -= step;
            message = (ControlHeader*)((byte*)message + step);
        }

        error = default;
        return false;
    }

    /// <summary>Appends the size at which the kernel cuts the datagram.</summary>
    public static int WriteSegment(byte* buffer, int position, int segment)
    {
        *(ushort*)Begin(buffer, position, LibC.SolUdp, LibC.UdpSegment, sizeof(ushort)) = (ushort)segment;
        return position + Space(sizeof(ushort));
    }

    /// <summary>Appends the address to send from.</summary>
    public static int WriteLocal(byte* buffer, int position, ref SocketAddressStorage local)
    {
        if (local.Family == LibC.AddressFamilyInet6)
        {
            const int Size = 20;
            var data = Begin(buffer, position, LibC.SolIpv6, LibC.Ipv6PacketInfo, Size);
            local.AddressBytes.CopyTo(new Span<byte>(data, 16));
            return position + Space(Size);
        }

        const int Size4 = 12;
        var info = Begin(buffer, position, LibC.SolIp, LibC.IpPacketInfo, Size4);
        local.AddressBytes.CopyTo(new Span<byte>(info + InterfaceIndexSize, 4));
        return position + Space(Size4);
    }

    /// <summary>Appends the ECN bits; a mapped IPv4 destination takes them the IPv4 way.</summary>
    public static int WriteEcn(byte* buffer, int position, byte ecn, bool ipv6)
    {
        var data = ipv6 ? Begin(buffer, position, LibC.SolIpv6, LibC.Ipv6TrafficClass, sizeof(int)) : Begin(buffer, position, LibC.SolIp, LibC.IpTos, sizeof(int));
        *(int*)data = ecn;
        return position + Space(sizeof(int));
    }

    private static byte* Begin(byte* buffer, int position, int level, int type, int size)
    {
        var message = (ControlHeader*)(buffer + position);
        new Span<byte>(message, Space(size)).Clear();
        message->Length = (nuint)(sizeof(ControlHeader) + size);
        message->Level = level;
        message->Type = type;
        return (byte*)(message + 1);
    }

    private static int Space(int size) => Align(sizeof(ControlHeader) + size);

    private static int Align(int length) => (length + 7) & ~7;
}
