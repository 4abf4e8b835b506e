namespace Broker.Storage.Tests.Disks;

/// <summary>
/// What a crash may leave of one file, worked out the slow way: a copy of the whole content after each change since the last sync. It shares no thought with
/// the disk that it judges.
/// </summary>
internal sealed class FileOracle(byte[] content, int sectorBytes)
{
    private readonly List<byte[]> _states = [content];
    private (byte[] Before, byte[] After)? _torn;

    /// <summary>What the process sees.</summary>
    public byte[] Seen => _states[^1];

    /// <summary>Bytes were written, or zeros were allocated behind the end.</summary>
    public void Write(long offset, byte[] bytes) => _states.Add(After(offset, bytes));

    /// <summary>The power went during a write, of which any number of the first bytes may have come so far.</summary>
    public void WriteInPart(long offset, byte[] bytes) => _torn = (Seen, After(offset, bytes));

    /// <summary>The file was cut off or lengthened.</summary>
    public void SetLength(long length)
    {
        var content = new byte[length];
        Seen.AsSpan(0, (int)Math.Min(length, Seen.Length)).CopyTo(content);
        _states.Add(content);
    }

    /// <summary>What is seen is certain.</summary>
    public void Sync() => _states.RemoveRange(0, _states.Count - 1);

    /// <summary>Why the content cannot be what a loss of power has left; null if it can.</summary>
    public string? Judge(byte[] found)
    {
        if (!IsPossibleLength(found.Length))
        {
            return $"length {found.Length} is none of {string.Join(", ", _states.Select(state => state.Length))}";
        }

        for (var start = 0; start < found.Length; start += sectorBytes)
        {
            var sector = found.AsSpan(start, Math.Min(sectorBytes, found.Length - start));
            if (!IsPossible(sector, start))
            {
                return $"the sector at {start} has none of its {_states.Count} states";
            }
        }

        return null;
    }

    private byte[] After(long offset, byte[] bytes)
    {
        var content = new byte[Math.Max(Seen.Length, offset + bytes.Length)];
        Seen.CopyTo(content, 0);
        bytes.CopyTo(content, offset);
        return bytes.Length == 0 ? Seen : content;
    }

    private bool IsPossibleLength(int length)
    {
        for (var i = 0; i < _states.Count; i++)
        {
            var isBetween = i > 0 && length % sectorBytes == 0 && length > _states[i - 1].Length && length < _states[i].Length;
            if (length == _states[i].Length || isBetween)
            {
                return true;
            }
        }

        return _torn is { } torn && length > torn.Before.Length && length <= torn.After.Length;
    }

    private bool IsPossible(ReadOnlySpan<byte> sector, int start)
    {
        foreach (var state in _states)
        {
            if (sector.SequenceEqual(Part(state, start, sector.Length)))
            {
                return true;
            }
        }

        if (_torn is not { } torn)
        {
            return false;
        }

        var written = sector.CommonPrefixLength(Part(torn.After, start, sector.Length));
        return sector[written..].SequenceEqual(Part(torn.Before, start, sector.Length).AsSpan(written));
    }

    private static byte[] Part(byte[] state, int start, int length)
    {
        var part = new byte[length];
        if (start < state.Length)
        {
            state.AsSpan(start, Math.Min(length, state.Length - start)).CopyTo(part);
        }

        return part;
    }
}
