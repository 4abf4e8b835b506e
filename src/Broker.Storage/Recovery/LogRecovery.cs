using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Records;

namespace Broker.Storage.Recovery;

/// <summary>
/// Reads a log after a start: hands its records over, tells a torn tail, which is cut off, from damage below what had been synced, which is reported and skipped.
/// </summary>
/// <remarks>
/// A place that cannot be read is damage if any record after it says that it had been synced, and the torn tail otherwise. A node that comes to rest writes a mark
/// that says so for everything; between the last sync and that mark, the two cannot be told apart.
/// </remarks>
internal sealed class LogRecovery(IDisk disk, string folder, Guid store, ILogRecoveryHandler handler, Action<RecoveryProgress> progress) : IDisposable
{
    private const long ProgressBytes = 16 << 20;
    private const int RewriteBytes = 1 << 20;
    private readonly List<(LogFile File, RecordWindow Window)> _files = [];
    private readonly LogTails _tails = new(handler);
    private readonly StoreKey _key = StoreKey.Of(store);
    private long _totalBytes;
    private long _doneBytes;
    private long _reportedBytes;
    private long _lastSynced; // everything before it was on the disk, as a record says
    private uint _lastRun;

    /// <summary>Reads it all.</summary>
    /// <param name="files">Gets the files that stay.</param>
    /// <returns>The position at which the log goes on, and the number of this run.</returns>
    /// <exception cref="StoreException">A record or file is of a newer format, or of another store.</exception>
    public (long End, uint Run) Run(LogFileSet files)
    {
        Open();
        var end = 0L;
        for (var i = 0; i < _files.Count; i++)
        {
            var (file, window) = _files[i];
            if (i > 0 && file.BasePosition > end)
            {
                handler.OnDamage(new StoreDamage
                {
                    File = $"{folder}/{LogFile.NameOf(end)}", Offset = 0, Length = file.BasePosition - end, Reason = "a file of the log, or the end of the one before, is missing",
                });
            }

            var isWhole = ReadFile(i, out var endOffset);
            _doneBytes += window.End;
            end = file.BasePosition + endOffset;
            file.End = end;
            if (!isWhole)
            {
                if (!CutOff(i, endOffset))
                {
                    end = file.BasePosition; // the next file begins where this one did, so that no gap is left
                }

                break;
            }
        }

        foreach (var (file, _) in _files)
        {
            files.Add(file);
        }

        if (_files.Count > 0)
        {
            MakeCertain(_files[^1].File);
            disk.SyncFolder(folder);
        }

        _tails.Complete();
        progress(new RecoveryProgress(_totalBytes, _totalBytes));
        return (end, _lastRun + 1);
    }

    /// <summary>Closes the files. Only after a recovery that has failed: otherwise they are the log's.</summary>
    public void Dispose() => _files.ForEach(f => f.File.File.Dispose());

    /// <summary>
    /// What a process that was killed has written and not synced counts from here on, so it must be on the disk. It is written again before it is synced: if a sync has failed before,
    /// the system may still show the bytes and hold them for written.
    /// </summary>
    private void MakeCertain(LogFile last)
    {
        var offset = Math.Max(0, _lastSynced - last.BasePosition);
        var end = last.End - last.BasePosition;
        var buffer = new byte[Math.Clamp(end - offset, 0, RewriteBytes)];
        while (offset < end)
        {
            var piece = buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - offset));
            if (!DiskReading.TryReadExactly(last.File, offset, piece))
            {
                throw new DiskException(DiskError.Io, $"'{last.File.Path}' cannot be read at {offset}, where it was read a moment ago");
            }

