using Broker.Storage.Disks;

namespace Broker.Actors.Tests.Nodes.Durable;

/// <summary>
/// Holds up operations of a disk, as a slow device does, until they are let go on, or fail. The disk does nothing else meanwhile, because it asks under its lock.
/// </summary>
internal sealed class DiskHold : IDisposable
{
    private readonly ManualResetEventSlim _released = new();
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly MemoryDisk _disk;
    private DiskError? _error;
    private int _later;

    /// <param name="disk">The disk; its hook is taken over until the end.</param>
    /// <param name="which">Which operations.</param>
    public DiskHold(MemoryDisk disk, Func<DiskOperation, bool> which)
    {
        _disk = disk;
        disk.OnOperation = operation =>
        {
            if (!which(operation))
            {
                return null;
            }

            if (_released.IsSet)
            {
                Interlocked.Increment(ref _later);
                return null;
            }

            _reached.TrySetResult();
            _released.Wait(WireConnection.Timeout * 2); // longer than any wait of a test, which says better what was missing
            return _error;
        };
    }

    /// <summary>Such operations since the release; none of them was held or has failed.</summary>
    public int LaterCount => Volatile.Read(ref _later);

    /// <summary>Holds the syncs of the log.</summary>
    public static DiskHold OfSyncs(MemoryDisk disk) => new(disk, IsLogSync);

    /// <summary>Whether an operation syncs a file of the log.</summary>
    public static bool IsLogSync(DiskOperation operation) => operation.Kind == DiskOperationKind.Sync && IsLogFile(operation.Path);

    /// <summary>Whether a path is that of a file of the log, and not of a spare one.</summary>
    public static bool IsLogFile(string path) => path.StartsWith("log/", StringComparison.Ordinal) && path.EndsWith(".log", StringComparison.Ordinal);

    /// <summary>Waits until an operation is held.</summary>
    public async Task ReachedAsync()
    {
        try
        {
            await _reached.Task.WaitAsync(WireConnection.Timeout);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"waited {WireConnection.Timeout} for the disk to be asked for the operation that is to be held");
        }
    }

    /// <summary>Lets what is held go on, or fail.</summary>
    public void Release(DiskError? error = null)
    {
        _error = error;
        _released.Set();
    }

    public void Dispose()
    {
        _released.Set();
        _disk.OnOperation = null;
    }
}
