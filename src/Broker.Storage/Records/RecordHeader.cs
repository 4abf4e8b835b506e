using System.Buffers.Binary;

namespace Broker.Storage.Records;

/// <summary>
/// The first 88 bytes of every record in every file (docs/storage.md, "Record"): what it is, where it belongs, how long its two parts are, and the checksums of
/// the header itself and of its control part. Messages have a checksum each, in the control part's table, so that damage to one is not damage to its neighbours.
/// </summary>
public readonly record struct RecordHeader
{
    /// <summary>Length of a header in bytes.</summary>
    public const int Size = 88;

    /// <summary>Records begin at multiples of this.</summary>
    public const int Alignment = 8;

    /// <summary>The layout that this version of the broker writes, and the newest that it reads.</summary>
    public const byte CurrentVersion = 1;

    /// <summary><see cref="SyncedDistance"/> of a record that does not know how far the disk was.</summary>
    public const uint UnknownDistance = uint.MaxValue;

    /// <summary>What the record is.</summary>
    public required RecordKind Kind { get; init; }

    /// <summary>Layout of this record.</summary>
    public byte Version { get; init; }

    /// <summary>The shard that the entity belongs to.</summary>
    public ushort Shard { get; init; }

    /// <summary>Where the record begins: its position in the endless log, or its offset in a segment file. A record elsewhere is a stale one.</summary>
    public long Position { get; init; }

    /// <summary>
    /// How far before this record the log was known to be on the disk when it was written; <see cref="UnknownDistance"/> if that was not known or further. It tells a torn tail,
    /// which was never on the disk, from damage to what was.
    /// </summary>
    public uint SyncedDistance { get; init; }

    /// <summary>Which run of the node has written it: 1, 2, 3 and so on.</summary>
    public uint Run { get; init; }

    /// <summary>Whose record it is: the number of a queue; 0 for the log's own.</summary>
    public ulong Entity { get; init; }

    /// <summary>Number of the record among those of its entity: 1, 2, 3 and so on, so that a gap shows.</summary>
    public ulong Index { get; init; }

    /// <summary>Number of the record among those of its shard; of a checkpoint, that of the last record that it contains. 0 where shards are not replicated.</summary>
    public ulong ShardIndex { get; init; }

    /// <summary>The leader's epoch under which it was written; 0 where shards are not replicated.</summary>
    public uint Epoch { get; init; }

    /// <summary>
    /// How far before <see cref="ShardIndex"/> the shard was known to be committed when this was written; 0 or <see cref="UnknownDistance"/> if that was not known, or further. Only
    /// of replicated records.
    /// </summary>
    public uint CommittedDistance { get; init; }

    /// <summary>When it was written, in milliseconds since the Unix epoch.</summary>
    public long TimeMs { get; init; }

    /// <summary>Position in the queue of the first message that the record has.</summary>
    public ulong FirstPosition { get; init; }

    /// <summary>How many messages it has.</summary>
    public int MessageCount { get; init; }

    /// <summary>Bytes of the control part: the table of the messages, then the operations.</summary>
    public int ControlBytes { get; init; }

    /// <summary>Checksum of the control part.</summary>
    public uint ControlChecksum { get; init; }

    /// <summary>Bytes of the messages.</summary>
    public int BodyBytes { get; init; }

    /// <summary>Bytes of the whole record, without the padding after it.</summary>
    public long Length => (long)Size + ControlBytes + BodyBytes;

    /// <summary>Bytes up to where the next record begins.</summary>
    public long PaddedLength => (Length + Alignment - 1) & ~(Alignment - 1L);

    /// <summary>Up to where the log was on the disk when this was written; -1 if that is not known.</summary>
    public long SyncedPosition => SyncedDistance == UnknownDistance ? -1 : Position - SyncedDistance;

    /// <summary>Number of the last record of the shard that was known to be committed when this was written; 0 if none was.</summary>
    public ulong CommittedIndex => CommittedDistance is 0 or UnknownDistance || CommittedDistance > ShardIndex ? 0 : ShardIndex - CommittedDistance;

    /// <summary>Whether the record is one of a shard's replicated log, which other nodes have as well.</summary>
    public bool IsReplicated => ShardIndex > 0 && (Kind is RecordKind.Operations or RecordKind.Deleted);

    /// <summary>Writes the header with its checksum.</summary>
    /// <param name="destination">At least <see cref="Size"/> bytes.</param>
    /// <param name="key">Key of the store that it is written in.</param>
    public void Write(Span<byte> destination, StoreKey key)
    {
        destination = destination[..Size];
        BinaryPrimitives.WriteInt32LittleEndian(destination[4..], ControlBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[8..], ControlChecksum);
        BinaryPrimitives.WriteInt32LittleEndian(destination[12..], BodyBytes);
        BinaryPrimitives.WriteInt64LittleEndian(destination[16..], Position);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[24..], SyncedDistance);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[28..], Run);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[32..], Entity);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[40..], Index);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[48..], ShardIndex);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[56..], FirstPosition);
        BinaryPrimitives.WriteInt64LittleEndian(destination[64..], TimeMs);
        BinaryPrimitives.WriteInt32LittleEndian(destination[72..], MessageCount);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[76..], Epoch);
        destination[80] = (byte)Kind;
        destination[81] = Version;
        BinaryPrimitives.WriteUInt16LittleEndian(destination[82..], Shard);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[84..], CommittedDistance);
        BinaryPrimitives.WriteUInt32LittleEndian(destination, key.Checksum(destination[4..]));
    }

    /// <summary>Reads a header that says it begins at a position.</summary>
    /// <param name="source">At least <see cref="Size"/> bytes.</param>
    /// <param name="key">Key of the store that they were found in.</param>
    /// <param name="position">Where in it.</param>
    /// <param name="header">What they say.</param>
    /// <returns><c>false</c> if they are not a header, or one that belongs elsewhere, be it in another store.</returns>
    public static bool TryRead(ReadOnlySpan<byte> source, StoreKey key, long position, out RecordHeader header)
    {
        header = default;
        if (source.Length < Size
            || BinaryPrimitives.ReadInt64LittleEndian(source[16..]) != position
            || BinaryPrimitives.ReadUInt32LittleEndian(source) != key.Checksum(source[4..Size]))
        {
            return false;
        }

        header = new RecordHeader
        {
            Kind = (RecordKind)source[80],
            Version = source[81],
            Shard = BinaryPrimitives.ReadUInt16LittleEndian(source[82..]),
            Position = position,
            SyncedDistance = BinaryPrimitives.ReadUInt32LittleEndian(source[24..]),
            Run = BinaryPrimitives.ReadUInt32LittleEndian(source[28..]),
            Entity = BinaryPrimitives.ReadUInt64LittleEndian(source[32..]),
            Index = BinaryPrimitives.ReadUInt64LittleEndian(source[40..]),
            ShardIndex = BinaryPrimitives.ReadUInt64LittleEndian(source[48..]),
            FirstPosition = BinaryPrimitives.ReadUInt64LittleEndian(source[56..]),
            TimeMs = BinaryPrimitives.ReadInt64LittleEndian(source[64..]),
            MessageCount = BinaryPrimitives.ReadInt32LittleEndian(source[72..]),
            Epoch = BinaryPrimitives.ReadUInt32LittleEndian(source[76..]),
            CommittedDistance = BinaryPrimitives.ReadUInt32LittleEndian(source[84..]),
            ControlBytes = BinaryPrimitives.ReadInt32LittleEndian(source[4..]),
            ControlChecksum = BinaryPrimitives.ReadUInt32LittleEndian(source[8..]),
            BodyBytes = BinaryPrimitives.ReadInt32LittleEndian(source[12..]),
        };
        return header is { ControlBytes: >= 0, BodyBytes: >= 0, MessageCount: >= 0 };
    }
}
