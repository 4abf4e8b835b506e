using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Broker.Storage.Interop;

/// <summary>The calls of the C library about files that .NET does not offer (Linux numbers; elsewhere .NET's own do).</summary>
internal static partial class LibC
{
    public const int OpenReadOnlyCloseOnExec = 0x80000;

    public const int ErrorNotPermitted = 1;
    public const int ErrorNotFound = 2;
    public const int ErrorInterrupted = 4;
    public const int ErrorAccess = 13;
    public const int ErrorExists = 17;
    public const int ErrorNotDirectory = 20;
    public const int ErrorInvalid = 22;
    public const int ErrorNoSpace = 28;
    public const int ErrorReadOnly = 30;
    public const int ErrorNotImplemented = 38;
    public const int ErrorNotSupported = 95;
    public const int ErrorQuota = 122;

    private const string Library = "libc";

    [LibraryImport(Library, SetLastError = true)]
    public static partial int fdatasync(SafeFileHandle file);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int fsync(SafeFileHandle file);

    /// <summary>Unlike all others it answers the error instead of setting <c>errno</c>.</summary>
    [LibraryImport(Library)]
    public static partial int posix_fallocate(SafeFileHandle file, long offset, long length);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial SafeFileHandle open(string path, int flags);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rename(string from, string to);
}
