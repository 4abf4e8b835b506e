using System.Runtime.InteropServices;

namespace Broker.Transport.Ngtcp2.Interop;

/// <summary><c>struct msghdr</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MessageHeader
{
    public void* Name;
    public uint NameLength;
    public Vec* Data;
    public nuint DataCount;
    public void* Control;
    public nuint ControlLength;
    public int Flags;
}

/// <summary><c>struct mmsghdr</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct BatchedMessageHeader
{
    public MessageHeader Header;
    public uint Length;
}

/// <summary><c>struct cmsghdr</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ControlHeader
{
    public nuint Length;
    public int Level;
    public int Type;
}

/// <summary><c>struct sock_extended_err</c> (<c>ip(7)</c>).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SocketError
{
    public const byte OriginIcmp = 2;
    public const byte OriginIcmp6 = 3;

    public uint Error;
    public byte Origin;
    public byte IcmpType;
    public byte IcmpCode;
    public byte Padding;
    public uint Info;
    public uint Data;
}

/// <summary><c>struct pollfd</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollDescriptor
{
    public int Descriptor;
    public short Events;
    public short ReturnedEvents;
}

/// <summary><c>struct timespec</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TimeSpecification
{
    public long Seconds;
    public long Nanoseconds;
}

/// <summary>The system calls of the event loop (Linux numbers; the backend runs on Linux only).</summary>
internal static unsafe partial class LibC
{
    private const string Library = "libc";

    public const int AddressFamilyInet = 2;
    public const int AddressFamilyInet6 = 10;
    public const int SocketDatagram = 2;
    public const int SocketNonBlocking = 0x800;
    public const int SocketCloseOnExec = 0x80000;

    public const int SolSocket = 1;
    public const int SoError = 4;
    public const int SoSendBuffer = 7;
    public const int SoReceiveBuffer = 8;
    public const int SolIp = 0;
    public const int IpTos = 1;
    public const int IpPacketInfo = 8;
    public const int IpMtuDiscover = 10;
    public const int IpReceiveError = 11;
    public const int IpReceiveTos = 13;
    public const int SolIpv6 = 41;
    public const int Ipv6MtuDiscover = 23;
    public const int Ipv6ReceiveError = 25;
    public const int Ipv6Only = 26;
    public const int Ipv6ReceivePacketInfo = 49;
    public const int Ipv6PacketInfo = 50;
    public const int Ipv6ReceiveTrafficClass = 66;
    public const int Ipv6TrafficClass = 67;
    public const int MtuDiscoverProbe = 3;
    public const int SolUdp = 17;
    public const int UdpSegment = 103;
    public const int UdpGro = 104;

    public const int MessageDontWait = 0x40;
    public const int MessageErrorQueue = 0x2000;
    public const int MessageTruncated = 0x20;
    public const short PollIn = 1;
    public const short PollOut = 4;
    public const short PollError = 8;

    public const int ErrorInterrupted = 4;
    public const int ErrorIo = 5;
    public const int ErrorAgain = 11;
    public const int ErrorAccess = 13;
    public const int ErrorInvalid = 22;
    public const int ErrorNotImplemented = 38;
    public const int ErrorAddressInUse = 98;
    public const int ErrorMessageSize = 90;
    public const int ErrorNoBuffers = 105;
    public const int ErrorConnectionRefused = 111;

    [LibraryImport(Library, SetLastError = true)]
    public static partial int socket(int domain, int type, int protocol);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int bind(int descriptor, void* address, uint length);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int getsockname(int descriptor, void* address, uint* length);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int setsockopt(int descriptor, int level, int name, void* value, uint length);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int getsockopt(int descriptor, int level, int name, void* value, uint* length);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int close(int descriptor);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int eventfd(uint value, int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint read(int descriptor, void* buffer, nuint count);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint write(int descriptor, void* buffer, nuint count);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int ppoll(PollDescriptor* descriptors, nuint count, TimeSpecification* timeout, void* signalMask);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint recvmsg(int descriptor, MessageHeader* message, int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int recvmmsg(int descriptor, BatchedMessageHeader* messages, uint count, int flags, void* timeout);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint sendmsg(int descriptor, MessageHeader* message, int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int sendmmsg(int descriptor, BatchedMessageHeader* messages, uint count, int flags);

    /// <summary>Sets an integer option; <c>false</c> if the kernel does not know it.</summary>
    public static bool TrySetOption(int descriptor, int level, int name, int value) => setsockopt(descriptor, level, name, &value, sizeof(int)) == 0;

    /// <summary>Gives freed heap memory back to the system where the C library can (glibc); elsewhere its own policy stands.</summary>
    public static void TrimHeap()
    {
        try
        {
            _ = malloc_trim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // musl and others have no such call
        }
    }

    [LibraryImport(Library)]
    private static partial int malloc_trim(nuint pad);
}
