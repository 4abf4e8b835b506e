using System.Text;

namespace Broker.Machines.Routing;

/// <summary>Hashes that are the same on every node and in every version.</summary>
internal static class Hashes
{
    /// <summary>FNV-1a of the UTF-8, and mixed so that all bits depend on all of it.</summary>
    public static ulong Of(string text)
    {
        const int OnStack = 256;
        var most = Encoding.UTF8.GetMaxByteCount(text.Length);
        Span<byte> bytes = most <= OnStack ? stackalloc byte[OnStack] : new byte[most];
        var hash = 0xcbf29ce484222325;
        foreach (var octet in bytes[..Encoding.UTF8.GetBytes(text, bytes)])
        {
            hash = (hash ^ octet) * 0x00000100000001b3;
        }

        return Mix(hash);
    }

    /// <summary>Splitmix64: the next of a sequence of numbers that look random.</summary>
    public static ulong Next(ulong state) => Mix(state + 0x9e3779b97f4a7c15);

    /// <summary>A permutation of the 64-bit numbers in which every bit depends on every other.</summary>
    public static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
        value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
        return value ^ (value >> 31);
    }
}
