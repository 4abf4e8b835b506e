using Broker.Storage.Disks;
using Broker.Storage.Records;

namespace Broker.Storage.Segments;

/// <summary>
/// The segment files of all queues: a folder a queue, in which messages lie that were still needed when their part of the log was given up. Thread-safe; a
/// queue's own files are written by one job at a time.
/// </summary>
public sealed class SegmentStore
{
    private readonly IDisk _disk;
    private readonly string _folder;
    private readonly Guid _store;

    internal SegmentStore(IDisk disk, string folder, Guid store)
    {
        _disk = disk;
        _folder = folder;
        _store = store;
    }

    /// <summary>The queues that have a folder, by number.</summary>
    public IReadOnlyList<ulong> Queues() =>
        [.. _disk.ListFolders(_folder).Where(n => ulong.TryParse(n, System.Globalization.NumberStyles.AllowHexSpecifier, null, out _)).Select(n => Convert.ToUInt64(n, 16))];

    /// <summary>The segments of a queue, by number.</summary>
    public IReadOnlyList<uint> Segments(ulong queue) =>
        [.. _disk.ListFiles(FolderOf(queue)).Where(n => n.EndsWith(".seg", StringComparison.Ordinal)).Select(n => Convert.ToUInt32(n[..8], 16)).Order()];

    /// <summary>Path of a segment on the disk.</summary>
    public string PathOf(ulong queue, uint segment) => $"{FolderOf(queue)}/{segment:x8}.seg";

    /// <summary>Reads a block.</summary>
    /// <returns><c>null</c> if there is none, or its header is damaged.</returns>
    /// <exception cref="DiskException">The disk failed.</exception>
    public StoredRecord? Read(ulong queue, in BlockLocation block)
    {
        if (!_disk.Exists(PathOf(queue, block.Segment)))
        {
            return null;
        }

        using var file = _disk.Open(PathOf(queue, block.Segment));
        return StoredRecord.TryRead(file, block.Offset, block.Offset, block.Length);
    }

    /// <summary>Lists the blocks of a segment by their headers. Where one is damaged, the list goes on at the next that is not.</summary>
    /// <param name="queue">Whose segment.</param>
    /// <param name="segment">Its number.</param>
    /// <param name="length">Up to where it counts; what a crash has left behind that does not.</param>
    /// <exception cref="DiskException">The disk failed.</exception>
    public IReadOnlyList<BlockLocation> Blocks(ulong queue, uint segment, long length)
    {
        var blocks = new List<BlockLocation>();
        if (!_disk.Exists(PathOf(queue, segment)))
        {
            return blocks;
        }

        using var file = _disk.Open(PathOf(queue, segment));
        var header = new byte[RecordHeader.Size];
        var end = Math.Min(length, file.Length);
        RecordWindow? window = null;
        for (long offset = FileHeader.Size; offset >= 0 && offset + RecordHeader.Size <= end;)
        {
            if (DiskReading.TryReadExactly(file, offset, header) && RecordHeader.TryRead(header, offset, out var block) && block.Kind == RecordKind.Block)
            {
                blocks.Add(LocationOf(segment, block));
                offset += block.PaddedLength;
            }
            else
            {
                offset = (window ??= new RecordWindow(file, 0, end)).FindHeader(offset + RecordHeader.Alignment);
            }
        }

        return blocks;
    }

    /// <summary>Deletes a segment; no effect if there is none.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public void Delete(ulong queue, uint segment) => _disk.Delete(PathOf(queue, segment));

    /// <summary>Deletes everything of a queue.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public void DeleteAll(ulong queue) => _disk.DeleteFolder(FolderOf(queue));

    /// <summary>Bytes that the segments of a queue take.</summary>
    public long SizeOf(ulong queue)
    {
        long total = 0;
        foreach (var segment in Segments(queue))
        {
            using var file = _disk.Open(PathOf(queue, segment));
            total += file.Length;
        }

        return total;
    }

    internal static BlockLocation LocationOf(uint segment, in RecordHeader block) =>
        new(segment, block.Position, (int)block.Length, block.FirstPosition, block.Index, block.MessageCount, block.BodyBytes);

    /// <summary>Opens a segment to write at its end, or begins it.</summary>
    internal IDiskFile OpenToAppend(ulong queue, SegmentCursor cursor)
    {
        var path = PathOf(queue, cursor.Segment);
        if (cursor.Length > 0)
        {
            return _disk.Open(path);
        }

        _disk.CreateFolder(FolderOf(queue));
        _disk.Delete(path); // of a run that crashed before anything referred to it
        var file = _disk.Create(path);
        var header = new byte[FileHeader.Size];
        new FileHeader { Format = FileHeader.CurrentFormat, Kind = FileKind.Segment, Store = _store, Entity = queue, Number = cursor.Segment }.Write(header);
        file.Write(0, header);
        _disk.SyncFolder(FolderOf(queue));
        return file;
    }

    private string FolderOf(ulong queue) => $"{_folder}/{queue:x16}";
}
