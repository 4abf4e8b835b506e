using System.Buffers;
using System.Runtime.CompilerServices;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>
/// A pinned buffer of stream bytes. Pinned because ngtcp2 keeps raw pointers to sent data until it is acknowledged; a sequence segment because a
/// reader sees received bytes where they arrived.
/// </summary>
/// <remarks>In a chain every slab but the last is full up to <see cref="ReadOnlySequenceSegment{T}.Memory"/>, so <c>RunningIndex</c> is the stream offset of its first byte.</remarks>
internal sealed unsafe class Slab : ReadOnlySequenceSegment<byte>
{
    /// <summary>Holds a handful of small messages.</summary>
    public const int Small = 4 * 1024;

    /// <summary>Half of what one segmented send carries.</summary>
    public const int Large = 32 * 1024;

    private readonly byte[] _array;

    public Slab(int capacity)
    {
        _array = GC.AllocateUninitializedArray<byte>(capacity, pinned: true);
        Pointer = (byte*)Unsafe.AsPointer(ref _array[0]);
        Memory = _array;
    }

    /// <summary>The first byte.</summary>
    public byte* Pointer { get; }

    /// <summary>Bytes that fit.</summary>
    public int Capacity => _array.Length;

    /// <summary>Bytes that are written.</summary>
    public int End { get; set; }

    /// <summary>Bytes that fit after <see cref="End"/>.</summary>
    public int Room => _array.Length - End;

    /// <summary>The next slab of the stream.</summary>
    public Slab? NextSlab
    {
        get => Unsafe.As<Slab?>(Next);
        set => Next = value;
    }

    /// <summary>Stream offset of the first byte.</summary>
    public long Offset
    {
        get => RunningIndex;
        set => RunningIndex = value;
    }

    /// <summary>The whole buffer, to write into.</summary>
    public Memory<byte> Writable => _array;

    /// <summary>Forgets its place in a stream.</summary>
    public void Clear()
    {
        End = 0;
        Next = null;
        RunningIndex = 0;
    }
}
