using System.Buffers.Binary;

namespace Broker.Protocol.Bbq;

/// <summary>
/// bincode's variable-length unsigned integer, little-endian: below 251 the byte itself; 251, 252 and 253 announce two, four and eight bytes. 254 (sixteen
/// bytes)
/// and 255 do not occur in this protocol. Encoders use the shortest form; decoders take any, as bincode does.
/// </summary>
public static class BincodeVarint
{
    /// <summary>The longest encoding in bytes.</summary>
    public const int MaxSize = 9;

    private const byte TwoBytes = 251;
    private const byte FourBytes = 252;
    private const byte EightBytes = 253;

    /// <summary>Bytes that <see cref="Write"/> uses for the value: 1, 3, 5 or 9.</summary>
    public static int SizeOf(ulong value) => value switch
    {
        < TwoBytes => 1,
        <= ushort.MaxValue => 3,
        <= uint.MaxValue => 5,
        _ => 9,
    };

    /// <summary>Writes the shortest encoding and returns its length.</summary>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public static int Write(Span<byte> destination, ulong value)
    {
        var size = SizeOf(value);
        if (destination.Length < size)
        {
            throw new ArgumentException($"{destination.Length} bytes; {size} are needed", nameof(destination));
        }

        switch (size)
        {
            case 1:
                destination[0] = (byte)value;
                break;
            case 3:
                destination[0] = TwoBytes;
                BinaryPrimitives.WriteUInt16LittleEndian(destination[1..], (ushort)value);
                break;
            case 5:
                destination[0] = FourBytes;
                BinaryPrimitives.WriteUInt32LittleEndian(destination[1..], (uint)value);
                break;
            default:
                destination[0] = EightBytes;
                BinaryPrimitives.WriteUInt64LittleEndian(destination[1..], value);
                break;
        }

        return size;
    }

    /// <summary>Reads one integer from the start of <paramref name="source"/>.</summary>
    /// <returns><c>false</c> if the source ends before the integer does, or its first byte is 254 or 255.</returns>
    public static bool TryRead(ReadOnlySpan<byte> source, out ulong value, out int read)
    {
        read = source switch
        {
            [] => 0,
            [< TwoBytes, ..] => 1,
            [TwoBytes, ..] => 3,
            [FourBytes, ..] => 5,
            [EightBytes, ..] => 9,
            _ => 0,
        };
        if (read == 0 || source.Length < read)
        {
            value = 0;
            read = 0;
            return false;
        }

        value = read switch
        {
            1 => source[0],
            3 => BinaryPrimitives.ReadUInt16LittleEndian(source[1..]),
            5 => BinaryPrimitives.ReadUInt32LittleEndian(source[1..]),
            _ => BinaryPrimitives.ReadUInt64LittleEndian(source[1..]),
        };
        return true;
    }
}
