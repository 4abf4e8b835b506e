namespace Broker.Machines.Replication;

/// <summary>A part of a shard's log that one epoch has written.</summary>
/// <param name="Epoch">The epoch.</param>
/// <param name="First">Index of its first record.</param>
public readonly record struct Era(long Epoch, ulong First);

/// <summary>
/// Which epoch has written which part of a shard's log. There is one leader in an epoch and it writes in order, so two logs that have a record of the same epoch and index are equal up to
/// there; where they part is found from their eras alone.
/// </summary>
public sealed class Lineage
{
    private readonly List<Era> _eras; // both members grow

    /// <summary>The lineage of an empty log.</summary>
    public Lineage()
        : this(1, [], 0)
    {
    }

    /// <summary>A lineage as it was stored or sent.</summary>
    /// <param name="first">Index of the first record that the log still has; one more than <paramref name="last"/> if it has none.</param>
    /// <param name="eras">In order; the first covers the record before <paramref name="first"/>, if there was one.</param>
    /// <param name="last">Index of the last record; 0 if there never was one.</param>
    /// <exception cref="InvariantViolationException">They contradict each other.</exception>
    public Lineage(ulong first, IEnumerable<Era> eras, ulong last)
    {
        _eras = [.. eras];
        First = first;
        Last = last;
        Invariant.That(first >= 1 && first <= last + 1, "a log begins at 1 or later, and not behind its end");
        Invariant.That(_eras.Zip(_eras.Skip(1)).All(pair => pair.First.Epoch < pair.Second.Epoch && pair.First.First < pair.Second.First), "epochs follow one another");
        Invariant.That(last == 0 ? _eras.Count == 0 : _eras.Count > 0 && _eras[0].First <= Math.Max(1, first - 1) && _eras[^1].First <= last, "the eras cover the log");
    }

    /// <summary>Index of the first record that the log still has: followers that lack one before it need a snapshot.</summary>
    public ulong First { get; private set; }

    /// <summary>Index of the last record; 0 if there never was one.</summary>
    public ulong Last { get; private set; }

    /// <summary>The eras, in order.</summary>
    public IReadOnlyList<Era> Eras => _eras;

    /// <summary>Epoch of the last record; 0 if there never was one.</summary>
    public long LastEpoch => _eras.Count > 0 ? _eras[^1].Epoch : 0;

    /// <summary>The epoch that has written a record; 0 if that is not known: it is not there, or was forgotten.</summary>
    public long EpochOf(ulong index)
    {
        if (index > Last)
        {
            return 0;
        }

        for (var i = _eras.Count - 1; i >= 0; i--)
        {
            if (_eras[i].First <= index)
            {
                return _eras[i].Epoch;
            }
        }

        return 0;
    }

    /// <summary>Records were added at the end.</summary>
    public void Append(long epoch, ulong count)
    {
        Invariant.That(epoch >= LastEpoch && count > 0, "epochs follow one another");
        if (epoch != LastEpoch)
        {
            _eras.Add(new Era(epoch, Last + 1));
        }

        Last += count;
    }

    /// <summary>Records from an index on were thrown away.</summary>
    public void CutFrom(ulong index)
    {
        Invariant.That(index >= First && index <= Last, "what is cut off is there");
        Last = index - 1;
        while (_eras.Count > 0 && _eras[^1].First > Last)
        {
            _eras.RemoveAt(_eras.Count - 1);
        }
    }

    /// <summary>Records before an index are no longer kept.</summary>
    public void ForgetBefore(ulong index)
    {
        Invariant.That(index <= Last + 1, "what is not there yet cannot be forgotten");
        First = Math.Max(First, index);
        while (_eras.Count > 1 && _eras[1].First < First)
        {
            _eras.RemoveAt(0); // the era of the record before the first stays: the log of a follower may end there
        }
    }

    /// <summary>How many records of which epoch lie between two indexes, both included.</summary>
    public IReadOnlyList<EpochRun> Runs(ulong first, ulong last)
    {
        var runs = new List<EpochRun>();
        for (var i = 0; i < _eras.Count; i++)
        {
            var from = Math.Max(first, _eras[i].First);
            var to = Math.Min(last, i + 1 < _eras.Count ? _eras[i + 1].First - 1 : Last);
            if (from <= to)
            {
                runs.Add(new EpochRun(_eras[i].Epoch, to - from + 1));
            }
        }

        return runs;
    }

    /// <summary>Index of the last record up to which this log and another one are equal; 0 if there is none.</summary>
    public ulong CommonEnd(Lineage other)
    {
        for (int mine = _eras.Count - 1, theirs = other._eras.Count - 1; mine >= 0 && theirs >= 0;)
        {
            if (_eras[mine].Epoch == other._eras[theirs].Epoch)
            {
                return Math.Min(EndOf(mine), other.EndOf(theirs));
            }

            if (_eras[mine].Epoch > other._eras[theirs].Epoch)
            {
                mine--;
            }
            else
            {
                theirs--;
            }
        }

        return 0;
    }

    /// <summary>A copy that ends with a record.</summary>
    public Lineage UpTo(ulong last) => new(Math.Min(First, last + 1), _eras.TakeWhile(e => e.First <= last), last);

    /// <inheritdoc/>
    public override string ToString() => $"{First}..{Last} [{string.Join(' ', _eras.Select(e => $"{e.Epoch}@{e.First}"))}]";

    private ulong EndOf(int era) => era + 1 < _eras.Count ? _eras[era + 1].First - 1 : Last;
}

/// <summary>So many records in a row of one epoch.</summary>
/// <param name="Epoch">The epoch.</param>
/// <param name="Count">At least 1.</param>
public readonly record struct EpochRun(long Epoch, ulong Count);
