namespace Broker.Coordination.Embedded;

/// <summary>The last changes, for those who watch: each reads on from the revision that it knows, so one that is slow costs nothing, and falls out when it is too slow.</summary>
/// <param name="maxChanges">How many are kept.</param>
/// <param name="maxBytes">Bytes of keys and values that they may have; the last one is kept in any case.</param>
/// <param name="revision">The revision after which the history begins.</param>
internal sealed class MetadataHistory(int maxChanges, long maxBytes, long revision)
{
    private MetadataChange[] _ring = new MetadataChange[Math.Min(16, maxChanges)];
    private int _first;
    private int _count;
    private long _bytes;

    /// <summary>The changes after this revision, and after any later one, are known.</summary>
    public long OldestRevision { get; private set; } = revision;

    /// <summary>Adds the next change.</summary>
    public void Add(MetadataChange change)
    {
        _bytes += Size(change);
        if (_count == maxChanges)
        {
            DropFirst();
        }

        if (_count == _ring.Length)
        {
            Grow();
        }

        _ring[(_first + _count) % _ring.Length] = change;
        _count++;
        while (_bytes > maxBytes && _count > 1)
        {
            DropFirst();
        }
    }

    /// <summary>Copies the first changes after a revision.</summary>
    /// <param name="after">The revision.</param>
    /// <param name="target">Where to; its capacity is not exceeded.</param>
    /// <exception cref="MetadataCompactedException">They are not known any more.</exception>
    public void CopyAfter(long after, List<MetadataChange> target)
    {
        if (after < OldestRevision)
        {
            throw new MetadataCompactedException(
                $"the changes after revision {after} are no longer known, only those after revision {OldestRevision}: read again, and watch from there", OldestRevision);
        }

        for (var i = IndexAfter(after); i < _count && target.Count < target.Capacity; i++)
        {
            target.Add(At(i));
        }
    }

    private int IndexAfter(long after)
    {
        var (low, high) = (0, _count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = At(middle).Revision <= after ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    private MetadataChange At(int index) => _ring[(_first + index) % _ring.Length];

    private void DropFirst()
    {
        var dropped = _ring[_first];
        _ring[_first] = null!;
        _first = (_first + 1) % _ring.Length;
        _count--;
        _bytes -= Size(dropped);
        OldestRevision = dropped.Revision;
    }

    private void Grow()
    {
        var larger = new MetadataChange[Math.Min(2 * _ring.Length, maxChanges)];
        for (var i = 0; i < _count; i++)
        {
            larger[i] = At(i);
        }

        (_ring, _first) = (larger, 0);
    }

    private static long Size(MetadataChange change) => change.Puts.Sum(MetadataTree.Size) + change.Deletes.Sum(key => (long)key.Length);
}
