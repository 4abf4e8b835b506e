using System.Runtime.InteropServices;
using Broker.Storage.Interop;

namespace Broker.Storage.Disks;

/// <summary>Turns what the system says about a file into a <see cref="DiskException"/>.</summary>
internal static class FileErrors
{
    private const int WindowsFileExists = unchecked((int)0x80070050);
    private const int WindowsAlreadyExists = unchecked((int)0x800700B7);
    private const int WindowsHandleDiskFull = unchecked((int)0x80070027);
    private const int WindowsDiskFull = unchecked((int)0x80070070);

    /// <summary>Whether the exception is about the file and not about the caller.</summary>
    // .NET reports a file that would become too large as a wrong argument; arguments are checked before, so here it is the file.
    public static bool IsAboutFile(Exception e) => e is (IOException and not DiskException) or UnauthorizedAccessException or ArgumentOutOfRangeException;

    /// <summary>The failure of a call of .NET.</summary>
    public static DiskException Translate(string action, string path, Exception e) => new(KindOf(e), $"cannot {action} {path}: {e.Message}", e);

    /// <summary>The failure of a call of the C library.</summary>
    public static DiskException Translate(string action, string path, int error) =>
        new(KindOf(error), $"cannot {action} {path}: {Marshal.GetPInvokeErrorMessage(error)}");

    private static DiskError KindOf(Exception e) => e switch
    {
        FileNotFoundException or DirectoryNotFoundException => DiskError.NotFound,
        UnauthorizedAccessException => DiskError.AccessDenied,
        IOException { HResult: WindowsFileExists or WindowsAlreadyExists } => DiskError.Exists,
        IOException { HResult: WindowsHandleDiskFull or WindowsDiskFull } => DiskError.Full,
        // On Unix .NET gives the system's number as the result.
        IOException => KindOf(e.HResult),
        _ => DiskError.Io,
    };

    private static DiskError KindOf(int error) => error switch
    {
        LibC.ErrorNoSpace or LibC.ErrorQuota => DiskError.Full,
        LibC.ErrorNotFound or LibC.ErrorNotDirectory => DiskError.NotFound,
        LibC.ErrorExists => DiskError.Exists,
        LibC.ErrorAccess or LibC.ErrorNotPermitted or LibC.ErrorReadOnly => DiskError.AccessDenied,
        _ => DiskError.Io,
    };
}
