using Broker.Storage.Disks;
using Broker.Storage.Records;

namespace Broker.Storage.Log;

/// <summary>
/// The files of the log: the one that is written, the sealed ones before it, and spare ones that wait to be written over. Thread-safe; only the log's thread writes.
/// </summary>
internal sealed class LogFileSet(IDisk disk, string folder, Guid store, LogOptions options) : IDisposable
{
    private const string SparePrefix = "spare-";
    private const string SpareEnding = ".tmp";
    private readonly Lock _lock = new();
    private readonly Lock _spareLock = new(); // held while a spare is made, which takes long
    private readonly Lock _retireLock = new(); // taken before the others
    private readonly List<LogFile> _files = []; // by position; the last is written to
    private readonly Queue<string> _spares = new();
    private int _lastSpare;

    /// <summary>Number of files, without spares.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _files.Count;
            }
        }
    }

    /// <summary>Whether the next file needs no new space.</summary>
    public bool HasSpare
    {
        get
        {
            lock (_lock)
            {
                return _spares.Count > 0;
            }
        }
    }

    /// <summary>Position of the oldest byte that is kept; <c>null</c> if none is.</summary>
    public long? Start
    {
        get
        {
            lock (_lock)
            {
                return _files.Count > 0 ? _files[0].BasePosition : null;
            }
        }
    }

    /// <summary>Whether a name in the log's folder is that of a spare file.</summary>
    public static bool IsSpare(string name) => name.StartsWith(SparePrefix, StringComparison.Ordinal) && name.EndsWith(SpareEnding, StringComparison.Ordinal);

    /// <summary>Takes in a file that recovery has found, oldest first.</summary>
    public void Add(LogFile file)
    {
        lock (_lock)
        {
            _files.Add(file);
        }
    }

    /// <summary>All files, oldest first.</summary>
    public IReadOnlyList<LogFile> All()
    {
        lock (_lock)
        {
            return [.. _files];
        }
    }

    /// <summary>The sealed files, oldest first.</summary>
    public IReadOnlyList<LogFile> Sealed()
    {
        lock (_lock)
        {
            return _files.Count > 1 ? _files[..^1] : [];
        }
    }

    /// <summary>Begins a file at a position. What is in the one before must be on the disk.</summary>
    /// <exception cref="DiskException"><see cref="DiskError.Full"/>: there is no spare and no space; the log can go on later.</exception>
    public LogFile Begin(long basePosition, long minBytes)
    {
        var length = Math.Max(options.FileBytes, minBytes + FileHeader.Size);
        string spare;
        lock (_spareLock)
        {
            spare = TakeSpare(length) ?? MakeSpare(length);
        }

        var path = $"{folder}/{LogFile.NameOf(basePosition)}";
        disk.Move(spare, path);
        disk.SyncFolder(folder);
        var file = new LogFile(disk.Open(path), basePosition, length);
        var header = new byte[FileHeader.Size];
        new FileHeader { Format = FileHeader.CurrentFormat, Kind = FileKind.Log, Store = store, BasePosition = basePosition }.Write(header);
        file.File.Write(0, header);
        file.End = basePosition + FileHeader.Size;
        Add(file);
        return file;
    }

    /// <summary>Makes a spare file if there is none, so that the log need not wait for one.</summary>
    /// <exception cref="DiskException">There is no space for it, or the disk failed.</exception>
    public void PrepareSpare()
    {
        lock (_spareLock)
        {
            if (!HasSpare)
            {
                var path = MakeSpare(options.FileBytes);
                lock (_lock)
                {
                    _spares.Enqueue(path);
                }
            }
        }
    }

    /// <summary>The file that holds a position; <c>null</c> if it was retired or is not written yet.</summary>
    public LogFile? Find(long position)
    {
        lock (_lock)
        {
            for (var i = _files.Count - 1; i >= 0; i--)
            {
                if (_files[i].BasePosition <= position)
                {
                    return position < _files[i].End ? _files[i] : null;
                }
            }

            return null;
        }
    }

    /// <summary>Gives up sealed files that end at or before a position: they become spares, or are deleted.</summary>
    /// <returns>Whether any was.</returns>
    /// <exception cref="DiskException">The file that could not be given up, and those behind it, are still there.</exception>
    public bool Retire(long position)
    {
        lock (_retireLock)
        {
            var any = false;
            while (FirstToRetire(position) is { } file)
            {
                GiveUp(file);
                any = true;
            }

            if (any)
            {
                disk.SyncFolder(folder);
            }

            return any;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _files.ForEach(file => file.File.Dispose());
        }
    }

    private LogFile? FirstToRetire(long position)
    {
        lock (_lock)
        {
            return _files.Count > 1 && _files[0].End <= position ? _files[0] : null;
        }
    }

    private void GiveUp(LogFile file)
    {
        var path = $"{folder}/{LogFile.NameOf(file.BasePosition)}";
        var isUsual = file.Capacity == options.FileBytes;
        bool keep;
        lock (_lock)
        {
            keep = isUsual && _spares.Count < options.SpareFiles;
        }

        // Before it leaves the list: if this fails, it stays the first, and the log has no gap after the next start.
        var spare = keep ? NextSparePath() : null;
        if (spare is null)
        {
            disk.Delete(path);
        }
        else
        {
            disk.Move(path, spare);
        }

        lock (_lock)
        {
            _files.RemoveAt(0);
        }

        file.File.Dispose();
        if (spare is not null)
        {
            lock (_lock)
            {
                _spares.Enqueue(spare); // not while somebody could still read it as what it was
            }
        }
    }

    private string? TakeSpare(long length)
    {
        lock (_lock)
        {
            return length == options.FileBytes && _spares.TryDequeue(out var spare) ? spare : null;
        }
    }

    private string MakeSpare(long length)
    {
        var path = NextSparePath();
        disk.Delete(path);
        try
        {
            using var file = disk.Create(path);
            file.Allocate(length);
            file.Sync();
        }
        catch (DiskException)
        {
            disk.Delete(path);
            throw;
        }

        return path;
    }

    private string NextSparePath() => $"{folder}/{SparePrefix}{Interlocked.Increment(ref _lastSpare)}{SpareEnding}";
}
