using System.Buffers.Binary;
using System.Numerics;

namespace Broker.Storage.Records;

/// <summary>CRC-32C (Castagnoli; RFC 3720, section 12.1 and appendix B.4), which processors compute in hardware.</summary>
public static class Crc32C
{
    /// <summary>The checksum of the bytes.</summary>
    /// <param name="bytes">What to sum up.</param>
    /// <param name="previous">The checksum of what comes before them; 0 if nothing does.</param>
    public static uint Compute(ReadOnlySpan<byte> bytes, uint previous = 0)
    {
        var crc = ~previous;
        while (bytes.Length >= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (var octet in bytes)
        {
            crc = BitOperations.Crc32C(crc, octet);
        }

        return ~crc;
    }
}
