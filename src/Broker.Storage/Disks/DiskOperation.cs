namespace Broker.Storage.Disks;

/// <summary>What is asked of a <see cref="MemoryDisk"/>. From <see cref="CreateFolder"/> to <see cref="SyncFolder"/> it changes the disk and is counted.</summary>
public enum DiskOperationKind
{
    /// <summary><see cref="IDisk.CreateFolder"/>.</summary>
    CreateFolder,

    /// <summary><see cref="IDisk.Create"/>.</summary>
    Create,

    /// <summary>Either of <see cref="IDiskFile"/>'s writes.</summary>
    Write,

    /// <summary><see cref="IDiskFile.Allocate"/>.</summary>
    Allocate,

    /// <summary><see cref="IDiskFile.SetLength"/>.</summary>
    SetLength,

    /// <summary><see cref="IDiskFile.Sync"/>.</summary>
    Sync,

    /// <summary><see cref="IDisk.Move"/>.</summary>
    Move,

    /// <summary><see cref="IDisk.Delete"/>.</summary>
    Delete,

    /// <summary><see cref="IDisk.DeleteFolder"/>.</summary>
    DeleteFolder,

    /// <summary><see cref="IDisk.SyncFolder"/>.</summary>
    SyncFolder,

    /// <summary><see cref="IDisk.ListFiles"/>.</summary>
    ListFiles,

    /// <summary><see cref="IDisk.ListFolders"/>.</summary>
    ListFolders,

    /// <summary><see cref="IDisk.Exists"/>.</summary>
    Exists,

    /// <summary><see cref="IDisk.Open"/>.</summary>
    Open,

    /// <summary><see cref="IDiskFile.Read"/>.</summary>
    Read,
}

/// <summary>One operation on a <see cref="MemoryDisk"/>, for <see cref="MemoryDisk.OnOperation"/> to decide about.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="Path">The file or folder, as the caller named it; for an open file as it was opened, for a move where it comes from.</param>
/// <param name="Offset">Where it reads or writes, in bytes; 0 for others.</param>
/// <param name="Length">How many bytes it reads or writes, or which length it gives the file; 0 for others.</param>
/// <param name="Target">Where a move goes; null for others.</param>
public readonly record struct DiskOperation(DiskOperationKind Kind, string Path, long Offset = 0, long Length = 0, string? Target = null);
