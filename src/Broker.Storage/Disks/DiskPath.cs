namespace Broker.Storage.Disks;

/// <summary>Paths on a disk: relative, <c>/</c> between the parts, and never out of it.</summary>
internal static class DiskPath
{
    /// <summary>The parts of a file's path.</summary>
    /// <exception cref="ArgumentException">It is empty, absolute, or has a part such as <c>..</c>.</exception>
    public static string[] OfFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Split(path);
    }

    /// <summary>The parts of a folder's path; none for the disk itself, whose path is empty.</summary>
    /// <inheritdoc cref="OfFile" path="/exception"/>
    public static string[] OfFolder(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return path.Length == 0 ? [] : Split(path);
    }

    private static string[] Split(string path)
    {
        // A backslash separates on Windows only, so it is refused everywhere: a path means the same on every system.
        if (path.AsSpan().ContainsAny('\\', '\0') || Path.IsPathRooted(path))
        {
            throw Wrong(path);
        }

        var parts = path.Split('/');
        foreach (var part in parts)
        {
            if (part is "" or "." or "..")
            {
                throw Wrong(path);
            }
        }

        return parts;
    }

    private static ArgumentException Wrong(string path) => new($"'{path}' is not a path within a disk: relative, with '/', and without '.' or '..'", nameof(path));
}
