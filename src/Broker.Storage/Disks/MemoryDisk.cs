namespace Broker.Storage.Disks;

/// <summary>
/// A disk in memory that behaves as badly as <see cref="IDisk"/> allows: <see cref="Crash"/> loses, tears and reorders whatever was not synced,
/// <see cref="CrashAt"/> does it in the middle of an operation, <see cref="OnOperation"/> makes operations fail, and <see cref="FlipBit"/> damages what is stored.
/// Everything random comes from <see cref="MemoryDiskOptions.Seed"/>, so a test that failed fails again.
/// </summary>
public sealed partial class MemoryDisk : IDisk
{
    private readonly Lock _gate = new();
    private readonly MemoryDiskOptions _options;
    private readonly DiskRandom _random;
    private readonly StoredFolder _root;
    private readonly DiskUsage _usage;

    /// <summary>Creates an empty disk.</summary>
    /// <param name="options">How it behaves; null for the defaults.</param>
    public MemoryDisk(MemoryDiskOptions? options = null)
        : this(options ??= new MemoryDiskOptions(), new DiskRandom((ulong)options.Seed), new StoredFolder(), new DiskUsage())
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.SectorBytes, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.SectorBytes, Sector.MaxBytes, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(options.CapacityBytes, nameof(options));
    }

    private MemoryDisk(MemoryDiskOptions options, DiskRandom random, StoredFolder root, DiskUsage usage)
    {
        _options = options;
        _random = random;
        _root = root;
        _usage = usage;
    }

    /// <inheritdoc/>
    public long FreeBytes
    {
        get
        {
            lock (_gate)
            {
                CheckAlive();
                return FreeSectors * _options.SectorBytes;
            }
        }
    }

    /// <summary>
    /// Asked before each operation, reads included; an answer makes the operation fail with it and have no effect. Only a sync that fails has one: at random
    /// each sector that it should have written is written, or has its old content back, or is lost without anybody noticing until the crash, and a later
    /// sync changes none of that. Default null: nothing fails. It is called under the disk's lock, and a disk after a crash starts without one.
    /// </summary>
    public Func<DiskOperation, DiskError?>? OnOperation { get; set; }

    /// <summary>Operations that change the disk, from <see cref="DiskOperationKind.CreateFolder"/> to <see cref="DiskOperationKind.SyncFolder"/>, so far.</summary>
    public long OperationCount { get; private set; }

    /// <summary>Whether every call fails with <see cref="DiskCrashedException"/>.</summary>
    public bool HasCrashed { get; private set; }

    private long FreeSectors => Math.Max(0, (_options.CapacityBytes / _options.SectorBytes) - _usage.Sectors);

    /// <inheritdoc/>
    public void CreateFolder(string path)
    {
        var parts = DiskPath.OfFolder(path);
        Change(new DiskOperation(DiskOperationKind.CreateFolder, path), dies =>
        {
            var folder = _root;
            foreach (var part in parts.AsSpan(0, dies ? _random.Below(parts.Length + 1) : parts.Length))
            {
                var child = folder.Find(part) ?? new StoredFolder();
                folder.AddDurably(part, child as StoredFolder ?? throw Failure(DiskError.Exists, "create folder", path, $"'{part}' is a file"));
                folder = (StoredFolder)child;
            }

            return true;
        });
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> ListFiles(string folder) => List<StoredFile>(DiskOperationKind.ListFiles, folder);

    /// <inheritdoc/>
    public IReadOnlyList<string> ListFolders(string folder) => List<StoredFolder>(DiskOperationKind.ListFolders, folder);

    /// <inheritdoc/>
    public bool Exists(string path)
    {
        var parts = DiskPath.OfFile(path);
        lock (_gate)
        {
            Look(new DiskOperation(DiskOperationKind.Exists, path));
            return FolderOf(parts)?.Find(parts[^1]) is StoredFile;
        }
    }

    /// <inheritdoc/>
    public IDiskFile Create(string path)
    {
        var parts = DiskPath.OfFile(path);
        return Change(new DiskOperation(DiskOperationKind.Create, path), dies =>
        {
            var folder = FolderOf(parts) ?? throw Failure(DiskError.NotFound, "create", path, "there is no such folder");
            if (folder.Find(parts[^1]) is not null)
            {
                throw Failure(DiskError.Exists, "create", path, "it exists");
            }

            var file = new StoredFile(_options.SectorBytes, _usage);
            if (!dies || _random.OneIn(2))
            {
                folder.Add(parts[^1], file);
                file.Links = 1;
            }

            return Opened(file, path);
        });
    }

    /// <inheritdoc/>
    public IDiskFile Open(string path)
    {
        var parts = DiskPath.OfFile(path);
        lock (_gate)
        {
            Look(new DiskOperation(DiskOperationKind.Open, path));
            return FolderOf(parts)?.Find(parts[^1]) switch
            {
                StoredFile file => Opened(file, path),
                StoredFolder => throw Failure(DiskError.AccessDenied, "open", path, "it is a folder"),
                _ => throw Failure(DiskError.NotFound, "open", path, "there is no such file"),
            };
        }
    }

    /// <inheritdoc/>
    public void Move(string from, string to)
    {
        var (source, target) = (DiskPath.OfFile(from), DiskPath.OfFile(to));
        Change(new DiskOperation(DiskOperationKind.Move, from, Target: to), dies =>
        {
            var (sourceFolder, targetFolder) = (FolderOf(source), FolderOf(target));
            if (sourceFolder?.Find(source[^1]) is not StoredFile file)
            {
                throw Failure(DiskError.NotFound, "move", from, "there is no such file");
            }

            var replaced = (targetFolder ?? throw Failure(DiskError.NotFound, "move", from, $"there is no folder for '{to}'")).Find(target[^1]);
            if (replaced is StoredFolder)
            {
                throw Failure(DiskError.Io, "move", from, $"'{to}' is a folder");
            }

            if (from != to && !(dies && _random.OneIn(2)))
            {
                Move(sourceFolder, source[^1], targetFolder, target[^1], file);
                Unlink(replaced);
            }

            return true;
        });
    }

    /// <inheritdoc/>
    public void Delete(string path)
    {
        var parts = DiskPath.OfFile(path);
        Change(new DiskOperation(DiskOperationKind.Delete, path), dies =>
        {
            var folder = FolderOf(parts);
            var node = folder?.Find(parts[^1]);
            if (node is StoredFolder)
            {
                throw Failure(DiskError.AccessDenied, "delete", path, "it is a folder");
            }

            if (node is not null && !(dies && _random.OneIn(2)))
            {
                folder!.Remove(parts[^1]);
                Unlink(node);
            }

            return true;
        });
    }

    /// <inheritdoc/>
    public void DeleteFolder(string path)
    {
        var parts = DiskPath.OfFile(path);
        Change(new DiskOperation(DiskOperationKind.DeleteFolder, path), dies =>
        {
            if (FolderOf(parts)?.Find(parts[^1]) is StoredFolder folder)
            {
                var steps = dies ? _random.Below(CountEntries(folder) + 2) : int.MaxValue;
                DeleteEntry(FolderOf(parts)!, parts[^1], folder, ref steps);
            }

            return true;
        });
    }

    /// <inheritdoc/>
    public void SyncFolder(string path)
    {
        var parts = DiskPath.OfFolder(path);
        Change(new DiskOperation(DiskOperationKind.SyncFolder, path), dies =>
        {
            var folder = FolderAt(parts) ?? throw Failure(DiskError.NotFound, "sync folder", path, "there is no such folder");
            folder.Commit(dies ? _random.Below(folder.PendingChanges + 1) : folder.PendingChanges);
            return true;
        });
    }

    private static void Move(StoredFolder source, string from, StoredFolder target, string to, StoredFile file)
    {
        if (source == target)
        {
            source.Rename(from, to, file);
        }
        else
        {
            source.MoveTo(target, from, to, file);
        }
    }

    private static void Unlink(StoredNode? node)
    {
        if (node is StoredFile file && --file.Links == 0 && file.Opens == 0)
        {
            file.Release();
        }
    }

    private static int CountEntries(StoredFolder folder) =>
        folder.Entries.Sum(entry => entry.Value is StoredFolder child ? 1 + CountEntries(child) : 1);

    // From the leaves to the root, and no further than the steps reach.
    private static void DeleteEntry(StoredFolder parent, string name, StoredNode node, ref int steps)
    {
        if (node is StoredFolder folder)
        {
            foreach (var (childName, child) in folder.Entries.ToList())
            {
                DeleteEntry(folder, childName, child, ref steps);
            }
        }

        if (steps > 0)
        {
            steps--;
            parent.Remove(name);
            Unlink(node);
        }
    }

    private static DiskException Failure(DiskError error, string action, string path, string reason) => new(error, $"cannot {action} '{path}': {reason}");

    private IReadOnlyList<string> List<T>(DiskOperationKind kind, string path)
        where T : StoredNode
    {
        var parts = DiskPath.OfFolder(path);
        lock (_gate)
        {
            Look(new DiskOperation(kind, path));
            return FolderAt(parts) is { } folder ? [.. folder.Entries.Where(entry => entry.Value is T).Select(entry => entry.Key)] : [];
        }
    }

    private StoredFolder? FolderOf(string[] file) => FolderAt(file.AsSpan(0, file.Length - 1));

    private StoredFolder? FolderAt(ReadOnlySpan<string> parts)
    {
        var folder = _root;
        foreach (var part in parts)
        {
            if (folder.Find(part) is not StoredFolder child)
            {
                return null;
            }

            folder = child;
        }

        return folder;
    }

    private MemoryDiskFile Opened(StoredFile file, string path)
    {
        file.Opens++;
        return new MemoryDiskFile(this, file, path);
    }

    // Every operation that only looks.
    private void Look(in DiskOperation operation)
    {
        CheckAlive();
        if (OnOperation?.Invoke(operation) is { } error)
        {
            throw Refused(operation, error);
        }
    }

    // Every operation that changes the disk; it is told whether the power goes while it runs, and may then do as much of its work as it likes.
    private T Change<T>(in DiskOperation operation, Func<bool, T> change, StoredFile? synced = null)
    {
        lock (_gate)
        {
            CheckAlive();
            if (++OperationCount == _crashAt)
            {
                Die(change);
            }

            if (OnOperation?.Invoke(operation) is { } error)
            {
                synced?.FailSync(_random);
                throw Refused(operation, error);
            }

            return change(false);
        }
    }

    private static DiskException Refused(in DiskOperation operation, DiskError error) =>
        Failure(error, $"do {operation.Kind} on", operation.Path, $"the test's hook has answered {error}");

    private void CheckAlive()
    {
        if (HasCrashed)
        {
            throw new DiskCrashedException();
        }
    }
}
