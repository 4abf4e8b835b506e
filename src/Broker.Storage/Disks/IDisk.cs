namespace Broker.Storage.Disks;

/// <summary>
/// A folder of files, and the only way in which this project reaches a disk: <see cref="FileDisk"/> is the real one, <see cref="MemoryDisk"/> one in
/// memory that can lose, tear and damage what was written. Paths are relative to the folder, with <c>/</c> between the parts; the empty path is the folder
/// itself; a path that leads out of it is an <see cref="ArgumentException"/>. Thread-safe.
/// </summary>
/// <remarks>
/// <para>What survives a crash: bytes up to the last <see cref="IDiskFile.Sync"/> of their file; a file that was created, moved or deleted once
/// <see cref="SyncFolder"/> of its folder has returned. Anything later may be there, not be there, or be there in part.</para>
/// <para>All calls block, and fail with a <see cref="DiskException"/> that says which file and what is wrong with it.</para>
/// </remarks>
public interface IDisk
{
    /// <summary>Free space that this process may use, in bytes.</summary>
    long FreeBytes { get; }

    /// <summary>Creates a folder with its parents, unless it is there. It survives a crash when this returns.</summary>
    void CreateFolder(string path);

    /// <summary>Names of the files in a folder, in ordinal order; none if there is no such folder.</summary>
    IReadOnlyList<string> ListFiles(string folder);

    /// <summary>Names of the folders in a folder, in ordinal order; none if there is no such folder.</summary>
    IReadOnlyList<string> ListFolders(string folder);

    /// <summary>Whether there is a file of this path.</summary>
    bool Exists(string path);

    /// <summary>Creates a file, empty.</summary>
    /// <exception cref="DiskException"><see cref="DiskError.Exists"/>, <see cref="DiskError.Full"/> and others.</exception>
    IDiskFile Create(string path);

    /// <summary>Opens a file for reading and writing.</summary>
    /// <exception cref="DiskException"><see cref="DiskError.NotFound"/> and others.</exception>
    IDiskFile Open(string path);

    /// <summary>
    /// Gives a file another path, whose file, if there is one, it replaces in one step. Between two folders it is certain once both are synced, the new one
    /// first; until then a crash may leave the file under either path or under both, but never under none.
    /// </summary>
    /// <exception cref="DiskException"><see cref="DiskError.NotFound"/>: there is no such file, or no folder for it to go to.</exception>
    void Move(string from, string to);

    /// <summary>Deletes a file; no effect if there is none. Who has it open goes on.</summary>
    void Delete(string path);

    /// <summary>Deletes a folder with everything in it; no effect if there is none.</summary>
    void DeleteFolder(string path);

    /// <summary>Makes what was created, moved and deleted in a folder survive a crash.</summary>
    void SyncFolder(string path);
}

/// <summary>An open file. One thread writes at a time; any may read beside it.</summary>
public interface IDiskFile : IDisposable
{
    /// <summary>Its path on the disk, as it was opened.</summary>
    string Path { get; }

    /// <summary>Length in bytes.</summary>
    long Length { get; }

    /// <summary>Reads at an offset.</summary>
    /// <returns>How many bytes: perhaps fewer than there is room for, and 0 only at or after the end of the file.</returns>
    int Read(long offset, Span<byte> buffer);

    /// <summary>Writes all bytes at an offset; the file grows as needed.</summary>
    /// <exception cref="DiskException">Some of the bytes may have been written. <see cref="DiskError.Full"/> if there was no room.</exception>
    void Write(long offset, ReadOnlySpan<byte> bytes);

    /// <summary>Writes several pieces one after the other, in one go where the system can.</summary>
    /// <inheritdoc cref="Write(long, ReadOnlySpan{byte})" path="/exception"/>
    void Write(long offset, IReadOnlyList<ReadOnlyMemory<byte>> pieces);

    /// <summary>
    /// Makes the file at least so long and has all of it backed by written blocks, so that later writes within need no space and their
    /// <see cref="Sync"/> touches no file system metadata. New bytes are zero.
    /// </summary>
    /// <exception cref="DiskException">
    /// <see cref="DiskError.Full"/>: the file is as long as it was. Any other error counts like one of <see cref="Sync"/>, which it may come from.
    /// </exception>
    void Allocate(long length);

    /// <summary>Cuts the file off at a length, or lengthens it with zeros.</summary>
    void SetLength(long length);

    /// <summary>
    /// Returns when everything that was written and the length are on the disk (<c>fdatasync</c>). After an error the state of what was written is unknown,
    /// and calling again proves nothing: the kernel may have dropped it.
    /// </summary>
    void Sync();
}
