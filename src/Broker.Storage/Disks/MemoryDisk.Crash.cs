using System.Diagnostics.CodeAnalysis;

namespace Broker.Storage.Disks;

/// <summary>What a test does to the disk.</summary>
public sealed partial class MemoryDisk
{
    private long _crashAt;
    private bool _isTaken;

    /// <summary>
    /// Ends the process that uses this disk, whose every later call fails with <see cref="DiskCrashedException"/>, and gives the disk that the next process
    /// finds. It has the same options, a seed of its own that follows from this one's, no hook, and no operations counted. Once only.
    /// </summary>
    /// <param name="lossless">
    /// False: the power was lost. Each sector with unsynced writes has, independently of others, one of the states that it went through since the last sync;
    /// each file has one of its lengths since then; of each folder's unsynced changes the first few have happened.
    /// True: the process was killed, and the system lives. Everything written is there, but still not synced: a loss of power after it may take it.
    /// </param>
    /// <exception cref="InvalidOperationException">The disk after the crash was taken already.</exception>
    public MemoryDisk Crash(bool lossless = false)
    {
        lock (_gate)
        {
            if (_isTaken)
            {
                throw new InvalidOperationException("this disk was crashed before: go on with the one that the first Crash() gave");
            }

            HasCrashed = true;
            _isTaken = true;
            if (!lossless)
            {
                SettleFolders();
            }

            var files = new HashSet<StoredFile>(ReferenceEqualityComparer.Instance);
            Visit(_root, files, lossless);
            _usage.Sectors = files.Sum(file => (long)file.Backed);
            return new MemoryDisk(_options, new DiskRandom(_random.Next()), _root, _usage);
        }
    }

    /// <summary>
    /// Crashes the disk in the middle of an operation, by its number in <see cref="OperationCount"/>: all of its effect is there, or a part, or nothing,
    /// none of it synced unless it is itself a sync; and it fails with <see cref="DiskCrashedException"/>. <see cref="Crash"/> then gives the disk after it.
    /// </summary>
    /// <param name="operation">The number of an operation that is yet to come; the first one has 1.</param>
    public void CrashAt(long operation)
    {
        lock (_gate)
        {
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(operation, OperationCount);
            _crashAt = operation;
        }
    }

    /// <summary>Turns over one bit of a file, synced or not. No operation, and nobody is asked.</summary>
    /// <param name="path">The file.</param>
    /// <param name="offset">Which byte.</param>
    /// <param name="bit">Which bit of it; 0 is the lowest.</param>
    /// <exception cref="ArgumentOutOfRangeException">The file has no such byte, or a byte no such bit.</exception>
    public void FlipBit(string path, long offset, int bit)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bit);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bit, 7);
        Damage(path, offset, 1, (bytes, _) => bytes.Span[0] ^= (byte)(1 << bit));
    }

    /// <summary>Damages bytes of a file, synced or not. No operation, and nobody is asked.</summary>
    /// <param name="path">The file.</param>
    /// <param name="offset">Where.</param>
    /// <param name="bytes">What is there from now on.</param>
    /// <exception cref="ArgumentOutOfRangeException">The file does not reach so far.</exception>
    public void Overwrite(string path, long offset, ReadOnlySpan<byte> bytes)
    {
        var copy = bytes.ToArray();
        Damage(path, offset, copy.Length, (target, done) => copy.AsSpan(done, target.Length).CopyTo(target.Span));
    }

    /// <summary>All bytes of a file as the process sees them. No operation, and nobody is asked.</summary>
    public byte[] ReadAll(string path)
    {
        lock (_gate)
        {
            var file = FileAt(path);
            var bytes = new byte[file.Length];
            file.Read(0, bytes);
            return bytes;
        }
    }

    private void Damage(string path, long offset, int length, Action<Memory<byte>, int> damage)
    {
        lock (_gate)
        {
            var file = FileAt(path);
            ArgumentOutOfRangeException.ThrowIfNegative(offset);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, file.Length - length);
            file.Damage(offset, length, damage);
        }
    }

    private StoredFile FileAt(string path)
    {
        CheckAlive();
        var parts = DiskPath.OfFile(path);
        return FolderOf(parts)?.Find(parts[^1]) as StoredFile ?? throw Failure(DiskError.NotFound, "find", path, "there is no such file");
    }

    [DoesNotReturn]
    private void Die<T>(Func<bool, T> change)
    {
        HasCrashed = true;
        try
        {
            change(true);
        }
        catch (DiskException)
        {
            // It would have failed; the power was faster.
        }

        throw new DiskCrashedException();
    }

    private void SettleFolders()
    {
        var folders = new List<StoredFolder>();
        AddDurable(_root, folders);
        foreach (var folder in folders)
        {
            var changes = folder.PendingChanges;
            folder.Commit(_random.Below(4) switch
            {
                0 => 0,
                1 => changes,
                _ => _random.Below(changes + 1),
            });
        }

        // Not before all have settled: a change may have waited for one of another folder.
        foreach (var folder in folders)
        {
            folder.DropPending();
        }
    }

    private static void AddDurable(StoredFolder folder, List<StoredFolder> folders)
    {
        folders.Add(folder);
        foreach (var child in folder.DurableFolders)
        {
            AddDurable(child, folders);
        }
    }

    // What cannot be reached from here is gone; what was open is not any more.
    private void Visit(StoredFolder folder, HashSet<StoredFile> files, bool lossless)
    {
        foreach (var (_, node) in folder.Entries)
        {
            if (node is StoredFolder child)
            {
                Visit(child, files, lossless);
            }
            else if (node is StoredFile file)
            {
                if (files.Add(file))
                {
                    file.Links = 0;
                    file.Opens = 0;
                    if (!lossless)
                    {
                        file.LosePower(_random);
                    }
                }

                file.Links++;
            }
        }
    }
}
