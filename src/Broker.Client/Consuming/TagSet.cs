using System.Runtime.InteropServices;
using Broker.Protocol;

namespace Broker.Client.Consuming;

/// <summary>Delivery tags, as the fewest ranges that hold them.</summary>
internal sealed class TagSet
{
    private readonly List<SequenceRange> _ranges = [];

    /// <summary>Ascending, with a gap between any two. Valid until the set changes.</summary>
    public ReadOnlySpan<SequenceRange> Ranges => CollectionsMarshal.AsSpan(_ranges);

    /// <summary>Whether at least one of the tags is in the set.</summary>
    public bool Overlaps(SequenceRange tags)
    {
        var at = Find(tags.First);
        return (at > 0 && _ranges[at - 1].Last >= tags.First) || (at < _ranges.Count && _ranges[at].First <= tags.Last);
    }

    /// <summary>Whether all of the tags are in the set.</summary>
    public bool Contains(SequenceRange tags)
    {
        var at = Find(tags.First);
        at = at < _ranges.Count && _ranges[at].First == tags.First ? at : at - 1;
        return at >= 0 && _ranges[at].Last >= tags.Last;
    }

    /// <summary>Adds tags of which none is in the set.</summary>
    public void Add(SequenceRange tags)
    {
        var at = Find(tags.First);
        var joinsBefore = at > 0 && _ranges[at - 1].Last + 1 == tags.First;
        var joinsAfter = at < _ranges.Count && tags.Last + 1 == _ranges[at].First;
        switch (joinsBefore, joinsAfter)
        {
            case (true, true):
                _ranges[at - 1] = new SequenceRange(_ranges[at - 1].First, _ranges[at].Last);
                _ranges.RemoveAt(at);
                break;
            case (true, false):
                _ranges[at - 1] = _ranges[at - 1] with { Last = tags.Last };
                break;
            case (false, true):
                _ranges[at] = _ranges[at] with { First = tags.First };
                break;
            default:
                _ranges.Insert(at, tags);
                break;
        }
    }

    public void Clear() => _ranges.Clear();

    /// <summary>The index of the first range that begins at or after the tag.</summary>
    private int Find(ulong tag)
    {
        // Nearly always the newest: look from the end.
        if (_ranges.Count == 0 || _ranges[^1].First < tag)
        {
            return _ranges.Count;
        }

        int low = 0, high = _ranges.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_ranges[middle].First < tag)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
