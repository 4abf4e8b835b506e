using Broker.Transport.Ngtcp2.Interop;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>Reads what the kernel learned by ICMP about datagrams that a socket sent (<c>ip(7)</c>, IP_RECVERR).</summary>
internal static unsafe class ErrorQueue
{
    /// <summary>How much of a datagram is asked for: a long header up to the longest source id.</summary>
    public const int MaxQuote = 1 + 4 + 1 + Cid.MaxLength + 1 + Cid.MaxLength;

    private const int ControlCapacity = 512;

    /// <summary>Takes one entry.</summary>
    /// <param name="socket">Whose queue.</param>
    /// <param name="entry">Gets it.</param>
    /// <returns><c>false</c> if there is none.</returns>
    public static bool TryTake(UdpSocket socket, out ErrorEntry entry)
    {
        var control = stackalloc byte[ControlCapacity];
        entry = default;
        fixed (ErrorEntry* p = &entry)
        {
            var vector = new Vec { Base = p->Quote, Length = MaxQuote };
            var header = new MessageHeader
            {
                Name = &p->Remote, NameLength = SocketAddressStorage.Size, Data = &vector, DataCount = 1, Control = control, ControlLength = ControlCapacity,
            };
            var length = LibC.recvmsg(socket.Descriptor, &header, LibC.MessageErrorQueue | LibC.MessageDontWait);
            if (length < 0)
            {
                return false;
            }

            // The local ones, and those about a datagram that was too large for the path, are the business of path MTU discovery, which does without them.
            p->QuoteLength = (int)length;
            p->IsUnreachable = ControlMessages.TryReadError(header, out var error) && error.Origin is SocketError.OriginIcmp or SocketError.OriginIcmp6 && error.Error != LibC.ErrorMessageSize;
            p->IsPortUnreachable = p->IsUnreachable && error.Error == LibC.ErrorConnectionRefused;
            return true;
        }
    }

    /// <summary>
    /// Clears the error that the next call on the socket would fail with. The kernel sets it beside the queue, so it can be there when the queue has been read, and the socket is ready for ever.
    /// </summary>
    public static void Clear(UdpSocket socket)
    {
        int error;
        var size = (uint)sizeof(int);
        _ = LibC.getsockopt(socket.Descriptor, LibC.SolSocket, LibC.SoError, &error, &size);
    }
}

/// <summary>One ICMP error.</summary>
internal unsafe struct ErrorEntry
{
    /// <summary>Where the datagram went.</summary>
    public SocketAddressStorage Remote;

    /// <summary>The beginning of the datagram, as much of it as came back.</summary>
    public fixed byte Quote[ErrorQueue.MaxQuote];

    /// <summary>How much that is, in bytes; zero if the ICMP message held headers only.</summary>
    public int QuoteLength;

    /// <summary>Whether it says that the datagram did not arrive and no smaller one would.</summary>
    public bool IsUnreachable;

    /// <summary>Whether it says that the host is there, and nothing listens at the port.</summary>
    public bool IsPortUnreachable;
}
