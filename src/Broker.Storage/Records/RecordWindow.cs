using System.Buffers.Binary;
using Broker.Storage.Disks;

namespace Broker.Storage.Records;

/// <summary>Reads a file of records from front to back through one buffer, and finds the next record behind damage.</summary>
/// <param name="file">The file.</param>
/// <param name="key">Key of the store that it belongs to.</param>
/// <param name="basePosition">What a record's position is more than its offset in the file.</param>
/// <param name="end">Offset at which the file counts as ended.</param>
internal sealed class RecordWindow(IDiskFile file, StoreKey key, long basePosition, long end)
{
    private const int WindowBytes = 1 << 20;
    private byte[] _buffer = new byte[(int)Math.Clamp(end, RecordHeader.Size, WindowBytes)];
    private long _start; // offset of the buffer's first byte
    private int _length;

    public IDiskFile File => file;

    public long BasePosition => basePosition;

    public long End => end;

    /// <summary>The header at an offset, if there is one that says it belongs there.</summary>
    public bool TryHeader(long offset, out RecordHeader header)
    {
        header = default;
        return TryGet(offset, RecordHeader.Size, out var bytes) && RecordHeader.TryRead(bytes.Span, key, basePosition + offset, out header);
    }

    /// <summary>The record of a header. Its bytes are good until the next call.</summary>
    /// <returns><c>null</c> if the file ends before it does.</returns>
    public StoredRecord? TryRecord(long offset, in RecordHeader header) =>
        header.Length <= int.MaxValue && TryGet(offset, (int)header.Length, out var bytes) ? StoredRecord.TryParse(bytes, key, basePosition + offset) : null;

    /// <summary>The offset of the first header at or after an offset; -1 if there is none.</summary>
    public long FindHeader(long offset)
    {
        offset = (offset + RecordHeader.Alignment - 1) & ~(RecordHeader.Alignment - 1L);
        while (TryGet(offset, RecordHeader.Size, out _))
        {
            // All of the buffer that can hold a whole header: most places are ruled out by one comparison.
            var last = _start + _length - RecordHeader.Size;
            for (; offset <= last; offset += RecordHeader.Alignment)
            {
                var bytes = _buffer.AsSpan((int)(offset - _start));
                if (BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]) == basePosition + offset && RecordHeader.TryRead(bytes, key, basePosition + offset, out _))
                {
                    return offset;
                }
            }
        }

        return -1;
    }

    /// <summary>Whether a record was begun there: its position is written, or is followed by records.</summary>
    public bool HasTraceAt(long offset) =>
        (TryGet(offset, RecordHeader.Size, out var bytes) && BinaryPrimitives.ReadInt64LittleEndian(bytes.Span[16..]) == basePosition + offset) || FindHeader(offset) >= 0;

    private bool TryGet(long offset, int length, out ReadOnlyMemory<byte> bytes)
    {
        bytes = default;
        if (offset + length > end)
        {
            return false;
        }

        if (offset < _start || offset + length > _start + _length)
        {
            if (_buffer.Length < length)
            {
                _buffer = new byte[length];
            }

            _start = offset;
            _length = DiskReading.ReadUpTo(file, offset, _buffer.AsSpan(0, (int)Math.Min(_buffer.Length, end - offset)));
            if (_length < length)
            {
                return false;
            }
        }

        bytes = _buffer.AsMemory((int)(offset - _start), length);
        return true;
    }
}
