using Broker.Protocol;

namespace Broker.Machines.Ledgers;

/// <summary>What became of a sequence when it came first.</summary>
public enum SequenceOutcome
{
    /// <summary>It was taken, as far as the queue knows.</summary>
    Taken,

    /// <summary>It was refused.</summary>
    Refused,

    /// <summary>It was one or the other: more was refused since than is remembered.</summary>
    Forgotten,
}

/// <summary>
/// Which sequences of a producer a queue has refused, of those below the last one that it has taken: it says so again when they come again. Bounded: the oldest are forgotten. Immutable.
/// </summary>
/// <remarks>A range goes from one refused sequence to another, with nothing between them that was taken; so one range is enough for all that is refused until the queue has room again.</remarks>
public sealed class RefusedSequences
{
    /// <summary>Ranges that are remembered of one producer.</summary>
    public const int MaxRanges = 64;

    private readonly SequenceRange[] _ranges;

    private RefusedSequences(ulong forgottenUpTo, SequenceRange[] ranges)
    {
        ForgottenUpTo = forgottenUpTo;
        _ranges = ranges;
    }

    /// <summary>Nothing is known of sequences up to this one; 0 while nothing is forgotten.</summary>
    public ulong ForgottenUpTo { get; }

    /// <summary>The ranges, ascending; none touches another.</summary>
    public IReadOnlyList<SequenceRange> Ranges => _ranges;

    /// <summary>Those that were refused before one that is about to be the last that was taken.</summary>
    public static RefusedSequences Of(SequenceRange range) => new(0, [range]);

    /// <summary>What <see cref="ForgottenUpTo"/> and <see cref="Ranges"/> gave. Of more ranges than there may be, the first are forgotten.</summary>
    public static RefusedSequences Of(ulong forgottenUpTo, IReadOnlyList<SequenceRange> ranges)
    {
        ArgumentNullException.ThrowIfNull(ranges);
        var over = Math.Max(0, ranges.Count - MaxRanges);
        return new RefusedSequences(over > 0 ? Math.Max(forgottenUpTo, ranges[over - 1].Last) : forgottenUpTo, [.. ranges.Skip(over)]);
    }

    /// <summary>Those that were refused later are known, too.</summary>
    /// <param name="later">All of them are above these.</param>
    public RefusedSequences And(RefusedSequences later)
    {
        ArgumentNullException.ThrowIfNull(later);
        var last = _ranges.Length > 0 ? _ranges[^1].Last : ForgottenUpTo;
        return Of(Math.Max(ForgottenUpTo, later.ForgottenUpTo), [.. _ranges, .. later._ranges.Where(r => r.First > last)]);
    }

    /// <summary>What became of a sequence that is not above the last one that was taken.</summary>
    public SequenceOutcome OutcomeOf(ulong sequence)
    {
        if (sequence <= ForgottenUpTo)
        {
            return SequenceOutcome.Forgotten;
        }

        var (low, high) = (0, _ranges.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = _ranges[middle].Last < sequence ? (middle + 1, high) : (low, middle);
        }

        return low < _ranges.Length && _ranges[low].First <= sequence ? SequenceOutcome.Refused : SequenceOutcome.Taken;
    }

    /// <summary>In words: <c>3-4 9-9</c>, or <c>..2 3-4</c> where those up to 2 are forgotten.</summary>
    public override string ToString() =>
        string.Join(' ', [.. ForgottenUpTo > 0 ? new[] { FormattableString.Invariant($"..{ForgottenUpTo}") } : [], .. _ranges.Select(r => FormattableString.Invariant($"{r.First}-{r.Last}"))]);
}
