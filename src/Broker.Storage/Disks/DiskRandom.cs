namespace Broker.Storage.Disks;

/// <summary>Random numbers (SplitMix64) that cost nothing to set up and are the same in every version of .NET. Not for secrets.</summary>
internal sealed class DiskRandom(ulong seed)
{
    private ulong _state = seed;

    /// <summary>Any number.</summary>
    public ulong Next()
    {
        var z = _state += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    /// <summary>A number from 0 to below the bound, which is positive.</summary>
    public int Below(int bound) => (int)Below((long)bound);

    /// <inheritdoc cref="Below(int)"/>
    public long Below(long bound) => (long)Math.BigMul(Next(), (ulong)bound, out _);

    /// <summary>True once in so many times.</summary>
    public bool OneIn(int times) => Below(times) == 0;
}
