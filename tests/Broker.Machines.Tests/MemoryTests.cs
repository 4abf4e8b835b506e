namespace Broker.Machines.Tests;

/// <summary>Tests that measure the heap of the process; they run by themselves.</summary>
[CollectionDefinition(nameof(MemoryTests), DisableParallelization = true)]
public static class MemoryTests
{
    /// <summary>Bytes by which the heap has grown once the action is done and garbage is collected.</summary>
    internal static long GrowthBytes(Action action)
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        action();
        return GC.GetTotalMemory(forceFullCollection: true) - before;
    }
}
