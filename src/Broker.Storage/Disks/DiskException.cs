namespace Broker.Storage.Disks;

/// <summary>What a disk could not do.</summary>
public enum DiskError
{
    /// <summary>The device failed, or anything that has no name of its own here.</summary>
    Io,

    /// <summary>No space is left, or the quota is used up.</summary>
    Full,

    /// <summary>There is no such file.</summary>
    NotFound,

    /// <summary>There is such a file already.</summary>
    Exists,

    /// <summary>The process may not do that.</summary>
    AccessDenied,
}

/// <summary>A disk failed. Decide by <see cref="Error"/>; the text is for people and names the file.</summary>
public sealed class DiskException(DiskError error, string message, Exception? inner = null) : IOException(message, inner)
{
    /// <summary>Which kind of failure.</summary>
    public DiskError Error => error;
}
