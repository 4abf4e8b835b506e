namespace Broker.Protocol.Tests.Fuzz;

/// <summary>SplitMix64: cheap enough to be seeded anew for each iteration, so that an iteration can be repeated alone.</summary>
internal struct Prng(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        var z = _state += 0x9E37_79B9_7F4A_7C15;
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9;
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB;
        return z ^ (z >> 31);
    }

    /// <summary>0 to <paramref name="exclusive"/> - 1.</summary>
    public int Below(int exclusive) => (int)(Next() % (ulong)exclusive);

    public void Fill(Span<byte> bytes)
    {
        foreach (ref var b in bytes)
        {
            b = (byte)Next();
        }
    }
}
