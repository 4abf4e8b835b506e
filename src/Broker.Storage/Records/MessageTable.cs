using System.Buffers.Binary;

namespace Broker.Storage.Records;

/// <summary>What a record's table says of one message (docs/storage.md, "Message table"): 20 bytes, little-endian, in the order of the messages.</summary>
/// <param name="PositionDelta">Its position in the queue, from the record's first.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Checksum">CRC-32C of its bytes.</param>
/// <param name="Meta">Whatever the owner of the record says of the message beside its bytes.</param>
public readonly record struct MessageTableEntry(uint PositionDelta, int Bytes, uint Checksum, ulong Meta)
{
    /// <summary>Length of an entry in bytes.</summary>
    public const int Size = 20;

    /// <summary>Writes the entry.</summary>
    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(destination, PositionDelta);
        BinaryPrimitives.WriteInt32LittleEndian(destination[4..], Bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[8..], Checksum);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[12..], Meta);
    }

    /// <summary>Reads an entry.</summary>
    public static MessageTableEntry Read(ReadOnlySpan<byte> source) => new(
        BinaryPrimitives.ReadUInt32LittleEndian(source),
        BinaryPrimitives.ReadInt32LittleEndian(source[4..]),
        BinaryPrimitives.ReadUInt32LittleEndian(source[8..]),
        BinaryPrimitives.ReadUInt64LittleEndian(source[12..]));
}
