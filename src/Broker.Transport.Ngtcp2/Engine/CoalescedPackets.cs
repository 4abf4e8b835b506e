using System.Buffers.Binary;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>Finds where QUIC packets that share a datagram begin and end (RFC 9000, section 12.2), without their keys.</summary>
internal static class CoalescedPackets
{
    private const int LongHeader = 0x80;
    private const int ConnectionIdsOffset = 5; // after the first byte and the version

    /// <summary>The length of the first packet; that of all <paramref name="packets"/> if it has a short header, which has no length, or if it is cut off.</summary>
    public static int LengthOfFirst(ReadOnlySpan<byte> packets)
    {
        if (packets.Length <= ConnectionIdsOffset || (packets[0] & LongHeader) == 0)
        {
            return packets.Length;
        }

        var at = ConnectionIdsOffset;
        if (!TrySkip(packets, ref at, packets[at] + 1) || at >= packets.Length || !TrySkip(packets, ref at, packets[at] + 1))
        {
            return packets.Length;
        }

        var isInitial = (packets[0] & 0x30) == 0;
        if (isInitial && (!TryReadVarint(packets, ref at, out var tokenLength) || !TrySkip(packets, ref at, tokenLength)))
        {
            return packets.Length;
        }

        return TryReadVarint(packets, ref at, out var length) && TrySkip(packets, ref at, length) ? at : packets.Length;
    }

    private static bool TrySkip(ReadOnlySpan<byte> packets, ref int at, ulong length)
    {
        if (length > (ulong)(packets.Length - at))
        {
            return false;
        }

        at += (int)length;
        return true;
    }

    private static bool TrySkip(ReadOnlySpan<byte> packets, ref int at, int length) => TrySkip(packets, ref at, (ulong)length);

    private static bool TryReadVarint(ReadOnlySpan<byte> packets, ref int at, out ulong value)
    {
        value = 0;
        if (at >= packets.Length)
        {
            return false;
        }

        var size = 1 << (packets[at] >> 6);
        if (size > packets.Length - at)
        {
            return false;
        }

        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        packets.Slice(at, size).CopyTo(bytes[^size..]);
        bytes[^size] &= 0x3f;
        value = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        at += size;
        return true;
    }
}
