namespace Broker.Storage.Disks;

/// <summary>What is done with open files.</summary>
public sealed partial class MemoryDisk
{
    private long LengthOf(StoredFile file)
    {
        lock (_gate)
        {
            CheckAlive();
            return file.Length;
        }
    }

    private int Read(StoredFile file, string path, long offset, Span<byte> buffer)
    {
        lock (_gate)
        {
            Look(new DiskOperation(DiskOperationKind.Read, path, offset, buffer.Length));
            if (_options.ShortReads && buffer.Length > 1 && _random.OneIn(2))
            {
                buffer = buffer[..(1 + _random.Below(buffer.Length))];
            }

            return file.Read(offset, buffer);
        }
    }

    private void Write(StoredFile file, string path, long offset, byte[] image, long length) =>
        Change(new DiskOperation(DiskOperationKind.Write, path, offset, length), dies =>
        {
            CheckSize("write", path, offset, length);
            var fitting = file.CountHoles(offset, length) <= FreeSectors ? length : file.CountFitting(offset, length, FreeSectors);
            file.Write(offset, image, dies ? SomeOf(fitting) : fitting);
            return fitting == length ? true : throw Failure(DiskError.Full, "write", path, $"no space is left after {fitting} of {length} bytes");
        });

    private void Allocate(StoredFile file, string path, long length) =>
        Change(new DiskOperation(DiskOperationKind.Allocate, path, Length: length), dies =>
        {
            CheckSize("allocate", path, 0, length);
            if (file.CountHoles(0, length) > FreeSectors)
            {
                throw Failure(DiskError.Full, "allocate", path, $"no space is left for {length} bytes");
            }

            file.Allocate(dies ? SomeOf(length) : length);
            return true;
        });

    private void SetLength(StoredFile file, string path, long length) =>
        Change(new DiskOperation(DiskOperationKind.SetLength, path, Length: length), dies =>
        {
            CheckSize("set the length of", path, 0, length);
            if (!dies || _random.OneIn(2))
            {
                file.SetLength(length);
            }

            return true;
        });

    // A sync that the power cuts short has made any of the sectors durable, which is what the crash after it makes of the unsynced ones anyway.
    private void Sync(StoredFile file, string path) =>
        Change(
            new DiskOperation(DiskOperationKind.Sync, path),
            dies =>
            {
                if (!dies || _random.OneIn(2))
                {
                    file.Sync();
                }

                return true;
            },
            file);

    private void Close(StoredFile file)
    {
        lock (_gate)
        {
            // After a crash the file belongs to another disk already, where this process has nothing open.
            if (!HasCrashed && --file.Opens == 0 && file.Links == 0)
            {
                file.Release();
            }
        }
    }

    private void CheckSize(string action, string path, long offset, long length)
    {
        if (offset > ((long)SectorTable.MaxSectors * _options.SectorBytes) - length)
        {
            throw Failure(DiskError.Io, action, path, "the file would become too large");
        }
    }

    // None, all, or the first few.
    private long SomeOf(long length) => _random.Below(3) switch
    {
        0 => 0,
        1 => length,
        _ => length == 0 ? 0 : _random.Below(length),
    };

    /// <summary>An open file. Closing it twice is once; using it after that is a mistake of the caller.</summary>
    private sealed class MemoryDiskFile(MemoryDisk disk, StoredFile file, string path) : IDiskFile
    {
        private int _isClosed;

        public string Path => path;

        public long Length => disk.LengthOf(Opened);

        private StoredFile Opened
        {
            get
            {
                ObjectDisposedException.ThrowIf(_isClosed != 0, this);
                return file;
            }
        }

        public int Read(long offset, Span<byte> buffer)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(offset);
            return disk.Read(Opened, path, offset, buffer);
        }

        public void Write(long offset, ReadOnlySpan<byte> bytes)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(offset);
            var image = StoredFile.ImageFor(disk._options.SectorBytes, offset, bytes.Length);
            bytes.CopyTo(image.AsSpan((int)(offset % disk._options.SectorBytes)));
            disk.Write(Opened, path, offset, image, bytes.Length);
        }

        public void Write(long offset, IReadOnlyList<ReadOnlyMemory<byte>> pieces)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(offset);
            ArgumentNullException.ThrowIfNull(pieces);
            var length = 0L;
            foreach (var piece in pieces)
            {
                length += piece.Length;
            }

            var image = StoredFile.ImageFor(disk._options.SectorBytes, offset, length);
            var rest = image.AsSpan((int)(offset % disk._options.SectorBytes));
            foreach (var piece in pieces)
            {
                piece.Span.CopyTo(rest);
                rest = rest[piece.Length..];
            }

            disk.Write(Opened, path, offset, image, length);
        }

        public void Allocate(long length)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(length);
            disk.Allocate(Opened, path, length);
        }

        public void SetLength(long length)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(length);
            disk.SetLength(Opened, path, length);
        }

        public void Sync() => disk.Sync(Opened, path);

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isClosed, 1) == 0)
            {
                disk.Close(file);
            }
        }
    }
}
