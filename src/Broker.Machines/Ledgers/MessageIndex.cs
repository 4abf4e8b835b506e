namespace Broker.Machines.Ledgers;

/// <summary>Where the messages of a queue lie on disk: older ones in segments, newer ones in records of the log. Both ascend by position, segments first.</summary>
public sealed class MessageIndex
{
    private static readonly List<SegmentEntry> s_noSegments = []; // of all that never had any; nothing is ever added to it, nor to the next
    private static readonly List<LogRun> s_noRuns = [];
    private List<SegmentEntry> _segments = s_noSegments;
    private List<LogRun> _runs = s_noRuns;
    private int _firstRun; // those before are of no use any more

    /// <summary>The segments, by position.</summary>
    public IReadOnlyList<SegmentEntry> Segments => _segments;

    /// <summary>Records of the log with messages, by position.</summary>
    public ReadOnlySpan<LogRun> Runs => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_runs)[_firstRun..];

    /// <summary>Takes in a record. Its place is not known yet.</summary>
    public void AddRun(in LogRun run)
    {
        _runs = ReferenceEquals(_runs, s_noRuns) ? [] : _runs;
        _runs.Add(run);
    }

    /// <summary>Takes in a segment behind the others.</summary>
    public void AddSegment(SegmentEntry segment) => OwnSegments().Add(segment);

    /// <summary>The record was written there.</summary>
    public void Locate(ulong index, long logPosition, int logLength)
    {
        // Nearly always among the newest.
        for (var i = _runs.Count - 1; i >= _firstRun && _runs[i].Index >= index; i--)
        {
            if (_runs[i].Index == index)
            {
                _runs[i] = _runs[i] with { LogPosition = logPosition, LogLength = logLength };
            }
        }
    }

    /// <summary>The segment that may hold a position; <c>null</c> if none does.</summary>
    public SegmentEntry? FindSegment(ulong position)
    {
        var at = FirstSegmentEndingAt(position);
        return at < _segments.Count && _segments[at].First <= position ? _segments[at] : null;
    }

    /// <summary>The record of the log that brought a position in.</summary>
    /// <returns><c>false</c> if there is none.</returns>
    public bool TryFindRun(ulong position, out LogRun run)
    {
        int low = _firstRun, high = _runs.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_runs[middle].Last < position)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        run = low < _runs.Count ? _runs[low] : default;
        return low < _runs.Count && run.First <= position;
    }

    /// <summary>The lowest position above that a segment or record holds; the highest of all numbers if there is none.</summary>
    public ulong NextPlacedAfter(ulong position)
    {
        var segment = _segments.Find(s => s.First > position)?.First ?? ulong.MaxValue;
        foreach (var run in Runs)
        {
            if (run.First > position)
            {
                return Math.Min(segment, run.First);
            }
        }

        return segment;
    }

    /// <summary>Segments that overlap the positions, by their place in <see cref="Segments"/>.</summary>
    public IEnumerable<int> SegmentsWithin(PositionRange range)
    {
        for (var i = FirstSegmentEndingAt(range.First); i < _segments.Count && _segments[i].First <= range.Last; i++)
        {
            yield return i;
        }
    }

    /// <summary>So many messages of a segment have left the queue.</summary>
    public void Leave(int segment, ulong count) => _segments[segment] = _segments[segment] with { Live = _segments[segment].Live - count };

    /// <summary>Drops records at the front that hold nothing of the queue any more.</summary>
    public void DropRunsBefore(ulong position)
    {
        while (_firstRun < _runs.Count && _runs[_firstRun].Last < position)
        {
            _firstRun++;
        }

        Compact();
    }

    /// <summary>The messages of the records up to a number are in these segments now; a segment that is known gets longer.</summary>
    public void MoveRuns(ulong lastIndex, IReadOnlyList<SegmentEntry> segments)
    {
        while (_firstRun < _runs.Count && _runs[_firstRun].Index <= lastIndex)
        {
            _firstRun++;
        }

        Compact();
        foreach (var segment in segments)
        {
            if (_segments.Count > 0 && _segments[^1].Number == segment.Number)
            {
                var open = _segments[^1];
                _segments[^1] = open with
                {
                    Length = segment.Length,
                    Last = segment.Last,
                    Count = open.Count + segment.Count,
                    Live = open.Live + segment.Live,
                    MessageBytes = open.MessageBytes + segment.MessageBytes,
                };
            }
            else
            {
                OwnSegments().Add(segment);
            }
        }
    }

    /// <summary>Drops everything.</summary>
    public void Clear()
    {
        _segments = s_noSegments;
        _runs = s_noRuns;
        _firstRun = 0;
    }

    /// <summary>Puts segments into the place of all, and of the records whose messages are in them.</summary>
    public void Relocate(IReadOnlyList<SegmentEntry> segments)
    {
        _segments = segments.Count > 0 ? [.. segments] : s_noSegments;
        while (segments.Count > 0 && _firstRun < _runs.Count && _runs[_firstRun].First <= segments[^1].Last)
        {
            _firstRun++;
        }

        Compact();
    }

    /// <summary>Puts other segments into the place of some. Those may have left meanwhile.</summary>
    public void Replace(IReadOnlyList<uint> old, IReadOnlyList<SegmentEntry> segments)
    {
        OwnSegments().RemoveAll(s => old.Contains(s.Number));
        foreach (var segment in segments)
        {
            var at = _segments.FindIndex(s => s.First > segment.First);
            _segments.Insert(at < 0 ? _segments.Count : at, segment);
        }
    }

    /// <summary>Takes segments without messages out.</summary>
    /// <returns>Their numbers.</returns>
    public IReadOnlyList<uint> TakeEmpty()
    {
        List<uint>? empty = null;
        foreach (var segment in _segments)
        {
            if (segment.Live == 0)
            {
                (empty ??= []).Add(segment.Number);
            }
        }

        if (empty is not null)
        {
            _segments.RemoveAll(s => s.Live == 0);
        }

        return empty ?? (IReadOnlyList<uint>)[];
    }

    /// <summary>The list, to be changed.</summary>
    private List<SegmentEntry> OwnSegments() => _segments = ReferenceEquals(_segments, s_noSegments) ? [] : _segments;

    private int FirstSegmentEndingAt(ulong position)
    {
        int low = 0, high = _segments.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_segments[middle].Last < position)
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

    private void Compact()
    {
        if (_firstRun > 64 && _firstRun > _runs.Count / 2)
        {
            _runs.RemoveRange(0, _firstRun);
            _firstRun = 0;
        }
    }
}
