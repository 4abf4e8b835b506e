using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Broker.Storage.Tests.Disks;

/// <summary>A small file system in memory that only one thread sees, and that is gone with it, however the test ends.</summary>
internal static partial class Mount
{
    private const int NewMountNamespace = 0x20000;
    private const ulong ReadOnly = 1;
    private const ulong Remount = 32;
    private const ulong Recursive = 0x4000;
    private const ulong Private = 1 << 18;

    /// <summary>Runs a test with the file system in place of a folder; skips it where this process may not mount.</summary>
    public static void Run(string folder, long bytes, int inodes, Action test)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs tmpfs");
        ExceptionDispatchInfo? failure = null;
        string? missing = null;
        var thread = new Thread(() =>
        {
            try
            {
                if (unshare(NewMountNamespace) != 0
                    || mount("none", "/", null, Recursive | Private, null) != 0
                    || mount("none", folder, "tmpfs", 0, $"size={bytes},nr_inodes={inodes}") != 0)
                {
                    missing = $"tmpfs cannot be mounted: {Marshal.GetLastPInvokeErrorMessage()}";
                    return;
                }

                test();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        Assert.SkipWhen(missing is not null, missing ?? "");
        failure?.Throw();
    }

    /// <summary>From here on nothing can be written there; called within the test.</summary>
    public static void MakeReadOnly(string folder) => Assert.Equal(0, mount("none", folder, null, Remount | ReadOnly, null));

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mount(string source, string target, string? type, ulong flags, string? data);
}
