using Broker.Storage.Disks;

namespace Broker.Storage.Records;

/// <summary>A record in memory, as it was read, with access to its messages. Nobody writes to its bytes again, so messages may be kept as slices of them.</summary>
public sealed class StoredRecord
{
    private readonly ReadOnlyMemory<byte> _bytes;

    private StoredRecord(in RecordHeader header, ReadOnlyMemory<byte> bytes, bool controlIntact)
    {
        Header = header;
        _bytes = bytes;
        IsControlIntact = controlIntact;
    }

    /// <summary>What it says of itself; its checksum was right.</summary>
    public RecordHeader Header { get; }

    /// <summary>Whether table and operations are as they were written. If not, no message can be found.</summary>
    public bool IsControlIntact { get; }

    /// <summary>The operations, behind the table. Empty unless <see cref="IsControlIntact"/>.</summary>
    public ReadOnlyMemory<byte> Operations => IsControlIntact ? _bytes[(RecordHeader.Size + TableBytes)..(RecordHeader.Size + Header.ControlBytes)] : default;

    private int TableBytes => Header.MessageCount * MessageTableEntry.Size;

    /// <summary>Takes a record out of bytes that begin with it.</summary>
    /// <returns><c>null</c> if they do not begin with a whole record of that store and position.</returns>
    public static StoredRecord? TryParse(ReadOnlyMemory<byte> bytes, StoreKey key, long position)
    {
        if (!RecordHeader.TryRead(bytes.Span, key, position, out var header) || header.Length > bytes.Length)
        {
            return null;
        }

        var control = bytes.Span.Slice(RecordHeader.Size, header.ControlBytes);
        var intact = (long)header.MessageCount * MessageTableEntry.Size <= header.ControlBytes && Crc32C.Compute(control) == header.ControlChecksum;
        return new StoredRecord(header, bytes[..(int)header.Length], intact);
    }

    /// <summary>Reads the record at an offset of a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="key">Key of the store that it belongs to.</param>
    /// <param name="offset">Where it begins in the file.</param>
    /// <param name="position">The position that it must state.</param>
    /// <param name="length">Its length.</param>
    /// <returns><c>null</c> if there is no such record, or no longer.</returns>
    /// <exception cref="DiskException">The disk failed.</exception>
    public static StoredRecord? TryRead(IDiskFile file, StoreKey key, long offset, long position, int length)
    {
        var bytes = GC.AllocateUninitializedArray<byte>(length);
        return DiskReading.TryReadExactly(file, offset, bytes) ? TryParse(bytes, key, position) : null;
    }

    /// <summary>The messages in order. Those whose bytes are not what was written are <see cref="StoredMessageState.Damaged"/>; all are if the control part is.</summary>
    public IEnumerable<StoredRecordMessage> Messages()
    {
        var bodyOffset = (long)RecordHeader.Size + Header.ControlBytes;
        for (var i = 0; i < Header.MessageCount; i++)
        {
            if (!IsControlIntact)
            {
                yield return new StoredRecordMessage(Header.FirstPosition + (ulong)i, default, 0, 0, StoredMessageState.Damaged);
                continue;
            }

            var entry = MessageTableEntry.Read(_bytes.Span[(RecordHeader.Size + (i * MessageTableEntry.Size))..]);
            var position = Header.FirstPosition + entry.PositionDelta;
            if (entry.Bytes < 0 || bodyOffset + entry.Bytes > _bytes.Length)
            {
                yield return new StoredRecordMessage(position, default, entry.Meta, entry.Checksum, StoredMessageState.Damaged);
                continue;
            }

            var bytes = _bytes.Slice((int)bodyOffset, entry.Bytes);
            bodyOffset += entry.Bytes;
            var state = Crc32C.Compute(bytes.Span) == entry.Checksum ? StoredMessageState.Intact : StoredMessageState.Damaged;
            yield return new StoredRecordMessage(position, bytes, entry.Meta, entry.Checksum, state);
        }
    }
}

/// <summary>Whether a message is as it was written.</summary>
public enum StoredMessageState
{
    /// <summary>Its checksum is right.</summary>
    Intact,

    /// <summary>It is not, or the message cannot be found.</summary>
    Damaged,
}

/// <summary>A message of a record.</summary>
/// <param name="Position">Its position in the queue. A guess if the record's control part is damaged and positions have gaps.</param>
/// <param name="Bytes">Its bytes.</param>
/// <param name="Meta">What the table says of it beside.</param>
/// <param name="Checksum">The checksum that it must have.</param>
/// <param name="State">Whether the bytes can be trusted.</param>
public readonly record struct StoredRecordMessage(ulong Position, ReadOnlyMemory<byte> Bytes, ulong Meta, uint Checksum, StoredMessageState State);
