using System.Buffers;
using System.Runtime.InteropServices;
using Broker.Storage.Disks;
using Broker.Storage.Records;

namespace Broker.Storage.Log;

/// <summary>
/// Collects encoded records for one write. What is small is copied together; longer runs of message bytes are written from where they lie: messages of one batch are
/// slices of one block, one after the other, so most of a batch is a single piece.
/// </summary>
/// <param name="key">Key of the store that the records are written in.</param>
internal sealed class LogBuffer(StoreKey key)
{
    /// <summary>Copying so much costs less than another piece in the system call.</summary>
    private const int MinPieceBytes = 4096;
    private const int ChunkBytes = 256 << 10;

    private readonly List<ReadOnlyMemory<byte>> _pieces = [];
    private readonly List<byte[]> _full = []; // rented chunks that have no room left
    private byte[] _chunk = ArrayPool<byte>.Shared.Rent(ChunkBytes);
    private int _used;
    private int _pieceStart; // of the part of the chunk that is no piece yet

    /// <summary>Bytes collected.</summary>
    public long Length { get; private set; }

    /// <summary>Encodes a record.</summary>
    /// <param name="record">Where operations and messages come from.</param>
    /// <param name="header">Everything but lengths and checksums.</param>
    /// <returns>The header as it was written.</returns>
    public RecordHeader Add(LogRecord record, RecordHeader header)
    {
        var count = record.MessageCount;
        var tableBytes = count * MessageTableEntry.Size;
        var head = Reserve(RecordHeader.Size + tableBytes + record.Operations.Length);
        var control = head[RecordHeader.Size..];
        record.Operations.Span.CopyTo(control[tableBytes..]);
        long bodyBytes = 0;
        for (var i = 0; i < count; i++)
        {
            var bytes = record.GetMessage(i, out var meta);
            new MessageTableEntry((uint)i, bytes.Length, Crc32C.Compute(bytes.Span), meta).Write(control[(i * MessageTableEntry.Size)..]);
            bodyBytes += bytes.Length;
        }

        header = header with
        {
            MessageCount = count,
            ControlBytes = control.Length,
            ControlChecksum = Crc32C.Compute(control),
            BodyBytes = checked((int)bodyBytes),
        };
        header.Write(head, key);
        AddBodies(record, count);
        Reserve((int)(header.PaddedLength - header.Length)).Clear();
        return header;
    }

    /// <summary>Adds bytes as they are.</summary>
    public void Add(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Reserve(bytes.Length));

    /// <summary>Writes everything at an offset and is empty then.</summary>
    public void WriteTo(IDiskFile file, long offset)
    {
        EndPiece();
        file.Write(offset, _pieces);
        Clear();
    }

    /// <summary>Drops everything.</summary>
    public void Clear()
    {
        _pieces.Clear();
        _full.ForEach(chunk => ArrayPool<byte>.Shared.Return(chunk));
        _full.Clear();
        if (_chunk.Length > 2 * ChunkBytes)
        {
            ArrayPool<byte>.Shared.Return(_chunk);
            _chunk = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        }

        _used = _pieceStart = 0;
        Length = 0;
    }

    private void AddBodies(LogRecord record, int count)
    {
        var run = ReadOnlyMemory<byte>.Empty;
        for (var i = 0; i < count; i++)
        {
            var bytes = record.GetMessage(i, out _);
            if (TryJoin(run, bytes, out var joined))
            {
                run = joined;
            }
            else
            {
                AddRun(run);
                run = bytes;
            }
        }

        AddRun(run);
    }

    private void AddRun(ReadOnlyMemory<byte> run)
    {
        if (run.Length < MinPieceBytes)
        {
            Add(run.Span);
            return;
        }

        EndPiece();
        _pieces.Add(run);
        Length += run.Length;
    }

    private static bool TryJoin(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second, out ReadOnlyMemory<byte> joined)
    {
        if (MemoryMarshal.TryGetArray(first, out var a) && MemoryMarshal.TryGetArray(second, out var b)
            && ReferenceEquals(a.Array, b.Array) && a.Offset + a.Count == b.Offset && a.Count > 0)
        {
            joined = a.Array.AsMemory(a.Offset, a.Count + b.Count);
            return true;
        }

        joined = default;
        return false;
    }

    private Span<byte> Reserve(int length)
    {
        if (_chunk.Length - _used < length)
        {
            EndPiece();
            _full.Add(_chunk);
            _chunk = ArrayPool<byte>.Shared.Rent(Math.Max(length, ChunkBytes));
            _used = _pieceStart = 0;
        }

        var reserved = _chunk.AsSpan(_used, length);
        _used += length;
        Length += length;
        return reserved;
    }

    private void EndPiece()
    {
        if (_used > _pieceStart)
        {
            _pieces.Add(_chunk.AsMemory(_pieceStart, _used - _pieceStart));
            _pieceStart = _used;
        }
    }
}