            last.File.Write(offset, piece);
            offset += piece.Length;
        }

        last.File.Sync();
    }

    private void Open()
    {
        var bases = new List<long>();
        foreach (var name in disk.ListFiles(folder))
        {
            if (LogFile.TryParseName(name, out var basePosition))
            {
                bases.Add(basePosition);
            }
            else if (LogFileSet.IsSpare(name))
            {
                disk.Delete($"{folder}/{name}"); // of the last run
            }
        }

        for (var i = 0; i < bases.Count; i++)
        {
            var opened = disk.Open($"{folder}/{LogFile.NameOf(bases[i])}");
            var file = new LogFile(opened, bases[i], opened.Length);

            // Where the next file begins this one counts as ended: so it did when that one was begun.
            var end = i + 1 < bases.Count ? Math.Min(file.Capacity, bases[i + 1] - bases[i]) : file.Capacity;
            _files.Add((file, new RecordWindow(file.File, _key, bases[i], end)));
            _totalBytes += end;
            CheckHeader(file);
        }
    }

    /// <summary>A header that is damaged, or of the file's life before, is no obstacle: its facts are in the name.</summary>
    private void CheckHeader(LogFile file)
    {
        var bytes = new byte[FileHeader.Size];
        if (DiskReading.TryReadExactly(file.File, 0, bytes) && FileHeader.TryRead(bytes, out var header))
        {
            if (header.Format > FileHeader.CurrentFormat)
            {
                throw new StoreException(
                    StoreProblem.NewerFormat, $"'{file.File.Path}' has format {header.Format}; this version of the broker reads up to {FileHeader.CurrentFormat}. Start the newer version");
            }

            if (header.Store != store)
            {
                throw new StoreException(
                    StoreProblem.OtherNode, $"'{file.File.Path}' belongs to store {header.Store}, the folder to store {store}; put the file back where it came from");
            }
        }
    }

    /// <summary>Reads a file's records.</summary>
    /// <returns><c>false</c> if the log ends in it.</returns>
    private bool ReadFile(int index, out long offset)
    {
        var window = _files[index].Window;
        offset = FileHeader.Size;
        while (offset + RecordHeader.Size <= window.End)
        {
            Report(_doneBytes + offset);
            var hasHeader = window.TryHeader(offset, out var header);
            var record = hasHeader ? Read(window, offset, header) : null;
            if (record is { IsControlIntact: true } && record.Messages().All(m => m.State == StoredMessageState.Intact))
            {
                offset += header.PaddedLength;
                if (header.Kind == RecordKind.End)
                {
                    return true;
                }

                Accept(record);
                continue;
            }

            // What an intact header spans holds no other record, whatever its bytes look like.
            if (!WasSynced(index, offset, behind: hasHeader ? offset + header.PaddedLength : offset + RecordHeader.Alignment))
            {
                return false;
            }

            if (!TrySkip(window, ref offset))
            {
                return true;
            }
        }

        return index + 1 < _files.Count;
    }

    private static StoredRecord? Read(RecordWindow window, long offset, in RecordHeader header) => header.Version <= RecordHeader.CurrentVersion
        ? window.TryRecord(offset, header)
        : throw new StoreException(
            StoreProblem.NewerFormat,
            $"'{window.File.Path}' has a record of version {header.Version} at {offset}; this version of the broker reads up to {RecordHeader.CurrentVersion}. Start the newer version");

    private void Accept(StoredRecord record)
    {
        _lastRun = Math.Max(_lastRun, record.Header.Run);
        _lastSynced = Math.Max(_lastSynced, record.Header.SyncedPosition);
        if (record.Header.Kind == RecordKind.Mark)
        {
            _tails.CheckMark(record);
        }
        else
        {
            _tails.Follow(record.Header);
            handler.OnRecord(record);
        }
    }

    /// <summary>Reports damage and goes behind it.</summary>
    /// <returns><c>false</c> if nothing of the file can be read after it.</returns>
    private bool TrySkip(RecordWindow window, ref long offset)
    {
        if (!window.TryHeader(offset, out var header))
        {
            var next = window.FindHeader(offset + RecordHeader.Alignment);
            var end = next < 0 ? window.End : next;
            handler.OnDamage(new StoreDamage { File = window.File.Path, Offset = offset, Length = end - offset, Reason = "the header of a record is damaged" });
            offset = end;
            return next >= 0;
        }

        var record = Read(window, offset, header); // again: the window has moved since
        handler.OnDamage(new StoreDamage
        {
            File = window.File.Path,
            Offset = offset,
            Length = Math.Min(header.Length, window.End - offset),
            Entity = header.Entity,
            FirstPosition = header.FirstPosition,
            MessageCount = record?.Messages().Count(m => m.State == StoredMessageState.Damaged) ?? header.MessageCount,
            Reason = record switch
            {
                null => "the end of a record is missing",
                { IsControlIntact: true } => "messages of a record are damaged",
                _ => "the operations of a record are damaged",
            },
        });
        if (record is { IsControlIntact: true })
        {
            Accept(record);
        }

        offset = Math.Min(offset + header.PaddedLength, window.End);
        return record is not null;
    }

    /// <summary>Whether a record behind this place says that it was on the disk.</summary>
    /// <param name="index">The file.</param>
    /// <param name="offset">The place.</param>
    /// <param name="behind">Where another record may begin.</param>
    private bool WasSynced(int index, long offset, long behind)
    {
        var position = _files[index].File.BasePosition + offset;
        for (; index < _files.Count; index++)
        {
            var window = _files[index].Window;
            for (var at = window.FindHeader(behind); at >= 0 && window.TryHeader(at, out var header); at = window.FindHeader(at + header.PaddedLength))
            {
                if (header.SyncedPosition > position)
                {
                    return true;
                }
            }

            behind = FileHeader.Size;
        }

        return false;
    }

    /// <summary>Ends the log at a place.</summary>
    /// <returns><c>false</c> if nothing is left of the file.</returns>
    private bool CutOff(int index, long offset)
    {
        var (file, window) = _files[index];
        if (window.HasTraceAt(offset))
        {
            handler.OnTornTail(new TornTail(file.File.Path, offset));
        }

        // Later files hold nothing that was synced. They go first: a crash between leaves what a crash would have left without them.
        for (var i = _files.Count - 1; i > index; i--)
        {
            Remove(i);
        }

        var isEmpty = offset == FileHeader.Size;
        if (isEmpty)
        {
            Remove(index);
        }
        else
        {
            file.CutOff(offset);
        }

        disk.SyncFolder(folder);
        return !isEmpty;
    }

    private void Remove(int index)
    {
        var path = _files[index].File.File.Path;
        _files[index].File.File.Dispose();
        _files.RemoveAt(index);
        disk.Delete(path);
    }

    private void Report(long done)
    {
        if (done - _reportedBytes >= ProgressBytes)
        {
            _reportedBytes = done;
            progress(new RecoveryProgress(done, _totalBytes));
        }
    }
}
