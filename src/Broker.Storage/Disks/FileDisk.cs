using System.Runtime.InteropServices;
using Broker.Storage.Interop;

namespace Broker.Storage.Disks;

/// <summary>A folder of the file system. Its folders are for this user only (mode 0700), and so are its files (0600).</summary>
public sealed class FileDisk : IDisk
{
    private const UnixFileMode OwnFolderMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode OwnFileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly string _root;

    /// <summary>Opens the folder; creates it, with its parents, if it is not there.</summary>
    /// <param name="root">Path in the file system, absolute or relative to the working directory.</param>
    /// <exception cref="DiskException">The folder cannot be created.</exception>
    public FileDisk(string root)
    {
        ArgumentException.ThrowIfNullOrEmpty(root);
        _root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));
        CreateRoot();
    }

    /// <inheritdoc/>
    public long FreeBytes => Call("read the free space of", _root, static root => new DriveInfo(root).AvailableFreeSpace);

    /// <inheritdoc/>
    public void CreateFolder(string path)
    {
        var folder = _root;
        foreach (var part in DiskPath.OfFolder(path))
        {
            var parent = folder;
            folder = Path.Join(parent, part);
            CreateOne(folder);

            // Also when it was there already: a process that was killed between the two steps has left it unsynced.
            SyncOne(parent);
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> ListFiles(string folder) => List(folder, Directory.EnumerateFiles);

    /// <inheritdoc/>
    public IReadOnlyList<string> ListFolders(string folder) => List(folder, Directory.EnumerateDirectories);

    /// <inheritdoc/>
    public bool Exists(string path) => IsFile(FileAt(path));

    /// <inheritdoc/>
    public IDiskFile Create(string path) => OpenAs(path, FileMode.CreateNew, "create");

    /// <inheritdoc/>
    public IDiskFile Open(string path) => OpenAs(path, FileMode.Open, "open");

    /// <inheritdoc/>
    public void Move(string from, string to)
    {
        var (source, target) = (FileAt(from), FileAt(to));
        if (!IsFile(source))
        {
            throw new DiskException(DiskError.NotFound, $"cannot move {source}: there is no such file");
        }

        if (OperatingSystem.IsWindows())
        {
            Call("move", source, source => File.Move(source, target, overwrite: true));
        }
        else if (LibC.rename(source, target) != 0)
        {
            // Not File.Move, which copies where it cannot rename; a copy is not one step.
            throw FileErrors.Translate($"move to {target}", source, Marshal.GetLastPInvokeError());
        }
    }

    /// <inheritdoc/>
    public void Delete(string path)
    {
        try
        {
            Call("delete", FileAt(path), File.Delete);
        }
        catch (DiskException e) when (e.Error == DiskError.NotFound)
        {
            // Its folder is not there either.
        }
    }

    /// <inheritdoc/>
    public void DeleteFolder(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var folder = FolderAt(path);
        if (AttributesOf(folder) is { } attributes && attributes.HasFlag(FileAttributes.Directory))
        {
            Call("delete folder", folder, static folder => Directory.Delete(folder, recursive: true));
        }
    }

    /// <inheritdoc/>
    public void SyncFolder(string path) => SyncOne(FolderAt(path));

    private static void CreateOne(string folder) => Call("create folder", folder, static folder =>
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, OwnFolderMode);
        }
    });

    private static void SyncOne(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            // Windows syncs no folders; its file system logs their changes in order.
            if (!Directory.Exists(folder))
            {
                throw new DiskException(DiskError.NotFound, $"cannot sync folder {folder}: there is no such folder");
            }

            return;
        }

        // The last slash makes the system refuse what is not a folder.
        using var handle = LibC.open(folder + "/", OperatingSystem.IsLinux() ? LibC.OpenReadOnlyCloseOnExec : 0);
        if (handle.IsInvalid)
        {
            throw FileErrors.Translate("open folder", folder, Marshal.GetLastPInvokeError());
        }

        while (LibC.fsync(handle) != 0)
        {
            var error = Marshal.GetLastPInvokeError();
            if (error != LibC.ErrorInterrupted)
            {
                throw FileErrors.Translate("sync folder", folder, error);
            }
        }
    }

    private static bool IsFile(string path) => AttributesOf(path) is { } attributes && !attributes.HasFlag(FileAttributes.Directory);

    // Null if nothing is there. Not File.Exists: for it a file that may not be looked at is a file that is not there, and the broker would start empty.
    private static FileAttributes? AttributesOf(string path) => Call<FileAttributes?>("look at", path, static path =>
    {
        try
        {
            return File.GetAttributes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    });

    private static T Call<T>(string action, string path, Func<string, T> call)
    {
        try
        {
            return call(path);
        }
        catch (Exception e) when (FileErrors.IsAboutFile(e))
        {
            throw FileErrors.Translate(action, path, e);
        }
    }

    private static void Call(string action, string path, Action<string> call) => Call(action, path, path =>
    {
        call(path);
        return true;
    });

    private void CreateRoot()
    {
        var missing = new Stack<string>();
        for (var folder = _root; folder is not null && AttributesOf(folder) is null; folder = Path.GetDirectoryName(folder))
        {
            missing.Push(folder);
        }

        if (missing.Count == 0)
        {
            CreateOne(_root);
            SyncParentOfRoot();
        }

        foreach (var folder in missing)
        {
            CreateOne(folder);
            SyncOne(Path.GetDirectoryName(folder)!);
        }
    }

    private void SyncParentOfRoot()
    {
        try
        {
            if (Path.GetDirectoryName(_root) is { } parent)
            {
                SyncOne(parent);
            }
        }
        catch (DiskException e) when (e.Error == DiskError.AccessDenied)
        {
            // Then somebody else has created the folder for this process, and not just now.
        }
    }

    private string FileAt(string path)
    {
        _ = DiskPath.OfFile(path);
        return Path.Join(_root, path);
    }

    private string FolderAt(string path) => DiskPath.OfFolder(path).Length == 0 ? _root : Path.Join(_root, path);

    private List<string> List(string folder, Func<string, IEnumerable<string>> paths)
    {
        var path = FolderAt(folder);
        if (AttributesOf(path) is not { } attributes || !attributes.HasFlag(FileAttributes.Directory))
        {
            return [];
        }

        var names = Call("list", path, path => paths(path).Select(child => Path.GetFileName(child)).ToList());
        names.Sort(StringComparer.Ordinal);
        return names;
    }

    private FileDiskFile OpenAs(string path, FileMode mode, string action)
    {
        var options = new FileStreamOptions
        {
            Mode = mode,
            Access = FileAccess.ReadWrite,
            Share = FileShare.ReadWrite | FileShare.Delete,
            BufferSize = 0,
        };
        if (mode == FileMode.CreateNew && !OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = OwnFileMode;
        }

        return Call(action, FileAt(path), full => new FileDiskFile(path, full, new FileStream(full, options)));
    }
}
