namespace Broker.Actors.Runtime;

/// <summary>
/// Exponential back-off of restarts: <c>min · 2^(n-1)</c>, at most <c>max</c>, for the n-th restart in a row, made longer by up to
/// <c>jitter</c> of itself. While it waits, the child takes no message; its mailbox keeps them.
/// </summary>
public sealed class RestartBackoff
{
    /// <param name="min">First delay, more than zero.</param>
    /// <param name="max">Longest delay before jitter, at least <paramref name="min"/>.</param>
    /// <param name="jitter">0 to 1; keeps children that failed together from coming back together.</param>
    /// <param name="resetAfter">A child that ran this long since its last restart starts over at <paramref name="min"/>. Default: <paramref name="max"/>.</param>
    public RestartBackoff(TimeSpan min, TimeSpan max, double jitter = 0.2, TimeSpan? resetAfter = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(min, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(max, min);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(max, TimeSpan.FromDays(1));
        if (jitter is not (>= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(jitter), jitter, "Jitter is a share from 0 to 1.");
        }

        Min = min;
        Max = max;
        Jitter = jitter;
        ResetAfter = resetAfter ?? max;
    }

    /// <summary>First delay.</summary>
    public TimeSpan Min { get; }

    /// <summary>Longest delay before jitter.</summary>
    public TimeSpan Max { get; }

    /// <summary>Greatest share of the delay that is added at random.</summary>
    public double Jitter { get; }

    /// <summary>A run of this length ends the row of restarts.</summary>
    public TimeSpan ResetAfter { get; }

    /// <summary>The delay before the n-th restart in a row.</summary>
    /// <param name="restartInRow">From 1.</param>
    /// <param name="random">From 0 to 1.</param>
    public TimeSpan Delay(int restartInRow, double random)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(restartInRow, 1);
        var doublings = Math.Min(restartInRow - 1, 62);
        var delay = Math.Min(Max.TotalSeconds, Min.TotalSeconds * Math.Pow(2, doublings));
        return TimeSpan.FromSeconds(delay * (1 + (Jitter * random)));
    }
}
