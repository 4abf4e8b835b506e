using System.Buffers.Binary;

namespace Broker.Storage.Records;

/// <summary>What a file of records holds.</summary>
public enum FileKind
{
    /// <summary>A part of the write-ahead log.</summary>
    Log = 1,

    /// <summary>Messages of one queue.</summary>
    Segment = 2,
}

/// <summary>The first 64 bytes of every file of records (docs/storage.md, "File").</summary>
public readonly record struct FileHeader
{
    /// <summary>Length in bytes; the first record begins behind it.</summary>
    public const int Size = 64;

    /// <summary>The format that this version of the broker writes, and the newest that it reads.</summary>
    public const uint CurrentFormat = 1;

    private static ReadOnlySpan<byte> Magic => "BRKSTORE"u8;

    /// <summary>Format of the file.</summary>
    public uint Format { get; init; }

    /// <summary>What it holds.</summary>
    public required FileKind Kind { get; init; }

    /// <summary>The store that it belongs to: a file of another node's is refused.</summary>
    public required Guid Store { get; init; }

    /// <summary>Position of the file's first byte in the log; 0 for a segment.</summary>
    public long BasePosition { get; init; }

    /// <summary>The queue of a segment; 0 otherwise.</summary>
    public ulong Entity { get; init; }

    /// <summary>The segment's number; 0 otherwise.</summary>
    public ulong Number { get; init; }

    /// <summary>Writes the header with its checksum.</summary>
    public void Write(Span<byte> destination)
    {
        destination = destination[..Size];
        destination.Clear();
        Magic.CopyTo(destination);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[8..], Format);
        BinaryPrimitives.WriteInt32LittleEndian(destination[12..], (int)Kind);
        Store.TryWriteBytes(destination[16..32]);
        BinaryPrimitives.WriteInt64LittleEndian(destination[32..], BasePosition);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[40..], Entity);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[48..], Number);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[56..], Crc32C.Compute(destination[..56]));
    }

    /// <summary>Reads a header.</summary>
    /// <returns><c>false</c> if the bytes are not one, or a damaged one.</returns>
    public static bool TryRead(ReadOnlySpan<byte> source, out FileHeader header)
    {
        header = default;
        if (source.Length < Size
            || !source[..Magic.Length].SequenceEqual(Magic)
            || BinaryPrimitives.ReadUInt32LittleEndian(source[56..]) != Crc32C.Compute(source[..56]))
        {
            return false;
        }

        header = new FileHeader
        {
            Format = BinaryPrimitives.ReadUInt32LittleEndian(source[8..]),
            Kind = (FileKind)BinaryPrimitives.ReadInt32LittleEndian(source[12..]),
            Store = new Guid(source[16..32]),
            BasePosition = BinaryPrimitives.ReadInt64LittleEndian(source[32..]),
            Entity = BinaryPrimitives.ReadUInt64LittleEndian(source[40..]),
            Number = BinaryPrimitives.ReadUInt64LittleEndian(source[48..]),
        };
        return true;
    }
}
