using System.Runtime.InteropServices;

namespace Broker.Storage.Disks;

/// <summary>What a folder of a <see cref="MemoryDisk"/> holds under a name.</summary>
internal abstract class StoredNode;

/// <summary>
/// A file's content as the process sees it, and everything that a crash may leave of it instead: for each sector that was written since the last sync what
/// it was before and after each write, and likewise each length. The disk's lock is held by whoever calls.
/// </summary>
internal sealed partial class StoredFile(int sectorBytes, DiskUsage usage) : StoredNode
{
    private readonly SectorTable _sectors = new(usage);

    // Both empty after a sync. They keep their memory, since most files are synced again and again.
    private readonly List<Touch> _touches = [];
    private readonly List<LengthChange> _lengths = [];

    /// <summary>What is on the disk and will stay, although the process sees something later there: a failed sync has dropped the write, and no sync repeats it.</summary>
    private Dictionary<int, Sector>? _dropped;

    /// <summary>Under how many paths the process sees it.</summary>
    public int Links { get; set; }

    /// <summary>How many times it is open.</summary>
    public int Opens { get; set; }

    /// <summary>Length as the process sees it, in bytes.</summary>
    public long Length { get; private set; }

    /// <summary>Sectors that it takes on the disk.</summary>
    public int Backed => _sectors.Backed;

    /// <summary>Reads at an offset; what lies behind the end is left as it is.</summary>
    /// <returns>How many bytes.</returns>
    public int Read(long offset, Span<byte> buffer)
    {
        if (offset >= Length)
        {
            return 0;
        }

        buffer = buffer[..(int)Math.Min(buffer.Length, Length - offset)];
        var (index, within) = Locate(offset);
        for (var rest = buffer; !rest.IsEmpty; index++, within = 0)
        {
            var count = Math.Min(rest.Length, sectorBytes - within);
            _sectors[index].CopyTo(within, rest[..count]);
            rest = rest[count..];
        }

        return buffer.Length;
    }

    /// <summary>Sectors that a write within a range would add.</summary>
    public int CountHoles(long offset, long length) =>
        length == 0 ? 0 : _sectors.CountHoles(Locate(offset).Index, Locate(offset + length - 1).Index + 1);

    /// <summary>How much of a write fits into so many free sectors; holes are filled from the first on.</summary>
    public long CountFitting(long offset, long length, long freeSectors)
    {
        for (var at = offset; at < offset + length;)
        {
            var (index, within) = Locate(at);
            if (_sectors[index].IsHole && --freeSectors < 0)
            {
                return at - offset;
            }

            at += sectorBytes - within;
        }

        return length;
    }

    /// <summary>An array for a write, whose bytes belong at <c>offset % sectorBytes</c>; the rest is for the neighbours in the same sectors.</summary>
    public static byte[] ImageFor(int sectorBytes, long offset, long length)
    {
        var sectors = ((offset % sectorBytes) + length + sectorBytes - 1) / sectorBytes;
        return GC.AllocateUninitializedArray<byte>(checked((int)(sectors * sectorBytes)));
    }

    /// <summary>Writes the first bytes of an image, which belongs to the file from now on.</summary>
    public void Write(long offset, byte[] image, long length)
    {
        if (length == 0)
        {
            return;
        }

        var (first, head) = Locate(offset);
        var (last, _) = Locate(offset + length - 1);
        _sectors[first].CopyTo(0, image.AsSpan(0, head));
        var end = head + (int)length;
        var room = (last - first + 1) * sectorBytes;
        _sectors[last].CopyTo(sectorBytes - (room - end), image.AsSpan(end, room - end));
        for (var index = first; index <= last; index++)
        {
            Set(index, image, (index - first) * sectorBytes);
        }

        if (offset + length > Length)
        {
            ChangeLength(offset + length, isTorn: true);
        }
    }

    /// <summary>Gives everything up to a length its place.</summary>
    public void Allocate(long length)
    {
        _sectors.Back(CountSectors(length));
        if (length > Length)
        {
            ChangeLength(length, isTorn: true);
        }
    }

    /// <summary>Cuts the file off or lengthens it.</summary>
    public void SetLength(long length)
    {
        if (length < Length)
        {
            Blank(length);
        }

        if (length != Length)
        {
            ChangeLength(length, isTorn: false);
        }
    }

    /// <summary>From here on what the process sees is what is on the disk.</summary>
    public void Sync()
    {
        _touches.Clear();
        _lengths.Clear();
    }

    /// <summary>The place that the file takes is free from now on.</summary>
    public void Release() => _sectors.Release();

    // What is cut off must read as zeros if the file grows again.
    private void Blank(long length)
    {
        var (index, within) = Locate(length);
        if (within > 0)
        {
            if (!_sectors[index].IsBlank)
            {
                var image = new byte[sectorBytes];
                _sectors[index].CopyTo(0, image.AsSpan(0, within));
                Set(index, image, 0);
            }

            index++;
        }

        var end = Math.Min(CountSectors(Length), _sectors.End);
        for (; index < end; index++)
        {
            var sector = _sectors[index];
            if (!sector.IsBlank)
            {
                Set(index, null, 0);
            }
            else if (!sector.IsHole)
            {
                // It reads the same, so there is nothing for a crash to choose from.
                _sectors[index] = default(Sector) with { Touch = sector.Touch };
            }
        }
    }

    private void Set(int index, byte[]? bytes, int start)
    {
        var before = _sectors[index];
        var previous = before.Touch;
        if (!IsTouched(index, before))
        {
            var durable = _dropped is not null && _dropped.Remove(index, out var dropped) ? dropped : before;
            previous = _touches.Count;
            _touches.Add(new Touch(index, -1, 0, durable.Bytes, durable.Start));
        }

        _touches.Add(new Touch(index, previous, _touches[previous].Depth + 1, bytes, start));
        _sectors[index] = new Sector(bytes, start, _touches.Count - 1);
    }

    // Positions from before the last sync stay in the table; such a position counts only if the same sector stands there, and then it has been
    // touched since, so the position is a new one.
    private bool IsTouched(int index, Sector sector) => sector.Touch < _touches.Count && _touches[sector.Touch].Index == index;

    private void ChangeLength(long length, bool isTorn)
    {
        _lengths.Add(new LengthChange(Length, length, isTorn, _touches.Count));
        Length = length;
    }

    private (int Index, int Within) Locate(long offset) => ((int)(offset / sectorBytes), (int)(offset % sectorBytes));

    private int CountSectors(long length) => (int)((length + sectorBytes - 1) / sectorBytes);

    /// <summary>One state of a sector that a crash may leave behind.</summary>
    /// <param name="Index">Which sector.</param>
    /// <param name="Previous">Where in the list its state before this one stands; -1 if this is the one on the disk.</param>
    /// <param name="Depth">How many writes since the last sync have led to it.</param>
    /// <param name="Bytes">The array that has it; null for zeros.</param>
    /// <param name="Start">Where in it the sector begins.</param>
    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Touch(int Index, int Previous, int Depth, byte[]? Bytes, int Start);

    /// <summary>A change of the length since the last sync.</summary>
    /// <param name="From">What it was.</param>
    /// <param name="To">What it is then.</param>
    /// <param name="IsTorn">Whether a crash may leave it at the beginning of any sector in between.</param>
    /// <param name="Touches">How long the list of sectors' states is at the time.</param>
    [StructLayout(LayoutKind.Auto)]
    private readonly record struct LengthChange(long From, long To, bool IsTorn, int Touches);
}
