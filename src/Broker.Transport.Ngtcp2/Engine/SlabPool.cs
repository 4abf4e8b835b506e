using System.Collections.Concurrent;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>Slabs for the whole process: bytes are received on a loop's thread and freed on the application's, and sent the other way round.</summary>
internal static class SlabPool
{
    private const int MaxPooledSmall = 2048;
    private const int MaxPooledLarge = 512;

    private static readonly ConcurrentQueue<Slab> _small = new();
    private static readonly ConcurrentQueue<Slab> _large = new();
    private static int _smallCount;
    private static int _largeCount;
    private static long _outstanding;

    /// <summary>Slabs rented and not returned.</summary>
    public static long Outstanding => Interlocked.Read(ref _outstanding);

    /// <summary>A slab for at least <paramref name="size"/> bytes; beyond <see cref="Slab.Large"/> one of just that size, which is not pooled.</summary>
    public static Slab Rent(int size)
    {
        Interlocked.Increment(ref _outstanding);
        if (size <= Slab.Small)
        {
            return Take(_small, ref _smallCount) ?? new Slab(Slab.Small);
        }

        return size <= Slab.Large ? Take(_large, ref _largeCount) ?? new Slab(Slab.Large) : new Slab(size);
    }

    /// <summary>Gives a slab back. Nobody may hold a pointer into it any more.</summary>
    public static void Return(Slab slab)
    {
        Interlocked.Decrement(ref _outstanding);
        slab.Clear();
        switch (slab.Capacity)
        {
            case Slab.Small:
                Keep(_small, ref _smallCount, MaxPooledSmall, slab);
                break;
            case Slab.Large:
                Keep(_large, ref _largeCount, MaxPooledLarge, slab);
                break;
        }
    }

    /// <summary>Lets go of a slab that somebody may still be looking at: it is not used again, and the collector frees it.</summary>
    public static void Abandon(Slab slab)
    {
        _ = slab;
        Interlocked.Decrement(ref _outstanding);
    }

    private static Slab? Take(ConcurrentQueue<Slab> queue, ref int count)
    {
        if (!queue.TryDequeue(out var slab))
        {
            return null;
        }

        Interlocked.Decrement(ref count);
        return slab;
    }

    private static void Keep(ConcurrentQueue<Slab> queue, ref int count, int max, Slab slab)
    {
        if (Interlocked.Increment(ref count) <= max)
        {
            queue.Enqueue(slab);
        }
        else
        {
            Interlocked.Decrement(ref count);
        }
    }
}
