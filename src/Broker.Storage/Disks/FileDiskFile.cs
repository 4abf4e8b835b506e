using System.Runtime.InteropServices;
using Broker.Storage.Interop;
using Microsoft.Win32.SafeHandles;

namespace Broker.Storage.Disks;

/// <summary>An open file of a <see cref="FileDisk"/>.</summary>
internal sealed class FileDiskFile : IDiskFile
{
    private static readonly byte[] s_zeros = new byte[1 << 20];

    private readonly string _fullPath;
    private readonly FileStream _stream;
    private readonly SafeFileHandle _handle;

    /// <summary>Takes over the stream. It is only held because nothing else in .NET creates a file with a mode; all access goes past it.</summary>
    public FileDiskFile(string path, string fullPath, FileStream stream)
    {
        Path = path;
        _fullPath = fullPath;
        _stream = stream;
        _handle = stream.SafeFileHandle;
    }

    public string Path { get; }

    public long Length
    {
        get
        {
            try
            {
                return RandomAccess.GetLength(_handle);
            }
            catch (Exception e) when (FileErrors.IsAboutFile(e))
            {
                throw FileErrors.Translate("read the length of", _fullPath, e);
            }
        }
    }

    public int Read(long offset, Span<byte> buffer)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        try
        {
            return RandomAccess.Read(_handle, buffer, offset);
        }
        catch (Exception e) when (FileErrors.IsAboutFile(e))
        {
            throw FileErrors.Translate("read", _fullPath, e);
        }
    }

    public void Write(long offset, ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        try
        {
            RandomAccess.Write(_handle, bytes, offset);
        }
        catch (Exception e) when (FileErrors.IsAboutFile(e))
        {
            throw FileErrors.Translate("write", _fullPath, e);
        }
    }

    public void Write(long offset, IReadOnlyList<ReadOnlyMemory<byte>> pieces)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentNullException.ThrowIfNull(pieces);
        try
        {
            // Since .NET 10 it goes on after a write that was cut short, and takes more pieces than one system call does.
            RandomAccess.Write(_handle, pieces, offset);
        }
        catch (Exception e) when (FileErrors.IsAboutFile(e))
        {
            throw FileErrors.Translate("write", _fullPath, e);
        }
    }

    public void Allocate(long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        var former = Length;
        try
        {
            Reserve(length);
            if (length > former)
            {
                // What is reserved only is marked as unwritten, and each mark that a write removes makes the next sync a change of metadata.
                for (var offset = former; offset < length; offset += s_zeros.Length)
                {
                    Write(offset, s_zeros.AsSpan(0, (int)Math.Min(s_zeros.Length, length - offset)));
                }

                Sync();
            }
        }
        catch (DiskException)
        {
            CutBack(former);
            throw;
        }
    }

    public void SetLength(long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        try
        {
            RandomAccess.SetLength(_handle, length);
        }
        catch (Exception e) when (FileErrors.IsAboutFile(e))
        {
            throw FileErrors.Translate("set the length of", _fullPath, e);
        }
    }

    public void Sync()
    {
        if (!OperatingSystem.IsLinux())
        {
            Flush();
            return;
        }

        while (LibC.fdatasync(_handle) != 0)
        {
            var error = Marshal.GetLastPInvokeError();
            if (error != LibC.ErrorInterrupted)
            {
                throw FileErrors.Translate("sync", _fullPath, error);
            }
        }
    }

    public void Dispose() => _stream.Dispose();

    private void Flush()
    {
        try
        {
            RandomAccess.FlushToDisk(_handle);
        }
        catch (Exception e) when (FileErrors.IsAboutFile(e))
        {
            throw FileErrors.Translate("sync", _fullPath, e);
        }
    }

    // All of it, because a file that was lengthened has holes; what is backed already costs nothing.
    private void Reserve(long length)
    {
        if (length == 0 || !OperatingSystem.IsLinux())
        {
            return;
        }

        int error;
        do
        {
            error = LibC.posix_fallocate(_handle, 0, length);
        }
        while (error == LibC.ErrorInterrupted);

        // Where the file system cannot reserve, the zeros that are written next have to do.
        if (error is not (0 or LibC.ErrorNotSupported or LibC.ErrorInvalid or LibC.ErrorNotImplemented))
        {
            throw FileErrors.Translate("allocate", _fullPath, error);
        }
    }

    // Also where the length is the former one: blocks that were reserved behind it are given back by that.
    private void CutBack(long length)
    {
        try
        {
            SetLength(length);
        }
        catch (DiskException)
        {
            // The caller hears of the first failure, which says more.
        }
    }
}
