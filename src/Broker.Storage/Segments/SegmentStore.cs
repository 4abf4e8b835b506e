using Broker.Storage.Disks;
using Broker.Storage.Records;

namespace Broker.Storage.Segments;

/// <summary>
/// The segment files of all queues: a folder a queue, in which messages lie that were still needed when their part of the log was given up. Thread-safe; a
/// queue's own files are written by one job at a time.
/// </summary>
public sealed class SegmentStore
{
    private const string Ending = ".seg";
    private readonly IDisk _disk;
    private readonly string _folder;
    private readonly Guid _store;

    internal SegmentStore(IDisk disk, string folder, Guid store)
    {
        _disk = disk;
        _folder = folder;
        _store = store;
        Key = StoreKey.Of(store);
    }

    /// <summary>The queues that have a folder, by number.</summary>
    public IReadOnlyList<ulong> Queues() => [.. _disk.ListFolders(_folder).Select(name => NumberOf(name, digits: 16, ending: "")).OfType<ulong>()];

    /// <summary>The segments of a queue, by number.</summary>
    public IReadOnlyList<uint> Segments(ulong queue) => [.. _disk.ListFiles(FolderOf(queue)).Select(name => NumberOf(name, digits: 8, Ending)).OfType<ulong>().Select(number => (uint)number).Order()];

    /// <summary>Path of a segment on the disk.</summary>
    public string PathOf(ulong queue, uint segment) => $"{FolderOf(queue)}/{segment:x8}{Ending}";

    /// <summary>Reads a block.</summary>
    /// <returns><c>null</c> if there is none, or its header is damaged.</returns>
    /// <exception cref="DiskException">The disk failed.</exception>
    public StoredRecord? Read(ulong queue, in BlockLocation block)
    {
        using var file = TryOpen(queue, block.Segment);
        return file is null ? null : StoredRecord.TryRead(file, Key, block.Offset, block.Offset, block.Length);
    }

    /// <summary>Lists the blocks of a segment by their headers. Where one is damaged, the list goes on at the next that is not.</summary>
    /// <param name="queue">Whose segment.</param>
    /// <param name="segment">Its number.</param>
    /// <param name="length">Up to where it counts; what a crash has left behind that does not.</param>
    /// <exception cref="DiskException">The disk failed.</exception>
    public IReadOnlyList<BlockLocation> Blocks(ulong queue, uint segment, long length)
    {
        var blocks = new List<BlockLocation>();
        using var file = TryOpen(queue, segment);
        if (file is null)
        {
            return blocks;
        }

        var header = new byte[RecordHeader.Size];
        var end = Math.Min(length, file.Length);
        RecordWindow? window = null;
        for (long offset = FileHeader.Size; offset >= 0 && offset + RecordHeader.Size <= end;)
        {
            if (DiskReading.TryReadExactly(file, offset, header) && RecordHeader.TryRead(header, Key, offset, out var block) && block.Kind == RecordKind.Block)
            {
                blocks.Add(LocationOf(segment, block));
                offset += block.PaddedLength;
            }
            else
            {
                offset = (window ??= new RecordWindow(file, Key, 0, end)).FindHeader(offset + RecordHeader.Alignment);
            }
        }

        return blocks;
    }

    /// <summary>Deletes a segment; no effect if there is none.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public void Delete(ulong queue, uint segment) => _disk.Delete(PathOf(queue, segment));

    /// <summary>Deletes everything of a queue, so that it does not come back after a crash: the log may forget the queue then.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public void DeleteAll(ulong queue)
    {
        _disk.DeleteFolder(FolderOf(queue));
        try
        {
            _disk.SyncFolder(_folder);
        }
        catch (DiskException e) when (e.Error == DiskError.NotFound)
        {
            // No queue has ever had segments.
        }
    }

    /// <summary>Bytes that the segments of a queue take.</summary>
    public long SizeOf(ulong queue)
    {
        long total = 0;
        foreach (var segment in Segments(queue))
        {
            using var file = TryOpen(queue, segment);
            total += file?.Length ?? 0;
        }

        return total;
    }

    /// <summary>Key of the store that they belong to.</summary>
    internal StoreKey Key { get; }

    /// <summary>Opens a segment.</summary>
    /// <returns><c>null</c> if there is none, or none any more: those that have left their queue are deleted while others read.</returns>
    internal IDiskFile? TryOpen(ulong queue, uint segment)
    {
        try
        {
            return _disk.Open(PathOf(queue, segment));
        }
        catch (DiskException e) when (e.Error == DiskError.NotFound)
        {
            return null;
        }
    }

    internal static BlockLocation LocationOf(uint segment, in RecordHeader block) =>
        new(segment, block.Position, (int)block.Length, block.FirstPosition, block.Index, block.MessageCount, block.BodyBytes);

    /// <summary>Begins a segment with its header.</summary>
    internal IDiskFile Begin(ulong queue, uint segment)
    {
        var path = PathOf(queue, segment);
        _disk.CreateFolder(FolderOf(queue));
        _disk.Delete(path); // of a run that crashed before anything referred to it
        var file = _disk.Create(path);
        var header = new byte[FileHeader.Size];
        new FileHeader { Format = FileHeader.CurrentFormat, Kind = FileKind.Segment, Store = _store, Entity = queue, Number = segment }.Write(header);
        try
        {
            file.Write(0, header);
            _disk.SyncFolder(FolderOf(queue));
            return file;
        }
        catch
        {
            file.Dispose(); // while it is open, its place on the disk is taken
            throw;
        }
    }

    private static ulong? NumberOf(string name, int digits, string ending) =>
        name.Length == digits + ending.Length && name.EndsWith(ending, StringComparison.Ordinal)
            && ulong.TryParse(name.AsSpan(0, digits), System.Globalization.NumberStyles.AllowHexSpecifier, null, out var number)
            ? number
            : null;

    private string FolderOf(ulong queue) => $"{_folder}/{queue:x16}";
}
