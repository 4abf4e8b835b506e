namespace Broker.Machines.Tests;

/// <summary>Tests that measure the heap of the process; they run by themselves.</summary>
[CollectionDefinition(nameof(MemoryTests), DisableParallelization = true)]
public static class MemoryTests
{
    /// <summary>Bytes by which the heap has grown once the action is done and garbage is collected.</summary>
    internal static long GrowthBytes(Action action)
    {
        var before = HeapBytes();
        action();
        return HeapBytes() - before;
    }

    /// <summary>Without what waits for its finalizer: that of other tests may go meanwhile.</summary>
    private static long HeapBytes()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return GC.GetTotalMemory(forceFullCollection: true);
    }
}
