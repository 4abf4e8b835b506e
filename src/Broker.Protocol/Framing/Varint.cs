using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Broker.Protocol;

/// <summary>
/// QUIC's variable-length integer (RFC 9000, section 16; docs/protocol.md, section 2): the two high bits of the first byte give the length
/// 1, 2, 4 or 8, the rest is the value, big-endian. Encoders here use the shortest form; decoders take any.
/// </summary>
public static class Varint
{
    /// <summary>The largest value: 2^62-1.</summary>
    public const ulong Max = (1UL << 62) - 1;

    /// <summary>The longest encoding in bytes.</summary>
    public const int MaxSize = 8;

    /// <summary>Bytes that <see cref="Write"/> uses for the value: 1, 2, 4 or 8.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is over <see cref="Max"/>.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int SizeOf(ulong value) => value switch
    {
        < 1 << 6 => 1,
        < 1 << 14 => 2,
        < 1 << 30 => 4,
        <= Max => 8,
        _ => throw TooLarge(value),
    };

    /// <summary>Writes the shortest encoding and returns its length.</summary>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The value is over <see cref="Max"/>.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Write(Span<byte> destination, ulong value)
    {
        if (value < 1 << 6 && !destination.IsEmpty)
        {
            destination[0] = (byte)value;
            return 1;
        }

        return WriteLong(destination, value);
    }

    /// <summary>Reads one varint from the start of <paramref name="source"/>.</summary>
    /// <returns><c>false</c> if the source ends before the varint does.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRead(ReadOnlySpan<byte> source, out ulong value, out int read)
    {
        if (!source.IsEmpty && source[0] < 1 << 6)
        {
            value = source[0];
            read = 1;
            return true;
        }

        return TryReadLong(source, out value, out read);
    }

    private static int WriteLong(Span<byte> destination, ulong value)
    {
        switch (SizeOf(value))
        {
            case 1:
                destination[0] = (byte)value;
                return 1;
            case 2:
                BinaryPrimitives.WriteUInt16BigEndian(destination, (ushort)(value | 0x4000));
                return 2;
            case 4:
                BinaryPrimitives.WriteUInt32BigEndian(destination, (uint)(value | 0x8000_0000));
                return 4;
            default:
                BinaryPrimitives.WriteUInt64BigEndian(destination, value | 0xC000_0000_0000_0000);
                return 8;
        }
    }

    private static bool TryReadLong(ReadOnlySpan<byte> source, out ulong value, out int read)
    {
        read = source.IsEmpty ? 1 : 1 << (source[0] >> 6);
        if (source.Length < read)
        {
            value = 0;
            read = 0;
            return false;
        }

        value = read switch
        {
            1 => source[0],
            2 => BinaryPrimitives.ReadUInt16BigEndian(source) & 0x3FFFu,
            4 => BinaryPrimitives.ReadUInt32BigEndian(source) & 0x3FFF_FFFFu,
            _ => BinaryPrimitives.ReadUInt64BigEndian(source) & Max,
        };
        return true;
    }

    private static ArgumentOutOfRangeException TooLarge(ulong value) => new(nameof(value), value, "a varint holds at most 2^62-1");
}
