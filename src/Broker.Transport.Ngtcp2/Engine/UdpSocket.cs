using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Broker.Transport.Ngtcp2.Interop;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>A bound, non-blocking UDP socket with the options that QUIC wants.</summary>
internal sealed unsafe class UdpSocket : IDisposable
{
    private const int BufferBytes = 4 << 20;

    private UdpSocket(int descriptor, int family, SocketAddressStorage local, bool wildcard, bool segmentation)
    {
        Descriptor = descriptor;
        Family = family;
        Local = local;
        IsWildcard = wildcard;
        CanSegment = segmentation;
        Interlocked.Increment(ref LiveObjects.Sockets);
    }

    /// <summary>The file descriptor.</summary>
    public int Descriptor { get; private set; }

    /// <summary><see cref="LibC.AddressFamilyInet"/> or <see cref="LibC.AddressFamilyInet6"/>.</summary>
    public int Family { get; }

    /// <summary>The bound address.</summary>
    public SocketAddressStorage Local { get; }

    /// <summary>Whether it serves on every address, so that each datagram must say which one it came to. A client leaves its source address to the system.</summary>
    public bool IsWildcard { get; }

    /// <summary>Whether the kernel splits and joins datagrams.</summary>
    public bool CanSegment { get; }

    /// <summary>Opens and binds.</summary>
    /// <param name="endPoint">The address; <see cref="IPAddress.IPv6Any"/> takes IPv4 as well.</param>
    /// <param name="segmentation">Whether to ask the kernel to join received datagrams.</param>
    /// <param name="server">Whether peers choose the address to reach us at, and so must be answered from that one.</param>
    /// <exception cref="QuicTransportException"><see cref="QuicError.AddressInUse"/> or <see cref="QuicError.InvalidConfiguration"/>.</exception>
    public static UdpSocket Bind(IPEndPoint endPoint, bool segmentation, bool server)
    {
        var family = endPoint.AddressFamily == AddressFamily.InterNetworkV6 ? LibC.AddressFamilyInet6 : LibC.AddressFamilyInet;
        var descriptor = LibC.socket(family, LibC.SocketDatagram | LibC.SocketNonBlocking | LibC.SocketCloseOnExec, 0);
        if (descriptor < 0)
        {
            throw Failure(endPoint, Marshal.GetLastPInvokeError());
        }

        try
        {
            Configure(descriptor, family, endPoint.Address.Equals(IPAddress.IPv6Any));
            var address = SocketAddressStorage.From(endPoint.Address, endPoint.Port, family);
            if (LibC.bind(descriptor, &address, address.Length) != 0)
            {
                throw Failure(endPoint, Marshal.GetLastPInvokeError());
            }

            var length = (uint)SocketAddressStorage.Size;
            if (LibC.getsockname(descriptor, &address, &length) != 0)
            {
                throw Failure(endPoint, Marshal.GetLastPInvokeError());
            }

            int value;
            var size = (uint)sizeof(int);
            segmentation = segmentation
                && LibC.getsockopt(descriptor, LibC.SolUdp, LibC.UdpSegment, &value, &size) == 0
                && LibC.TrySetOption(descriptor, LibC.SolUdp, LibC.UdpGro, 1);
            var wildcard = server && (endPoint.Address.Equals(IPAddress.Any) || endPoint.Address.Equals(IPAddress.IPv6Any));
            return new UdpSocket(descriptor, family, address, wildcard, segmentation);
        }
        catch
        {
            _ = LibC.close(descriptor);
            throw;
        }
    }

    /// <summary>
    /// Whether the kernel is to report ICMP errors in the socket's error queue; it does not at first. On a system that knows no such queue it never does. What waits there goes with it.
    /// </summary>
    public void ReportErrors(bool value)
    {
        if (Family == LibC.AddressFamilyInet6)
        {
            LibC.TrySetOption(Descriptor, LibC.SolIpv6, LibC.Ipv6ReceiveError, value ? 1 : 0);
        }

        LibC.TrySetOption(Descriptor, LibC.SolIp, LibC.IpReceiveError, value ? 1 : 0); // for mapped addresses, too
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Descriptor >= 0)
        {
            _ = LibC.close(Descriptor);
            Descriptor = -1;
            Interlocked.Decrement(ref LiveObjects.Sockets);
        }
    }

    // Options that a kernel or container may refuse cost a feature (addresses, ECN, path MTU), never the socket.
    private static void Configure(int descriptor, int family, bool dualStack)
    {
        LibC.TrySetOption(descriptor, LibC.SolSocket, LibC.SoReceiveBuffer, BufferBytes);
        LibC.TrySetOption(descriptor, LibC.SolSocket, LibC.SoSendBuffer, BufferBytes);
        if (family == LibC.AddressFamilyInet6)
        {
            LibC.TrySetOption(descriptor, LibC.SolIpv6, LibC.Ipv6Only, dualStack ? 0 : 1);
            LibC.TrySetOption(descriptor, LibC.SolIpv6, LibC.Ipv6ReceivePacketInfo, 1);
            LibC.TrySetOption(descriptor, LibC.SolIpv6, LibC.Ipv6ReceiveTrafficClass, 1);
            LibC.TrySetOption(descriptor, LibC.SolIpv6, LibC.Ipv6MtuDiscover, LibC.MtuDiscoverProbe);
            if (!dualStack)
            {
                return;
            }
        }

        LibC.TrySetOption(descriptor, LibC.SolIp, LibC.IpPacketInfo, 1);
        LibC.TrySetOption(descriptor, LibC.SolIp, LibC.IpReceiveTos, 1);

        // ngtcp2 probes for the path MTU itself (RFC 8899): don't fragment, and don't believe the kernel's guess.
        LibC.TrySetOption(descriptor, LibC.SolIp, LibC.IpMtuDiscover, LibC.MtuDiscoverProbe);
    }

    private static QuicTransportException Failure(IPEndPoint endPoint, int error)
    {
        var text = Marshal.GetPInvokeErrorMessage(error);
        return error == LibC.ErrorAddressInUse
            ? new QuicTransportException(QuicError.AddressInUse, $"UDP {endPoint} is in use")
            : new QuicTransportException(QuicError.InvalidConfiguration, $"cannot bind UDP {endPoint}: {text}");
    }
}
