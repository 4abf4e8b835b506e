using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Broker.Storage.Disks;

/// <summary>The content of one sector: a range of an array that nobody changes any more; no array for a hole, which reads as zeros.</summary>
/// <param name="Bytes">The array, or null.</param>
/// <param name="Start">Where in it the sector begins.</param>
/// <param name="Touch">Where in the list of unsynced writes of its file the last write to this sector stands, if there is one.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Sector(byte[]? Bytes, int Start, int Touch = 0)
{
    /// <summary>The largest sector.</summary>
    public const int MaxBytes = 1 << 16;

    private static readonly byte[] s_zeros = new byte[MaxBytes];

    /// <summary>A sector that has its place on the disk and was never written.</summary>
    public static Sector Zeros { get; } = new(s_zeros, 0);

    /// <summary>Whether it takes no place.</summary>
    public bool IsHole => Bytes is null;

    /// <summary>Whether it is known to be nothing but zeros.</summary>
    public bool IsBlank => Bytes is null || ReferenceEquals(Bytes, s_zeros);

    /// <summary>Copies some bytes from an offset within the sector.</summary>
    public void CopyTo(int offset, Span<byte> target)
    {
        if (Bytes is null)
        {
            target.Clear();
        }
        else
        {
            Bytes.AsSpan(Start + offset, target.Length).CopyTo(target);
        }
    }
}

/// <summary>How much of the disk is used, in sectors.</summary>
internal sealed class DiskUsage
{
    /// <summary>Sectors of all files that can be reached.</summary>
    public long Sectors { get; set; }
}

/// <summary>The sectors of a file by number. Ranges without any are not stored, and ranges of blank ones only once, so an allocated file costs little.</summary>
internal sealed class SectorTable(DiskUsage usage)
{
    /// <summary>A file has no more sectors than this.</summary>
    public const int MaxSectors = 1 << 29;

    private const int ChunkSectors = 64;

    private static readonly Sector[] s_blank = [.. Enumerable.Repeat(Sector.Zeros, ChunkSectors)];

    private Sector[]?[] _chunks = [];

    /// <summary>Sectors that are no holes.</summary>
    public int Backed { get; private set; }

    /// <summary>Past the last sector that may be no hole.</summary>
    public int End => _chunks.Length * ChunkSectors;

    /// <summary>One sector; a hole if it was never set.</summary>
    public Sector this[int index]
    {
        get => index < End && _chunks[index / ChunkSectors] is { } chunk ? chunk[index % ChunkSectors] : default;
        set
        {
            ref var slot = ref ChunkOf(index);
            if (slot is null)
            {
                slot = new Sector[ChunkSectors];
            }
            else if (ReferenceEquals(slot, s_blank))
            {
                slot = (Sector[])s_blank.Clone();
            }

            ref var sector = ref slot[index % ChunkSectors];
            Count((value.IsHole ? 0 : 1) - (sector.IsHole ? 0 : 1));
            sector = value;
        }
    }

    /// <summary>How many holes there are among the first sectors.</summary>
    public int CountHoles(int start, int end)
    {
        var holes = 0;
        for (var index = start; index < end;)
        {
            var next = Math.Min(end, NextChunk(index));
            var chunk = index < End ? _chunks[index / ChunkSectors] : null;
            holes += chunk is null ? next - index : ReferenceEquals(chunk, s_blank) ? 0 : CountHoles(chunk.AsSpan(index % ChunkSectors, next - index));
            index = next;
        }

        return holes;
    }

    /// <summary>Gives the holes among the first sectors a place on the disk.</summary>
    public void Back(int end)
    {
        for (var index = 0; index < end;)
        {
            var next = NextChunk(index);
            ref var slot = ref ChunkOf(index);
            if (slot is null && next <= end)
            {
                slot = s_blank;
                Count(ChunkSectors);
            }
            else if (!ReferenceEquals(slot, s_blank))
            {
                for (var each = index; each < Math.Min(next, end); each++)
                {
                    if (this[each] is { IsHole: true } hole)
                    {
                        this[each] = Sector.Zeros with { Touch = hole.Touch };
                    }
                }
            }

            index = next;
        }
    }

    /// <summary>Makes holes of everything from a sector on.</summary>
    public void CutAt(int start)
    {
        for (var index = start; index < End;)
        {
            var next = NextChunk(index);
            ref var slot = ref _chunks[index / ChunkSectors];
            if (slot is not null && next - index == ChunkSectors)
            {
                Count(CountHoles(slot) - ChunkSectors);
                slot = null;
            }
            else if (slot is not null)
            {
                for (var each = index; each < next; each++)
                {
                    this[each] = default;
                }
            }

            index = next;
        }
    }

    /// <summary>No longer counts what the file takes: it cannot be reached any more.</summary>
    public void Release() => usage.Sectors -= Backed;

    private static int NextChunk(int index) => ((index / ChunkSectors) + 1) * ChunkSectors;

    private static int CountHoles(ReadOnlySpan<Sector> sectors)
    {
        var holes = 0;
        foreach (ref readonly var sector in sectors)
        {
            holes += sector.IsHole ? 1 : 0;
        }

        return holes;
    }

    private ref Sector[]? ChunkOf(int index)
    {
        var chunk = index / ChunkSectors;
        if (chunk >= _chunks.Length)
        {
            Array.Resize(ref _chunks, Math.Max(chunk + 1, _chunks.Length * 2));
        }

        return ref _chunks[chunk];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Count(int sectors)
    {
        Backed += sectors;
        usage.Sectors += sectors;
    }
}
