using System.Text;

namespace Broker.Actors.Runtime.Sharding;

/// <summary>
/// A hash that is the same in every process, on every machine and in every version: FNV-1a, 64 bits, over the UTF-8 of the text, finished with
/// MurmurHash3's 64-bit mixer so that the low bits are as good as the high ones.
/// </summary>
/// <remarks>
/// Where data is stored depends on it, so it never changes; a golden test pins it. It is not for hostile input: whoever chooses names can put
/// them all into one shard.
/// </remarks>
public static class StableHash
{
    private const ulong OffsetBasis = 0xcbf29ce484222325;
    private const ulong Prime = 0x00000100000001b3;

    /// <summary>Hash of bytes.</summary>
    public static ulong Compute(ReadOnlySpan<byte> bytes)
    {
        var hash = OffsetBasis;
        foreach (var octet in bytes)
        {
            hash = (hash ^ octet) * Prime;
        }

        return Mix(hash);
    }

    /// <summary>Hash of the UTF-8 of a text.</summary>
    public static ulong Compute(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        const int OnStack = 256;
        var most = Encoding.UTF8.GetMaxByteCount(text.Length);
        if (most > OnStack)
        {
            return Compute(Encoding.UTF8.GetBytes(text));
        }

        Span<byte> bytes = stackalloc byte[OnStack];
        return Compute(bytes[..Encoding.UTF8.GetBytes(text, bytes)]);
    }

    /// <summary>The shard of an entity: hash modulo the number of shards.</summary>
    /// <param name="entityId">Any text.</param>
    /// <param name="shardCount">At least 1. Another count puts nearly every entity elsewhere.</param>
    public static int ShardOf(string entityId, int shardCount)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(shardCount, 1);
        return (int)(Compute(entityId) % (uint)shardCount);
    }

    private static ulong Mix(ulong hash)
    {
        hash ^= hash >> 33;
        hash *= 0xff51afd7ed558ccd;
        hash ^= hash >> 33;
        hash *= 0xc4ceb9fe1a85ec53;
        return hash ^ (hash >> 33);
    }
}
